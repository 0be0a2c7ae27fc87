"""Who controls a file or folder on Windows, by its owner and access list.

What belongs to the system or to the administrators counts as this user's own: they may change
everything anyway, and what an elevated administrator makes belongs to that group.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
from pathlib import Path

from dlcore.disk.access_list import ADMINISTRATORS, SYSTEM, Security
from dlcore.disk.links import is_folder
from dlcore.errors import OwnershipError

if sys.platform == "win32":
    from dlcore.disk import windows_security

_log = logging.getLogger(__name__)


class AccessControl:
    """Who controls a place, by its security descriptor. Implements `ownership.Control`.

    Args:
        security: Its owner and access list.
        user: SID of this user.
        passes_on: Whether it is a folder, whose access list what is in it inherits.
        has_lists: Whether its disk keeps owners and access lists. Without them nobody can be kept
            out: only what is secret counts as open then.
    """

    __slots__ = ("_has_lists", "_passes_on", "_security", "_user")

    def __init__(
        self, security: Security, user: str, *, passes_on: bool, has_lists: bool = True
    ) -> None:
        self._has_lists = has_lists
        self._security = security
        self._user = user
        self._passes_on = passes_on

    @property
    def owner(self) -> str:
        """The owner, for messages."""
        return self._security.owner or "nobody"

    @property
    def is_own(self) -> bool:
        """Whether it belongs to this user, the system or the administrators."""
        return not self.is_of_another

    @property
    def is_of_another(self) -> bool:
        """Whether another ordinary user owns it."""
        return self._has_lists and self._security.is_of_another(self._user)

    def others_may_change(self) -> bool:
        """Whether others may write to it."""
        return self._has_lists and bool(self._security.writers(self._user))

    def others_may_exchange(self) -> bool:
        """Whether others may rename what lies in a folder: not while a file below it is open.

        dlcore has its lock open there. So the access lists of the folders on the way do not matter.
        """
        return False

    def others_may_redirect(self) -> bool:
        """Whether others may lead a link elsewhere; they can also make one of an empty folder."""
        return self.others_may_change()

    def is_shared(self) -> bool:
        """Whether others may make files in a folder."""
        return self.others_may_change()

    def others_may_read(self) -> bool:
        """Whether others may read or change it."""
        return bool(self._security.readers(self._user))

    def other_place(self) -> str:
        """What to do about a place that another user owns."""
        return "Choose a folder of this user that lies in folders of this user or of Windows."

    def without_writers(self, path: Path | str) -> str:
        """The command that keeps others from changing it."""
        return self._command(path, self._security.writers(self._user))

    def without_readers(self, path: Path | str) -> str:
        """The command that keeps others from reading and changing it."""
        command = self._command(path, self._security.readers(self._user))
        return f'takeown /f "{path}", then {command}' if self.is_of_another else command

    def _command(self, path: Path | str, others: tuple[str, ...]) -> str:
        """A command for ``cmd.exe`` and PowerShell. By their SIDs all have the same names."""
        everything = "(OI)(CI)F" if self._passes_on else "F"
        trusted = dict.fromkeys((self._user, SYSTEM, ADMINISTRATORS))
        grants = " ".join(f'"*{sid}:{everything}"' for sid in trusted)
        removed = "".join(f' "*{sid}"' for sid in others)
        return f'icacls "{path}" /inheritance:r /grant:r {grants} /remove:g{removed}'


if sys.platform == "win32":

    def control_of(
        path: Path | str, status: os.stat_result, fd: int | None = None
    ) -> AccessControl:
        """Who controls a place.

        Args:
            path: The place.
            status: What ``lstat`` or ``fstat`` says about it.
            fd: The open file there, if there is one: then the path is not looked at again.

        Raises:
            OwnershipError: Its security descriptor cannot be understood.
            OSError: It is not there, or this user may not read who controls it.
        """
        try:
            security = (
                windows_security.security_of(path)
                if fd is None
                else windows_security.security_of_open(fd)
            )
        except ValueError as error:
            raise OwnershipError(
                f"not safe to use: {path}: {error}",
                path=Path(path),
                remedy="Choose another folder.",
            ) from error
        has_lists = not security.admits_everyone or windows_security.keeps_access_lists(path)
        if not has_lists:
            _warn(Path(path).anchor)
        return AccessControl(
            security,
            windows_security.current_user(),
            passes_on=is_folder(status),
            has_lists=has_lists,
        )

    @functools.cache  # once for each disk
    def _warn(disk: str) -> None:
        _log.warning("%s keeps no access lists: other users of this machine can alter it", disk)
