"""Who controls a file or folder on a system with POSIX owners and modes.

A group that has no other members counts as its user. Those who may write by a POSIX access list
count as well (`posix_acl`); a list that cannot be read or understood makes the place unsafe.

Source: sudo's and OpenSSH's checks of modes (``StrictModes``); man 2 chmod.
"""

from __future__ import annotations

import os
import shlex
import stat
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from dlcore.disk.posix_acl import access_list_of, named_writers

assert sys.platform != "win32"

ADMINISTRATOR = 0  # may change everything anyway


class Modes:
    """Who controls a place, by its status. Implements `ownership.Control`.

    Args:
        status: What ``lstat`` or ``fstat`` says about it.
        access_list: Reads its access list, as `access_list_of` returns it.
    """

    __slots__ = ("_access_list", "_status", "_user")

    def __init__(self, status: os.stat_result, access_list: Callable[[], bytes] = bytes) -> None:
        self._access_list = access_list
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
        if not self._status.st_mode & stat.S_IWGRP:  # with an access list, that is its mask
            return False
        return not _is_alone_in(self._status.st_gid, self._user) or self._others_are_named()

    def _others_are_named(self) -> bool:
        try:
            named = named_writers(self._access_list())
        except (OSError, ValueError):
            return True
        others = named.users - {self._user, ADMINISTRATOR}
        return bool(others) or not all(_is_alone_in(each, self._user) for each in named.groups)

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


def control_of(path: Path | str, status: os.stat_result, fd: int | None = None) -> Modes:
    """Who controls a place: its status tells, and the access list of its path or its open file."""
    return Modes(status, partial(access_list_of, path if fd is None else fd))


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
