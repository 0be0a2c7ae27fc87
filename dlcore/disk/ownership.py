"""Who may change what lies at a path: a place that another ordinary user can alter is refused.

A private place (a state directory, a lock file) belongs to the user of this process, and nobody
else may write to it. Every folder on the way to it belongs to that user or to the administrator.
Others may write to such a folder only if that does not let them rename what is there: a sticky bit
forbids it, and on Windows any open file below.

Source: sudo's and OpenSSH's checks of modes (``StrictModes``); man 7 path_resolution. Windows:
decision 046.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from dlcore.disk.links import is_link
from dlcore.errors import OwnershipError

if sys.platform == "win32":
    from dlcore.disk.windows_control import control_of
else:
    from dlcore.disk.modes import control_of

MAX_LINKS = 40  # as Linux, before it says ELOOP


class Control(Protocol):
    """Who controls a place, as the system tells.

    Attributes:
        owner: Its owner, for messages.
        is_own: Whether that is this user.
        is_of_another: Whether that is another ordinary user, who may alter it at any time.
    """

    @property
    def owner(self) -> str: ...  # noqa: D102  # described above
    @property
    def is_own(self) -> bool: ...  # noqa: D102
    @property
    def is_of_another(self) -> bool: ...  # noqa: D102

    def others_may_change(self) -> bool:
        """Whether others may write to it."""
        ...

    def others_may_exchange(self) -> bool:
        """Whether others may rename what lies in a folder."""
        ...

    def others_may_redirect(self) -> bool:
        """Whether others may lead a link elsewhere."""
        ...

    def is_shared(self) -> bool:
        """Whether others may make files in a folder, and cannot rename those of this user."""
        ...

    def others_may_read(self) -> bool:
        """Whether others may read or change it."""
        ...

    def other_place(self) -> str:
        """What to do about a place that another user owns."""
        ...

    def without_writers(self, path: Path | str) -> str:
        """The command that keeps others from changing it."""
        ...

    def without_readers(self, path: Path | str) -> str:
        """The command that keeps others from reading and changing it."""
        ...


def check_private(path: Path | str, status: os.stat_result) -> None:
    """Refuse a place that is a link, that another user owns, or that others may write to.

    Args:
        path: The place.
        status: What ``lstat`` or ``fstat`` says about it.

    Raises:
        OwnershipError: It is refused. Nothing was changed.
        OSError: It cannot be looked at.
    """
    control = _checked_owner(path, status)
    if control.others_may_change():
        raise _writable(path, control)


def check_owner(path: Path | str, status: os.stat_result, fd: int | None = None) -> None:
    """Refuse what is a link or belongs to another user; the mode does not matter.

    That is enough below a private folder: what dlcore makes there is private by itself.

    Args:
        path: The place.
        status: What ``lstat`` or ``fstat`` says about it.
        fd: The open file there, if there is one.

    Raises:
        OwnershipError: It is refused. Nothing was changed.
        OSError: It cannot be looked at.
    """
    _checked_owner(path, status, fd)


def _checked_owner(path: Path | str, status: os.stat_result, fd: int | None = None) -> Control:
    check_no_link(path, status)
    control = control_of(path, status, fd)
    if not control.is_own:
        raise _owned_by_other(path, control)
    return control


def check_no_link(path: Path | str, status: os.stat_result) -> None:
    """Refuse a link, whoever it belongs to.

    Raises:
        OwnershipError: It is refused. Nothing was changed.
    """
    if is_link(status):
        raise _link(path, "is a link")


def is_of_another(path: Path, status: os.stat_result) -> bool:
    """Whether another ordinary user owns a place, and so may alter it at any time."""
    return control_of(path, status).is_of_another


def check_not_of_another(path: Path | str, status: os.stat_result) -> None:
    """Refuse what another ordinary user owns.

    Raises:
        OwnershipError: It is refused. Nothing was changed.
    """
    control = control_of(path, status)
    if control.is_of_another:
        raise _owned_by_other(path, control)


def check_way(path: Path) -> None:
    """Refuse a private folder that another ordinary user could alter or exchange.

    Judges every folder and link on the way to it, and the folder itself if it exists.

    Args:
        path: The folder, absolute. It need not exist.

    Raises:
        OwnershipError: A place on the way, or the folder itself, is refused. Nothing was changed.
        OSError: The way cannot be followed.
    """

    def judge(place: Path, status: os.stat_result) -> None:
        if not _is_administered(place):
            _check_on_the_way(place, status)

    _follow(path.parent, judge)
    try:
        check_private(path, path.lstat())
    except FileNotFoundError:
        return


def check_unalterable(path: Path) -> None:
    """Refuse a file or folder that another ordinary user could alter or exchange, links followed.

    It may belong to this user or to the administrator. In a folder others may make files, if it has
    a sticky bit.

    Args:
        path: The file or folder, absolute.

    Raises:
        OwnershipError: It, or a place on the way to it, is refused. Nothing was changed.
        OSError: The way cannot be followed.
    """

    def judge(place: Path, status: os.stat_result) -> None:
        if _is_administered(place):
            return
        if not stat.S_ISREG(status.st_mode):
            _check_on_the_way(place, status)
            return
        check_not_of_another(place, status)
        control = control_of(place, status)
        if control.others_may_change():
            raise _writable(place, control)

    _follow(path, judge)


def followed(path: Path, lstat: Callable[[Path], os.stat_result] = Path.lstat) -> Path:
    """The place that a path names, links followed, unless another user has planted one of them.

    In a folder where everyone may write and only owners may delete, a link is followed only if it
    belongs to this user or to the owner of the folder. Root, who may write everywhere, follows no
    link of another user at all. Each link is followed right after it was judged: one that is
    planted meanwhile leads nowhere.

    Args:
        path: What the user names. It need not exist.
        lstat: Looks at a place.

    Raises:
        OwnershipError: A link on the way, or the path itself, is refused.
        OSError: The way cannot be followed.

    Source: Linux, admin-guide/sysctl/fs, ``protected_symlinks``, which may be off.
    """
    return _follow(path.absolute(), _check_followed, lstat)


def _check_followed(place: Path, status: os.stat_result) -> None:
    if not is_link(status):
        return
    control = control_of(place, status)
    _check_link(place, control)
    if control.is_of_another and _is_root():
        raise _link(place, f"is a link of {control.owner}, and root may write everywhere")
    folder = control_of(place.parent, place.parent.lstat())
    if not control.is_own and folder.is_shared() and control.owner != folder.owner:
        raise _link(place, f"is a link of {control.owner} in a folder where everyone may write")


def check_not_planted(path: Path, status: os.stat_result) -> None:
    """Refuse a file to write to that another user has put into a folder where everyone may write.

    What belongs to the owner of the folder or to the administrator is accepted. A file of this user
    is refused there if it has another name too, which another user may have given it.

    Args:
        path: The file, or a pipe or device; not a link.
        status: What ``lstat`` or ``fstat`` says about it.

    Raises:
        OwnershipError: It is refused. Nothing was changed.
        OSError: Its folder cannot be looked at.
    """
    folder = control_of(path.parent, path.parent.lstat())
    if not folder.is_shared():
        return
    control = control_of(path, status)
    place = "in a folder where everyone may write"
    if control.is_of_another and control.owner != folder.owner:
        remedy = "Name another file, or remove this one."
        raise _refusal(path, f"is owned by {control.owner}, {place}", remedy)
    if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
        remedy = "Name another file, or remove this name of it."
        raise _refusal(path, f"is a file with several names, {place}", remedy)


def _is_root() -> bool:
    """Whether this user may write everywhere. Windows has no such user that is used every day."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def is_open_to_others(path: Path | str, fd: int) -> bool:
    """Whether other users can read or change a file that should hold a secret.

    Args:
        path: For messages.
        fd: The open file.
    """
    return control_of(path, os.fstat(fd), fd).others_may_read()


def how_to_close(path: Path | str) -> str:
    """The command that makes such a file private."""
    return control_of(path, os.stat(path)).without_readers(path)  # noqa: PTH116  # also of a text


def _follow(
    path: Path,
    judge: Callable[[Path, os.stat_result], None],
    lstat: Callable[[Path], os.stat_result] = Path.lstat,
) -> Path:
    """Where a path leads. Every folder and link on the way is judged before it is followed.

    Args:
        path: Absolute. It need not exist.
        judge: Called from the root on, with what exists; raises to refuse a place.
        lstat: Looks at a place.
    """
    here = Path(path.anchor)
    judge(here, here.lstat())
    names = list(reversed(path.parts[1:]))
    links = 0
    while names:
        name = names.pop()
        if name == "..":
            here = here.parent
            continue
        place = here / name
        try:
            status = lstat(place)
        except FileNotFoundError:
            here = place
            continue
        judge(place, status)
        if not is_link(status):
            here = place
            continue
        links += 1
        if links > MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
        target = place.readlink()
        here = Path(target.anchor) if target.is_absolute() else here
        names.extend(reversed(target.parts[1:] if target.is_absolute() else target.parts))
    return here


def _check_on_the_way(path: Path, status: os.stat_result) -> None:
    control = control_of(path, status)
    if control.is_of_another:
        raise _owned_by_other(path, control)
    if is_link(status):
        _check_link(path, control)
    elif control.others_may_exchange():
        raise _writable(path, control)


def _is_administered(path: Path) -> bool:
    """Whether it is the root of a disk or share of Windows: its owner administers all of it."""
    return sys.platform == "win32" and path == Path(path.anchor)


def _check_link(path: Path, control: Control) -> None:
    if control.others_may_redirect():
        raise _link(path, "is a link that others may lead elsewhere")


def _owned_by_other(path: Path | str, control: Control) -> OwnershipError:
    return _refusal(path, f"is owned by {control.owner}", control.other_place())


def _writable(path: Path | str, control: Control) -> OwnershipError:
    remedy = f"Run: {control.without_writers(path)}; or choose another folder."
    return _refusal(path, "is writable by others", remedy)


def _link(path: Path | str, fault: str) -> OwnershipError:
    return _refusal(path, fault, "Name the place that it leads to, or remove the link.")


def _refusal(path: Path | str, fault: str, remedy: str) -> OwnershipError:
    return OwnershipError(f"not safe to use: {path} {fault}", path=Path(path), remedy=remedy)
