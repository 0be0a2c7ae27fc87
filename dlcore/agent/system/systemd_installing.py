"""Puts the agent's units where systemd finds them, and takes them away again.

Without a running systemd, as in an image that is being built, units are written and enabled, and
nothing is started. A unit that dlcore has not written is never changed or removed.

Source: man 1 systemctl; man 3 sd_booted; man 5 systemd.unit, "Unit File Load Path".
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from dlcore.agent.addresses import Scope
from dlcore.agent.system.systemd_units import MARK, UNIT, Units
from dlcore.disk.faults import storage_error
from dlcore.disk.system import make_folders, sync_folder
from dlcore.errors import AgentError
from dlcore.plain_files import read_plain
from dlcore.text_files import text_of

assert sys.platform != "win32"

NAMES: Final = (f"{UNIT}.socket", f"{UNIT}.service")  # the socket first, so that no client is lost
SYSTEM_UNITS: Final = Path("/etc/systemd/system")
_RUNNING: Final = Path("/run/systemd/system")
_MODE = 0o644


class Systemctl(Protocol):
    """The program ``systemctl``, for one scope."""

    @property
    def is_running(self) -> bool:
        """Whether systemd runs, so that units can be started."""
        ...

    def __call__(self, *words: str) -> None:
        """Run it.

        Raises:
            AgentError: It failed; the message has its own words.
        """
        ...


class SystemctlProgram:
    """Implements `Systemctl`.

    Args:
        scope: Whose units it looks after.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._command = ["systemctl", f"--{scope}"]
        self.is_running = _RUNNING.is_dir()

    def __call__(self, *words: str) -> None:
        """Run it; raises as `Systemctl`."""
        command = [*self._command, *words]
        try:
            ended = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
        except FileNotFoundError:
            raise AgentError(
                "there is no systemctl here, so systemd cannot run the agent",
                remedy="Have 'dlcore agent run' started by what starts services here.",
            ) from None
        if ended.returncode:
            why = text_of(ended.stderr).strip() or f"status {ended.returncode}"
            raise AgentError(f"{' '.join(command)} failed: {why}", remedy=self._remedy())

    def _remedy(self) -> str:
        if self._scope is Scope.USER:
            return (
                f"'journalctl --user -u {UNIT}' tells more. If there is no bus: log in as that "
                "user, and not with su or sudo. Then run 'dlcore agent install' again."
            )
        return f"'journalctl -u {UNIT}' tells more. Then run 'dlcore agent install' again."


class SystemdInstaller:
    """Installs the agent of one scope.

    Args:
        folder: Where the units are.
        systemctl: Tells systemd.
    """

    def __init__(self, folder: Path, systemctl: Systemctl) -> None:
        self._folder = folder
        self._systemctl = systemctl

    def is_installed(self) -> bool:
        """Whether some of the units are there; raises as `check`."""
        return any(self._text(name) is not None for name in NAMES)

    def check(self) -> None:
        """Refuse to replace or remove what dlcore has not written.

        Raises:
            AgentError: There is such a unit. Nothing was changed.
            StorageError: It cannot be read.
        """
        for name in NAMES:
            text = self._text(name)
            if text is not None and not text.startswith(MARK):
                raise AgentError(
                    f"{self._folder / name} was not written by dlcore",
                    remedy="Move it away, and run the command again.",
                )

    def install(self, units: Units) -> Iterator[str]:
        """Write, enable and start the units; reports each change once it is made.

        What is there is changed, and an agent that runs is restarted.

        Raises:
            AgentError: A unit is not dlcore's, or systemd refused. What was reported is done.
            StorageError: A unit cannot be written.
        """
        self.check()
        files = units.files()
        for name in NAMES:
            if self._text(name) == files[name]:
                yield f"left {self._folder / name} as it was"
            else:
                self._write(name, files[name])
                yield f"wrote {self._folder / name}"
        if not self._systemctl.is_running:
            self._systemctl("enable", *NAMES)
            yield "enabled both; they start with systemd, which does not run now"
            return
        self._systemctl("daemon-reload")
        self._systemctl("enable", *NAMES)
        # Also if nothing was written: an earlier try may have got no further, and dlcore itself may
        # be another one now. A socket cannot be restarted while its service runs.
        self._systemctl("stop", *reversed(NAMES))
        for name in NAMES:
            self._systemctl("start", name)
        yield "enabled and started both"

    def uninstall(self) -> Iterator[str]:
        """Stop, disable and remove the units; reports each change once it is made. Idempotent.

        Raises:
            AgentError: A unit is not dlcore's, or systemd refused. What was reported is done.
            StorageError: A unit cannot be removed.
        """
        self.check()
        found = [name for name in NAMES if self._text(name) is not None]
        if not found:
            return
        if self._systemctl.is_running:
            self._systemctl("stop", *reversed(found))
            yield "the agent is stopped"
        self._systemctl("disable", *found)
        for name in found:
            with self._translated("remove", name):
                (self._folder / name).unlink(missing_ok=True)
            yield f"disabled and removed {self._folder / name}"
        if self._systemctl.is_running:
            self._systemctl("daemon-reload")

    def _text(self, name: str) -> str | None:
        with self._translated("read", name), contextlib.suppress(FileNotFoundError):
            return read_plain(self._folder / name).decode(errors="replace")
        return None

    def _write(self, name: str, text: str) -> None:
        path = self._folder / name
        new = path.with_name(f".{name}.new")
        with self._translated("write", name):
            make_folders(self._folder)
            new.unlink(missing_ok=True)  # left by a process that was killed
            with open(new, "x", encoding="ascii") as file:  # noqa: PTH123  # no other mode below
                os.fchmod(file.fileno(), _MODE)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
            sync_folder(self._folder)

    @contextlib.contextmanager
    def _translated(self, doing: str, name: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise storage_error(error, f"{doing} the unit", self._folder / name) from error


def folder_of_units(scope: Scope) -> Path:
    """Where an administrator's units are, or a user's."""
    if scope is Scope.SYSTEM:
        return SYSTEM_UNITS
    home = os.environ.get("XDG_CONFIG_HOME", "")
    base = Path(home) if home.startswith("/") else Path.home() / ".config"
    return base / "systemd" / "user"
