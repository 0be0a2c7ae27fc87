r"""Which program opens a file that is not a program, on Windows.

A command line may begin with the name of a script or an installer (``setup.msi /qn``). ConfigMgr
starts what the extension is associated with on the machine, and so does dlcore.

Source: Microsoft Learn, "Task sequence steps", Run Command Line; "File Types": the extension's key
names a type, and the type's ``shell\open\command`` is a template with ``%1`` and ``%*``.
"""

from __future__ import annotations

import ntpath
import re
import sys
from typing import Final, NamedTuple, Protocol

_PROGRAMS: Final = frozenset({"", ".exe", ".com", ".bat", ".cmd"})
_PARSERS: Final = frozenset({"cmd", "command", "powershell", "pwsh"})
_FILE: Final = re.compile(r'"%[1Ll]"|%[1Ll]')
_OPENER: Final = re.compile(r'\s*(?:"([^"]+)"|(.+?\.exe)(?=\s|\Z)|(\S+))', re.IGNORECASE)
_FIRST: Final = re.compile(r'\s*(?:"[^"]*"|\S*)')


class Opening(NamedTuple):
    """What opens a file.

    Attributes:
        text: The whole command line.
        program: The file that it starts.
    """

    text: str
    program: str


class Associations(Protocol):
    """The file types of a machine."""

    def open_command(self, extension: str) -> str:
        """The template of the command that opens such files; empty if there is none."""
        ...


def opened(line: str, program: str, associations: Associations) -> Opening | None:
    """What opens the file at the beginning of a line.

    Args:
        line: For ``CreateProcess``: a file, and arguments that are quoted already.
        program: The full path of that file.
        associations: The machine's.

    Returns:
        None if the file is a program itself, or of a type that nothing opens.

    Raises:
        ValueError: It is opened by an interpreter that would parse the arguments again.
    """
    extension = ntpath.splitext(program)[1].lower()
    template = "" if extension in _PROGRAMS else associations.open_command(extension)
    found = _OPENER.match(template)
    if not found:
        return None
    opener = next(filter(None, found.groups()))
    if ntpath.basename(opener).lower().removesuffix(".exe") in _PARSERS:
        raise ValueError(
            f"files of the type {extension} are opened by {ntpath.basename(opener)}, which would"
            " parse their arguments again; name the program in the command line"
        )
    return Opening(_filled(template, program, _FIRST.sub("", line, count=1).strip()), opener)


def _filled(template: str, file: str, arguments: str) -> str:
    """A template with the file and the arguments, which stand at its end if it has no place."""
    before, places, after = template.partition("%*")
    text, count = _FILE.subn(lambda _: f'"{file}"', before)
    if not count:
        text = f'{text.rstrip()} "{file}" '
    return f"{text if places else text + ' '}{arguments}{after}".rstrip()


if sys.platform == "win32":
    import winreg

    class RegistryAssociations:
        """The file types in the registry. Implements `Associations`."""

        def open_command(self, extension: str) -> str:
            """The template of the command that opens such files; empty if there is none."""
            kind = _default_of(extension)
            return _default_of(rf"{kind}\shell\open\command") if kind else ""

    def _default_of(key: str) -> str:
        try:
            with winreg.OpenKey(winreg.HKEY_CLASSES_ROOT, key) as opened_key:
                value, kind = winreg.QueryValueEx(opened_key, "")
        except OSError:
            return ""
        text = value if isinstance(value, str) else ""
        return winreg.ExpandEnvironmentStrings(text) if kind == winreg.REG_EXPAND_SZ else text
