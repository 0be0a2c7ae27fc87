"""What a security descriptor of Windows says: who owns a file or folder, and who else may use it.

Pure: reads the bytes that Windows returns, on any system. People, groups and services are named by
their security identifiers (SIDs), which are the same in every language of Windows.

An entry that denies something is not counted, because it need not concern everyone whom another
entry admits. So somebody may count as admitted who is not, and never the other way round.

Source: Microsoft, MS-DTYP, 2.4.2.2 (SID), 2.4.3 (ACCESS_MASK), 2.4.4 (ACE), 2.4.5 (ACL), 2.4.6
(SECURITY_DESCRIPTOR); learn.microsoft.com/en-us/windows/win32/fileio/file-access-rights-constants.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

EVERYONE = "S-1-1-0"
SYSTEM = "S-1-5-18"
ADMINISTRATORS = "S-1-5-32-544"
INSTALLER = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
"""TrustedInstaller, the service that owns ``C:\\`` and the folders of Windows itself."""

_MAY_DO_ALL = frozenset({SYSTEM, ADMINISTRATORS, INSTALLER})  # may change everything anyway
_CREATOR, _OWNER = "S-1-3-0", "S-1-3-4"  # stand for the owner, who is judged by itself
_APPS = ("S-1-15-2-", "S-1-15-3-")  # an app is admitted only to what its user is admitted to, too

ALL_RIGHTS = 0x001F_01FF
_READ = 0x0000_0001
_CHANGE = 0x000D_0156  # data, names in a folder, attributes; deletion, access list, owner
_GENERIC = {
    0x1000_0000: ALL_RIGHTS,
    0x2000_0000: 0x0012_00A0,  # execute
    0x4000_0000: 0x0012_0116,  # write
    0x8000_0000: 0x0012_0089,  # read
}

_SELF_RELATIVE, _HAS_LIST = 0x8000, 0x0004
_ALLOW = {0, 9}  # plainly, or on a condition, which is taken as met
_DENY = {1, 6, 10, 12}
_FOR_CONTENT_ONLY = 8


class Entry(NamedTuple):
    """What somebody may do with a file or folder.

    Attributes:
        sid: Who.
        rights: An access mask. Generic rights are replaced by those that they stand for.
    """

    sid: str
    rights: int


class Security(NamedTuple):
    """Owner and access list of a file or folder.

    Attributes:
        owner: A SID; empty if there is none.
        entries: What others may do with the file or folder itself.
    """

    owner: str
    entries: tuple[Entry, ...]

    def is_of_another(self, user: str) -> bool:
        """Whether another ordinary user owns it.

        Args:
            user: SID of this user.
        """
        return self.owner not in {user, *_MAY_DO_ALL}

    @property
    def admits_everyone(self) -> bool:
        """Whether everyone may do everything, as on a disk that keeps no access lists."""
        return self.entries == (Entry(EVERYONE, ALL_RIGHTS),)

    def writers(self, user: str) -> tuple[str, ...]:
        """Who else may change it, in order: neither this user nor an administrator."""
        return self._others(user, _CHANGE)

    def readers(self, user: str) -> tuple[str, ...]:
        """Who else may read or change it, in order; its owner may give itself that right."""
        others = self._others(user, _READ | _CHANGE)
        is_owner_missing = self.is_of_another(user) and self.owner not in others
        return (self.owner, *others) if is_owner_missing else others

    def _others(self, user: str, rights: int) -> tuple[str, ...]:
        sids = (sid for sid, granted in self.entries if granted & rights)
        return tuple(dict.fromkeys(sid for sid in sids if not _is_harmless(sid, user)))


def _is_harmless(sid: str, user: str) -> bool:
    return sid in {user, _CREATOR, _OWNER, *_MAY_DO_ALL} or sid.startswith(_APPS)


def parse(descriptor: bytes) -> Security:
    """Read a self-relative security descriptor.

    Without an access list everyone may do everything; with an empty one nobody may do anything.

    Raises:
        ValueError: It is malformed.
    """
    try:
        _, _, control, owner, _, _, entries = struct.unpack_from("<BBHIIII", descriptor)
        if not control & _SELF_RELATIVE:
            raise ValueError("the security descriptor is not self-relative")
        return Security(
            sid_at(descriptor, owner) if owner else "",
            tuple(_entries_at(descriptor, entries))
            if control & _HAS_LIST and entries
            else (Entry(EVERYONE, ALL_RIGHTS),),
        )
    except struct.error as error:
        raise ValueError(f"the security descriptor is cut off: {error}") from error


def sid_at(data: bytes, offset: int) -> str:
    """The text of a SID, such as ``S-1-5-18``.

    Raises:
        ValueError: It is of another revision than 1.
        struct.error: The data end before it does.
    """
    revision, count = struct.unpack_from("<BB", data, offset)
    if revision != 1:
        raise ValueError(f"a SID of revision {revision}")
    authority = int.from_bytes(struct.unpack_from("6s", data, offset + 2)[0], "big")
    return "-".join(
        map(str, ("S-1", authority, *struct.unpack_from(f"<{count}I", data, offset + 8)))
    )


def _entries_at(data: bytes, offset: int) -> Iterator[Entry]:
    (count,) = struct.unpack_from("<H", data, offset + 4)
    offset += 8
    for _ in range(count):
        kind, flags, length_bytes = struct.unpack_from("<BBH", data, offset)
        if kind not in _DENY and not flags & _FOR_CONTENT_ONLY:
            yield _entry_at(data, offset + 4) if kind in _ALLOW else Entry(EVERYONE, ALL_RIGHTS)
        offset += length_bytes


def _entry_at(data: bytes, offset: int) -> Entry:
    (rights,) = struct.unpack_from("<I", data, offset)
    for generic, stands_for in _GENERIC.items():
        if rights & generic:
            rights = rights & ~generic | stands_for
    return Entry(sid_at(data, offset + 4), rights)
