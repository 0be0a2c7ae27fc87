"""Who else may write to a file or folder, by its access list of POSIX.

The mode does not show it: where there is such a list, the mode's bits of the group are the mask of
everybody that the list names, so they look like rights of the group alone.

Source: man 5 acl, "Correspondence between ACL entries and file permission bits"; Linux,
``include/uapi/linux/posix_acl_xattr.h`` for the format.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
from pathlib import Path
from typing import Final, NamedTuple

_ATTRIBUTE: Final = "system.posix_acl_access"
_NO_LIST: Final = frozenset({errno.ENODATA, errno.ENOTSUP, errno.ENOSYS})
_HEADER: Final = struct.Struct("<I")
_ENTRY: Final = struct.Struct("<HHI")  # tag, permissions, id
_VERSION: Final = 2
_USER, _GROUP = 0x02, 0x08  # named ones
_OWN_GROUP: Final = 0x04
_WRITE: Final = 0x02


class Writers(NamedTuple):
    """Who is named with the right to write; the mask may take it away.

    Attributes:
        users: Ids of users.
        groups: Ids of groups.
    """

    users: frozenset[int]
    groups: frozenset[int]


def access_list_of(place: Path | str | int) -> bytes:
    """The access list of a path, links not followed, or of an open file.

    Returns:
        The list as the system stores it; empty if there is none.

    Raises:
        OSError: It cannot be read.
    """
    if sys.platform != "linux":
        return b""
    try:
        if isinstance(place, int):
            return os.getxattr(place, _ATTRIBUTE)
        return os.getxattr(place, _ATTRIBUTE, follow_symlinks=False)
    except OSError as error:
        if error.errno in _NO_LIST:
            return b""
        raise


def named_writers(access_list: bytes) -> Writers:
    """The users and groups that may write by an access list, besides the file's own. Pure.

    Raises:
        ValueError: It is not an access list.
    """
    entries = _entries(access_list)
    named = {
        kind: frozenset(who for tag, rights, who in entries if tag == kind and rights & _WRITE)
        for kind in (_USER, _GROUP)
    }
    return Writers(named[_USER], named[_GROUP])


def mode_without_mask(mode: int, access_list: bytes) -> int:
    """A mode whose bits of the group are rights of the group alone, for a place without the list.

    Args:
        mode: As the system tells it.
        access_list: As `access_list_of` returns it.

    Raises:
        ValueError: It is not an access list.
    """
    of_group = [rights for tag, rights, _ in _entries(access_list) if tag == _OWN_GROUP]
    return mode & ~0o070 | mode & of_group[0] << 3 if of_group else mode


def _entries(access_list: bytes) -> list[tuple[int, int, int]]:
    """Tag, rights and id of each entry."""
    if not access_list:
        return []
    try:
        (version,) = _HEADER.unpack_from(access_list)
        entries = [
            (tag, rights, who)
            for tag, rights, who in _ENTRY.iter_unpack(access_list[_HEADER.size :])
        ]
    except struct.error as error:
        raise ValueError(f"no access list: {error}") from None
    if version != _VERSION:
        raise ValueError(f"an access list of version {version}")
    return entries
