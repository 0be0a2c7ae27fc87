"""What the access lists of Windows say about who may change a place, or read it."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.disk.access_list import ALL_RIGHTS, EVERYONE, INSTALLER, Entry, Security, parse
from tests.disk.sddl import SIDS, encode

ME = "S-1-5-21-1004336348-1177238915-682003330-1001"
EVE = "S-1-5-21-1004336348-1177238915-682003330-1002"
USERS, AUTHENTICATED = SIDS["BU"], SIDS["AU"]

DRIVE = (
    f"O:{INSTALLER}G:{INSTALLER}D:PAI(A;OICI;FA;;;BA)(A;OICI;FA;;;SY)(A;OICI;0x1200a9;;;BU)"
    "(A;OICIIO;SDGXGWGR;;;AU)(A;;LC;;;AU)"
)
FOLDER_ON_THE_DRIVE = (
    f"O:{ME}G:{ME}D:AI(A;OICIID;FA;;;BA)(A;OICIID;FA;;;SY)(A;OICIID;0x1200a9;;;BU)"
    "(A;ID;0x1301bf;;;AU)(A;OICIIOID;SDGXGWGR;;;AU)"
)
WINDOWS = (
    f"O:{INSTALLER}G:{INSTALLER}D:PAI(A;OICIIO;GA;;;CO)(A;OICIIO;GA;;;SY)(A;;0x1301bf;;;SY)"
    "(A;OICIIO;GA;;;BA)(A;;0x1301bf;;;BA)(A;OICIIO;GXGR;;;BU)(A;;0x1200a9;;;BU)"
    f"(A;CIIO;GA;;;{INSTALLER})(A;;FA;;;{INSTALLER})(A;;0x1200a9;;;AC)(A;OICIIO;GXGR;;;AC)"
)
PROGRAM_DATA = (
    "O:SYG:SYD:PAI(A;OICIIO;GA;;;CO)(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)"
    "(A;CI;DCLCRPCR;;;BU)"
)
LOCAL_APP_DATA = f"O:{ME}G:{ME}D:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIID;FA;;;{ME})"
SYSTEM_PROFILE = "O:BAG:SYD:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIIOID;GA;;;CO)"
PRIVATE = f"O:{ME}G:{ME}D:P(A;OICI;FA;;;{ME})(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"


@pytest.mark.parametrize(
    ("descriptor", "writers", "readers"),
    [
        pytest.param(DRIVE, (AUTHENTICATED,), (USERS, AUTHENTICATED), id="C:"),
        pytest.param(
            FOLDER_ON_THE_DRIVE, (AUTHENTICATED,), (USERS, AUTHENTICATED), id="a folder in C:"
        ),
        pytest.param(WINDOWS, (), (USERS,), id="C:\\Windows"),
        pytest.param(PROGRAM_DATA, (USERS,), (USERS,), id="C:\\ProgramData"),
        pytest.param(LOCAL_APP_DATA, (), (), id="%LOCALAPPDATA%"),
        pytest.param(SYSTEM_PROFILE, (), (), id="the system's %LOCALAPPDATA%"),
        pytest.param(PRIVATE, (), (), id="made private"),
        pytest.param(f"O:{ME}", (EVERYONE,), (EVERYONE,), id="no list, as on FAT"),
        pytest.param(f"O:{ME}D:NO_ACCESS_CONTROL", (EVERYONE,), (EVERYONE,), id="a null list"),
        pytest.param(f"O:{ME}D:P", (), (), id="an empty list admits nobody"),
        pytest.param(f"O:{ME}D:(A;;FR;;;WD)", (), (EVERYONE,), id="read"),
        pytest.param(f"O:{ME}D:(A;;FX;;;WD)", (), (), id="execute only"),
        pytest.param(f"O:{ME}D:(A;OICIIO;FA;;;WD)", (), (), id="content only"),
        pytest.param(f"O:{ME}D:(D;;FA;;;WD)(A;;FA;;;{ME})", (), (), id="a denial admits nobody"),
        pytest.param(
            f"O:{ME}D:(D;;FA;;;WD)(A;;FW;;;{EVE})", (EVE,), (EVE,), id="a denial is not counted"
        ),
        pytest.param(f"O:{ME}D:(XA;;FW;;;{EVE})", (EVE,), (EVE,), id="on a condition"),
        pytest.param(f"O:{ME}D:(A;;FA;;;CO)(A;;FA;;;OW)", (), (), id="owners are judged apart"),
        pytest.param(f"O:{ME}D:(A;;FA;;;AC)", (), (), id="apps are not users"),
        pytest.param(
            f"O:{ME}D:(A;;FR;;;{EVE})(A;;FW;;;BU)(A;;FR;;;{EVE})", (USERS,), (EVE, USERS), id="all"
        ),
        pytest.param(f"O:{EVE}D:(A;;FA;;;{ME})", (), (EVE,), id="another owner"),
        pytest.param(f"O:{EVE}D:(A;;FA;;;{EVE})", (EVE,), (EVE,), id="another owner's own"),
    ],
)
def test_who_else_may_change_a_place_and_who_may_read_it(
    descriptor: str, writers: tuple[str, ...], readers: tuple[str, ...]
) -> None:
    """Fault: the access list of a place admits others. dlcore knows whom, and names them."""
    security = parse(encode(descriptor))
    assert (security.writers(ME), security.readers(ME)) == (writers, readers)


@pytest.mark.parametrize(
    "right", ["DC", "LC", "RP", "DT", "CR", "SD", "WD", "WO", "GA", "GW", "FA", "FW"]
)
def test_every_right_that_changes_something_counts(right: str) -> None:
    assert parse(encode(f"O:{ME}D:(A;;{right};;;BU)")).writers(ME) == (USERS,)


@pytest.mark.parametrize("right", ["CC", "SW", "WP", "LO", "RC", "GR", "GX", "FR", "FX"])
def test_a_right_that_changes_nothing_does_not_count(right: str) -> None:
    assert parse(encode(f"O:{ME}D:(A;;{right};;;BU)")).writers(ME) == ()


@pytest.mark.parametrize("right", ["CC", "GR", "GA", "FR", "FA"])
def test_every_right_that_reads_counts(right: str) -> None:
    assert parse(encode(f"O:{ME}D:(A;;{right};;;BU)")).readers(ME) == (USERS,)


@pytest.mark.parametrize(
    ("owner", "is_of_another"),
    [(ME, False), ("SY", False), ("BA", False), (INSTALLER, False), (EVE, True), ("BU", True)],
)
def test_who_owns_a_place(owner: str, is_of_another: bool) -> None:
    assert parse(encode(f"O:{owner}D:")).is_of_another(ME) == is_of_another


def test_a_place_without_an_owner_belongs_to_another() -> None:
    descriptor = bytearray(encode(f"O:{ME}D:"))
    descriptor[4:8] = bytes(4)
    assert parse(bytes(descriptor)).is_of_another(ME)


def test_an_entry_of_an_unknown_kind_may_admit_anyone() -> None:
    descriptor = bytearray(encode(f"O:{ME}D:(A;;FR;;;{ME})"))
    descriptor[28] = 5  # an entry for an object of a directory: its SID is elsewhere
    assert parse(bytes(descriptor)).writers(ME) == (EVERYONE,)


def test_generic_rights_become_what_they_stand_for() -> None:
    security = parse(encode(f"O:{ME}D:(A;;GA;;;BU)(A;;GR;;;WD)"))
    assert security.entries == (Entry(USERS, ALL_RIGHTS), Entry(EVERYONE, 0x120089))


RIGHTS = st.integers(0, 0xFFFF_FFFF)
NUMBERS = st.lists(st.integers(0, 0xFFFF_FFFF), min_size=1, max_size=15)
ANY_SID = st.builds(
    lambda authority, numbers: "-".join(map(str, ("S-1", authority, *numbers))),
    st.integers(0, (1 << 48) - 1),
    NUMBERS,
)
FILE_RIGHTS = st.integers(0, ALL_RIGHTS)


@given(ANY_SID, st.lists(st.tuples(ANY_SID, FILE_RIGHTS), max_size=8))
def test_owner_and_entries_are_read_as_they_were_written(
    owner: str, entries: list[tuple[str, int]]
) -> None:
    text = "".join(f"(A;;{rights:#x};;;{sid})" for sid, rights in entries)
    expected = Security(owner, tuple(Entry(*each) for each in entries))
    assert parse(encode(f"O:{owner}D:{text}")) == expected


@given(st.lists(st.tuples(ANY_SID, RIGHTS), max_size=6), ANY_SID, RIGHTS)
def test_another_entry_never_makes_a_place_more_private(
    entries: list[tuple[str, int]], sid: str, rights: int
) -> None:
    def with_entries(entries: list[tuple[str, int]]) -> Security:
        text = "".join(f"(A;;{rights:#x};;;{sid})" for sid, rights in entries)
        return parse(encode(f"O:{ME}D:{text}"))

    fewer, more = with_entries(entries), with_entries([*entries, (sid, rights)])
    assert set(fewer.writers(ME)) <= set(more.writers(ME))
    assert set(fewer.readers(ME)) <= set(more.readers(ME))
    assert set(more.writers(ME)) <= set(more.readers(ME))


@given(st.integers(0, len(encode(DRIVE)) - 1), st.binary(max_size=100))
def test_malformed_bytes_are_refused(length: int, noise: bytes) -> None:
    """Fault: a security descriptor is cut off, or noise. dlcore refuses it."""
    with pytest.raises(ValueError):
        parse(encode(DRIVE)[:length])
    with contextlib.suppress(ValueError):
        parse(encode(DRIVE)[:20] + noise)


def test_a_descriptor_with_pointers_is_refused() -> None:
    data = bytearray(encode(PRIVATE))
    struct.pack_into("<H", data, 2, 0x0004)
    with pytest.raises(ValueError, match="self-relative"):
        parse(bytes(data))
