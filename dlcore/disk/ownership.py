"""Who may change what lies at a path: a place that another ordinary user can alter is refused.

A private place (a state directory, a lock file) belongs to the user of this process, and nobody
else may write to it. Every folder on the way to it belongs to that user or to the administrator.
Others may write to such a folder only if its sticky bit keeps them from renaming what is there.

Windows: links are refused there too. Who owns a file and who may write to it is not judged.

Source: sudo's and OpenSSH's checks of modes (``StrictModes``); man 7 path_resolution, man 2 chmod.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from dlcore.disk.links import is_link
from dlcore.errors import OwnershipError

ADMINISTRATOR = 0  # may change everything anyway
MAX_LINKS = 40  # as Linux, before it says ELOOP


def current_user() -> int | None:
    """Id of the user that this process acts as; None where files do not tell their owner.

    Windows: ``st_uid`` is 0 for every file there and the mode says nothing about others. Access
    lists would tell, and the standard library cannot read them.
    """
    return None if sys.platform == "win32" else os.geteuid()


def check_private(path: Path | str, status: os.stat_result) -> None:
    """Refuse a place that is a link, that another user owns, or that others may write to.

    Args:
        path: The place, for the message.
        status: What ``lstat`` or ``fstat`` says about it.

    Raises:
        OwnershipError: It is refused. Nothing was changed.
    """
    check_owner(path, status)
    user = current_user()
    if user is not None and _others_may_write(status, user):
        raise _writable(path)


def check_owner(path: Path | str, status: os.stat_result) -> None:
    """Refuse what is a link or belongs to another user; the mode does not matter.

    That is enough below a private folder, which others cannot write to.

    Raises:
        OwnershipError: It is refused. Nothing was changed.
    """
    if is_link(status):
        raise _refusal(path, "is a link", "Name the place that it leads to, or remove the link.")
    user = current_user()
    if user is not None and status.st_uid != user:
        raise _owned_by_other(path, status.st_uid, user)


def is_of_another(status: os.stat_result) -> bool:
    """Whether another ordinary user owns a place, and so may alter it at any time."""
    user = current_user()
    return user is not None and status.st_uid not in {user, ADMINISTRATOR}


def check_not_of_another(path: Path | str, status: os.stat_result) -> None:
    """Refuse what another ordinary user owns.

    Raises:
        OwnershipError: It is refused. Nothing was changed.
    """
    user = current_user()
    if user is not None and is_of_another(status):
        raise _owned_by_other(path, status.st_uid, user)


def check_way(path: Path) -> None:
    """Refuse a private folder that another ordinary user could alter or exchange.

    Judges every folder and link on the way to it, and the folder itself if it exists.

    Args:
        path: The folder, absolute. It need not exist.

    Raises:
        OwnershipError: A place on the way, or the folder itself, is refused. Nothing was changed.
        OSError: The way cannot be followed.
    """
    user = current_user()
    for place, status in _way(path.parent):
        if user is not None:
            _check_on_the_way(place, status, user)
    try:
        check_private(path, path.lstat())
    except FileNotFoundError:
        return


def followed(path: Path) -> Path:
    """The place that a path names, links followed, unless another user has planted one of them.

    In a folder where everyone may write and only owners may delete, a link is followed only if it
    belongs to this user or to the owner of the folder. On Windows all links are followed.

    Raises:
        OwnershipError: A link on the way, or the path itself, is refused.
        OSError: The way cannot be followed.

    Source: Linux, admin-guide/sysctl/fs, ``protected_symlinks``, which may be off.
    """
    path = path.absolute()
    _check_links(path)
    place = path.resolve()
    _check_links(path)  # of one that was planted in between
    return place


def _check_links(path: Path) -> None:
    user = current_user()
    for place, status in _way(path):
        if user is None or not is_link(status) or status.st_uid == user:
            continue
        folder = place.parent.lstat()
        is_open = folder.st_mode & stat.S_ISVTX and folder.st_mode & stat.S_IWOTH
        if is_open and status.st_uid != folder.st_uid:
            raise _refusal(
                place,
                f"is a link of user {status.st_uid} in a folder where everyone may write",
                "Name the place that it leads to, or remove the link.",
            )


def is_open_to_others(status: os.stat_result) -> bool:
    """Whether other users can read or change a file that should hold a secret.

    The group may read a file that belongs to another user, such as the administrator: that is how
    this user gets to read it. False where files do not tell (`current_user`).

    Args:
        status: What ``fstat`` says about the open file.
    """
    user = current_user()
    if user is None:
        return False
    group = stat.S_IRWXG if status.st_uid == user else stat.S_IWGRP
    return bool(status.st_mode & (stat.S_IRWXO | group))


def _way(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Every folder and link that leads to a path, from the root on, as far as it exists."""
    here = Path(path.anchor)
    yield here, here.lstat()
    names = list(reversed(path.parts[1:]))
    links = 0
    while names:
        name = names.pop()
        if name == "..":
            here = here.parent
            continue
        place = here / name
        try:
            status = place.lstat()
        except FileNotFoundError:
            return
        yield place, status
        if not is_link(status):
            here = place
            continue
        links += 1
        if links > MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
        target = place.readlink()
        here = Path(target.anchor) if target.is_absolute() else here
        names.extend(reversed(target.parts[1:] if target.is_absolute() else target.parts))


def _check_on_the_way(path: Path, status: os.stat_result, user: int) -> None:
    if status.st_uid not in {user, ADMINISTRATOR}:
        raise _owned_by_other(path, status.st_uid, user)
    if is_link(status) or status.st_mode & stat.S_ISVTX:
        return  # a link has no mode of its own
    if _others_may_write(status, user):
        raise _writable(path)


def _others_may_write(status: os.stat_result, user: int) -> bool:
    if status.st_mode & stat.S_IWOTH:
        return True
    return bool(status.st_mode & stat.S_IWGRP) and not _is_alone_in(status.st_gid, user)


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


def _owned_by_other(path: Path | str, owner: int, user: int) -> OwnershipError:
    remedy = "Choose a folder that belongs to this user and lies in folders of this user or root."
    if user == ADMINISTRATOR:
        remedy = f"Run as user {owner}, or choose a folder that only root can change."
    return _refusal(path, f"is owned by user {owner}", remedy)


def _writable(path: Path | str) -> OwnershipError:
    remedy = f"Run: chmod go-w {shlex.quote(str(path))}; or choose another folder."
    return _refusal(path, "is writable by others", remedy)


def _refusal(path: Path | str, fault: str, remedy: str) -> OwnershipError:
    return OwnershipError(f"not safe to use: {path} {fault}", path=Path(path), remedy=remedy)
