"""Who controls a file or folder on a system with POSIX owners and modes.

A group that has no other members counts as its user.

Source: sudo's and OpenSSH's checks of modes (``StrictModes``); man 2 chmod.
"""

from __future__ import annotations

import os
import shlex
import stat
import sys
from pathlib import Path

assert sys.platform != "win32"

ADMINISTRATOR = 0  # may change everything anyway


class Modes:
    """Who controls a place, by its status. Implements `ownership.Control`.

    Args:
        status: What ``lstat`` or ``fstat`` says about it.
    """

    __slots__ = ("_status", "_user")

    def __init__(self, status: os.stat_result) -> None:
        self._status = status
        self._user = os.geteuid()

    @property
    def owner(self) -> str:
        """The owner, for messages."""
        return f"user {self._status.st_uid}"

    @property
    def is_own(self) -> bool:
        """Whether it belongs to this user."""
        return self._status.st_uid == self._user

    @property
    def is_of_another(self) -> bool:
        """Whether another ordinary user owns it."""
        return self._status.st_uid not in {self._user, ADMINISTRATOR}

    def others_may_change(self) -> bool:
        """Whether others may write to it."""
        if self._status.st_mode & stat.S_IWOTH:
            return True
        is_for_group = bool(self._status.st_mode & stat.S_IWGRP)
        return is_for_group and not _is_alone_in(self._status.st_gid, self._user)

    def others_may_exchange(self) -> bool:
        """Whether others may rename what lies in a folder: its sticky bit forbids that."""
        return not self._status.st_mode & stat.S_ISVTX and self.others_may_change()

    def others_may_redirect(self) -> bool:
        """Whether others may lead a link elsewhere: its folder decides, the link has no mode."""
        return False

    def is_shared(self) -> bool:
        """Whether it is a folder like ``/tmp``: all may make files, and only rename their own."""
        return bool(self._status.st_mode & stat.S_ISVTX and self._status.st_mode & stat.S_IWOTH)

    def others_may_read(self) -> bool:
        """Whether others may read or change it.

        The group may read a file that belongs to another user, such as the administrator: that is
        how this user gets to read it.
        """
        group = stat.S_IRWXG if self.is_own else stat.S_IWGRP
        return bool(self._status.st_mode & (stat.S_IRWXO | group))

    def other_place(self) -> str:
        """What to do about a place that another user owns."""
        if self._user == ADMINISTRATOR:
            return f"Run as {self.owner}, or choose a folder that only root can change."
        return "Choose a folder that belongs to this user and lies in folders of this user or root."

    def without_writers(self, path: Path | str) -> str:
        """The command that keeps others from changing it."""
        return f"chmod go-w {shlex.quote(str(path))}"

    def without_readers(self, path: Path | str) -> str:
        """The command that keeps others from reading and changing it."""
        return f"chmod 600 {shlex.quote(str(path))}"


def control_of(_: Path | str, status: os.stat_result, _fd: int | None = None) -> Modes:
    """Who controls a place: its status tells all of it."""
    return Modes(status)


def _is_alone_in(group: int, user: int) -> bool:
    """Whether a group has no members but this user and the administrator.

    Many systems give each user such a group, and let it write to what the user makes. Debian's
    OpenSSH accepts it too (``user-group-modes.patch``).
    """
    import grp
    import pwd

    trusted = {user, ADMINISTRATOR}
    try:
        members = {pwd.getpwnam(name).pw_uid for name in grp.getgrgid(group).gr_mem}
    except KeyError:  # an unknown group, or an unknown member
        return False
    return members <= trusted and all(
        each.pw_uid in trusted for each in pwd.getpwall() if each.pw_gid == group
    )
