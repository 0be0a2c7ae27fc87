"""Asks a Windows computer what conditions want to know.

Guarantees: read-only; text from a task sequence reaches PowerShell only through its environment,
never as part of a command. Assumes Windows: elsewhere the registry cannot be asked, which is an
OSError like every other question that finds no answer.
"""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from dlcore.file_times import moment_of
from dlcore.printable import quoted
from dlcore.tasksequence.file_version import file_version
from dlcore.tasksequence.windows import RegistryValue

_TIMEOUT_S = 60  # a WMI provider may take long to start
_WMI = (
    "if (Get-CimInstance -Namespace $env:DLCORE_NAMESPACE -Query $env:DLCORE_QUERY"
    " -ErrorAction Stop | Select-Object -First 1) { 'True' } else { 'False' }"
)
_WMI_ANSWERS = {"True": True, "False": False}
_MAX_TOLD = 200  # characters of what PowerShell prints, in the text of an error
_ENVIRONMENT = frozenset(
    """
    SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATH PATHEXT PSMODULEPATH
    TEMP TMP HOME USERPROFILE APPDATA LOCALAPPDATA PROGRAMDATA
    PROGRAMFILES PROGRAMFILES(X86) PROCESSOR_ARCHITECTURE LANG
    """.split()  # noqa: SIM905  # plainer than a name a line
)
"""What PowerShell needs of the environment; the rest may hold credentials."""

_HIVES = {
    "HKLM": "HKEY_LOCAL_MACHINE",
    "HKCU": "HKEY_CURRENT_USER",
    "HKCR": "HKEY_CLASSES_ROOT",
    "HKU": "HKEY_USERS",
    "HKCC": "HKEY_CURRENT_CONFIG",
}


class SystemProbes:
    """Implements ``windows.Probes``.

    Args:
        powershell: Executable to ask for WMI.
        run: Runs it, as `subprocess.run` does.
    """

    def __init__(
        self,
        powershell: str = "powershell.exe",
        run: Callable[..., subprocess.CompletedProcess[bytes]] = subprocess.run,
    ) -> None:
        self._powershell = powershell
        self._run = run

    def file_exists(self, path: str) -> bool:
        """Whether the file exists."""
        return _path(path).is_file()

    def folder_exists(self, path: str) -> bool:
        """Whether the folder exists."""
        return _path(path).is_dir()

    def created(self, path: str) -> datetime.datetime:
        """The time of creation; Windows keeps it in ``st_ctime``."""
        return moment_of(_path(path).stat().st_ctime)

    def file_version(self, path: str) -> str:
        """The version in the file's resources."""
        return file_version(str(_path(path)))

    def wmi_answers(self, namespace: str, query: str) -> bool:
        """Whether the query gives an instance."""
        answer = self._ask(_WMI, DLCORE_NAMESPACE=namespace, DLCORE_QUERY=query)
        if answer not in _WMI_ANSWERS:
            raise OSError(f"PowerShell did not answer, but printed {quoted(answer[:_MAX_TOLD])}")
        return _WMI_ANSWERS[answer]

    def key_exists(self, key_path: str) -> bool:
        """Whether the key exists."""
        if sys.platform != "win32":
            raise OSError("this system has no registry")
        import winreg

        hive, below = _split(key_path)
        access = winreg.KEY_READ | winreg.KEY_WOW64_64KEY
        try:
            winreg.OpenKey(getattr(winreg, hive), below, 0, access).Close()
        except FileNotFoundError:
            return False
        return True

    def registry_value(self, key_path: str, name: str) -> RegistryValue | None:
        """The value; None if it does not exist."""
        if sys.platform != "win32":
            raise OSError("this system has no registry")
        import winreg

        hive, below = _split(key_path)
        access = winreg.KEY_READ | winreg.KEY_WOW64_64KEY
        try:
            with winreg.OpenKey(getattr(winreg, hive), below, 0, access) as key:
                data, number = winreg.QueryValueEx(key, name)
        except FileNotFoundError:
            return None
        types = ("NONE", "SZ", "EXPAND_SZ", "BINARY", "DWORD", "MULTI_SZ", "QWORD")
        kind = next((t for t in types if getattr(winreg, f"REG_{t}") == number), str(number))
        return RegistryValue(f"REG_{kind}", str(data) if isinstance(data, int | str) else None)

    def _ask(self, command: str, **values: str) -> str:
        """What PowerShell prints, without white space at its ends.

        Raises:
            OSError: It failed, or printed nothing: that is not an answer.
        """
        try:
            done = self._run(
                [self._powershell, "-NoProfile", "-NonInteractive", "-Command", command],
                env={**_needed(os.environ), **values},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TIMEOUT_S,
            )
        except (subprocess.SubprocessError, ValueError) as error:
            raise OSError(f"PowerShell did not answer: {error}") from error
        answer = _text(done.stdout)
        if done.returncode or not answer:
            told = _text(done.stderr)[:_MAX_TOLD]
            raise OSError(f"PowerShell did not answer: exit code {done.returncode} {quoted(told)}")
        return answer


def _text(printed: bytes) -> str:
    """What PowerShell printed: it writes to a pipe in the code page of the console."""
    encoding = "oem" if sys.platform == "win32" else "utf-8"
    return printed.decode(encoding, errors="replace").strip()


def _needed(process: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in process.items() if name.upper() in _ENVIRONMENT}


def _path(text: str) -> Path:
    return Path(os.path.expandvars(text))


def _split(key_path: str) -> tuple[str, str]:
    hive, _, below = key_path.strip("\\").partition("\\")
    name = _HIVES.get(hive.upper(), hive.upper())
    if name not in _HIVES.values():
        raise OSError(f"{hive} is not a hive of the registry")
    return name, below
