"""Which places are refused because another user could alter them."""

from __future__ import annotations

import os
import stat
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from dlcore.disk.ownership import check_unalterable, check_way, followed
from dlcore.disk.rights import rights_of_new_folder
from dlcore.errors import OwnershipError
from tests.users import ADVERSARY, ORDINARY, folder_of, give, needs_root, run_as

if sys.platform != "win32":
    from dlcore.disk.modes import Modes

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes and owners are POSIX's")


def refuse(path: Path, fault: str) -> None:
    """Check that a place is refused by name, with a remedy."""
    with pytest.raises(OwnershipError) as refused:
        check_way(path)
    assert refused.value.code == "ownership"
    assert fault in refused.value.message
    assert str(refused.value.path) in refused.value.message
    assert refused.value.remedy


def test_a_private_folder_is_accepted_and_so_is_one_that_is_not_there_yet(tmp_path: Path) -> None:
    check_way(tmp_path)
    check_way(tmp_path / "a" / "b")


@pytest.mark.parametrize("mode", [0o702, 0o777, 0o1777])
def test_a_state_folder_that_others_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    """Fault: others may write to the state folder. dlcore refuses it and tells the chmod."""
    tmp_path.chmod(mode)
    refuse(tmp_path, "is writable by others")
    tmp_path.chmod(0o755)
    check_way(tmp_path)


@needs_root
def test_a_state_folder_that_a_group_with_other_members_may_write_to_is_refused() -> None:
    """Fault: a group may write to the state folder. dlcore refuses it and tells the chmod."""
    with folder_of(ORDINARY, mode=0o770) as folder:  # a group that the system does not know
        run_as(ORDINARY, lambda: refuse(folder, "is writable by others"))


def test_a_group_whose_only_member_is_this_user_is_harmless(tmp_path: Path) -> None:
    import grp
    import pwd

    user = os.geteuid()
    own = pwd.getpwuid(user).pw_gid
    alone = [each.pw_uid for each in pwd.getpwall() if each.pw_gid == own] == [user]
    if not alone or grp.getgrgid(own).gr_mem:
        pytest.skip("this user shares its group with others")
    os.chown(tmp_path, -1, own)
    tmp_path.chmod(0o770)
    check_way(tmp_path)


def access_list(*named: tuple[int, int, int]) -> bytes:
    """An access list as Linux stores it; each named entry is a tag, rights and an id."""
    nobody = 0xFFFFFFFF
    entries = [(1, 7, nobody), *named, (4, 5, nobody), (0x10, 7, nobody), (0x20, 5, nobody)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *each) for each in sorted(entries))


USER, GROUP = 2, 8


def private_group(mode: int = 0o660) -> os.stat_result:
    """A file of this user whose group is the administrator's: it has no other members."""
    return os.stat_result((stat.S_IFREG | mode, 0, 0, 1, os.geteuid(), 0, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("named", "may_change"),
    [
        ((), False),
        ([(USER, 6, ADVERSARY)], True),
        ([(USER, 2, ADVERSARY)], True),
        ([(USER, 4, ADVERSARY)], False),
        ([(GROUP, 6, ADVERSARY)], True),
        ([(GROUP, 4, ADVERSARY)], False),
        ([(USER, 6, 0)], False),
        ([(USER, 6, os.geteuid() if hasattr(os, "geteuid") else 0)], False),
        ([(USER, 4, ADVERSARY), (USER, 6, ADVERSARY - 1)], True),
    ],
)
def test_whom_an_access_list_lets_write(
    named: Sequence[tuple[int, int, int]], may_change: bool
) -> None:
    own = Modes(private_group(), lambda: access_list(*named))
    assert own.others_may_change() == may_change
    masked = Modes(private_group(0o640), lambda: access_list(*named))
    assert not masked.others_may_change(), "the mask takes the right away"


def test_an_access_list_that_cannot_be_read_counts_against_the_place() -> None:
    """Fault: the access list cannot be read or understood. dlcore takes others for writers."""

    def unreadable() -> bytes:
        raise PermissionError

    for read in (unreadable, lambda: b"\2", lambda: b"\3\0\0\0", lambda: access_list()[:-1]):
        assert Modes(private_group(), read).others_may_change()


@needs_root
@pytest.mark.skipif(sys.platform != "linux", reason="access lists as Linux stores them")
def test_a_place_that_an_access_list_lets_others_write_to_is_refused() -> None:
    """Fault: an access list lets another user write. dlcore refuses the place, and tells chmod."""
    with folder_of(0, mode=0o755) as folder:
        file = folder / "config.toml"
        file.touch(0o644)
        check_unalterable(file)
        listed = access_list((USER, 7, ADVERSARY))
        try:
            os.setxattr(file, "system.posix_acl_access", listed)
        except OSError:
            pytest.skip("this file system has no access lists")
        run_as(ADVERSARY, lambda: file.write_text("planted"))  # it is really so
        with pytest.raises(OwnershipError, match="is writable by others") as refused:
            check_unalterable(file)
        assert refused.value.remedy.startswith(f"Run: chmod go-w {file}")
        file.chmod(0o644)
        check_unalterable(file)
        os.setxattr(folder, "system.posix_acl_access", listed)
        refuse(folder / "state", "is writable by others")
        refuse(folder, "is writable by others")
        with pytest.raises(OwnershipError, match="is writable by others"):
            check_unalterable(file)


@needs_root
@pytest.mark.skipif(sys.platform != "linux", reason="access lists as Linux stores them")
def test_the_mask_of_an_access_list_is_not_taken_for_rights_of_the_group(tmp_path: Path) -> None:
    """Fault: a package replaces a folder with an access list. Its group gets no more rights."""
    target = tmp_path / "target"
    target.mkdir(mode=0o755)
    try:
        os.setxattr(target, "system.posix_acl_access", access_list((USER, 7, ADVERSARY)))
    except OSError:
        pytest.skip("this file system has no access lists")
    assert stat.S_IMODE(target.stat().st_mode) == 0o775
    assert rights_of_new_folder(target, tmp_path).root == 0o755


def test_a_link_in_the_place_of_the_state_folder_is_refused(tmp_path: Path) -> None:
    """Fault: the state folder is a link. dlcore refuses it by name."""
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "state").symlink_to("real")
    refuse(tmp_path / "state", "is a link")


def test_a_link_on_the_way_is_followed_and_its_target_judged(tmp_path: Path) -> None:
    open_folder = tmp_path / "open"
    (open_folder / "inner").mkdir(parents=True)
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "link").symlink_to("../open/../open/inner")
    check_way(tmp_path / "private" / "link" / "state")
    open_folder.chmod(0o777)
    refuse(tmp_path / "private" / "link" / "state", "is writable by others")


def test_links_of_this_user_are_followed_also_to_what_is_not_there_yet(tmp_path: Path) -> None:
    (tmp_path / "real" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real/../real")
    assert followed(tmp_path / "link" / "inner") == tmp_path / "real" / "inner"
    assert followed(tmp_path / "link" / "new" / "newer") == tmp_path / "real" / "new" / "newer"
    assert followed(tmp_path / "new" / ".." / "link") == tmp_path / "real"


@pytest.mark.parametrize("was_there", [True, False])
def test_a_link_that_is_planted_while_a_way_is_followed_leads_nowhere(
    tmp_path: Path, was_there: bool
) -> None:
    """Fault: a link is planted after the way was judged, and gone when it is judged again. dlcore
    follows no link but the one that it has judged.
    """
    place, elsewhere = tmp_path / "place", tmp_path / "elsewhere"
    elsewhere.mkdir()
    if was_there:
        place.mkdir()

    def lstat(path: Path) -> os.stat_result:
        try:
            return path.lstat()
        finally:
            if path == place and not place.is_symlink():
                if was_there:
                    place.rmdir()
                place.symlink_to(elsewhere)

    assert followed(place, lstat) == place


def test_links_that_lead_to_each_other_are_an_error_and_no_endless_way(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        check_way(tmp_path / "a" / "state")


def test_a_folder_above_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    """Fault: others could rename the state folder away. dlcore refuses the folder above it."""
    (tmp_path / "open" / "state").mkdir(parents=True, mode=0o700)
    (tmp_path / "open").chmod(0o777)
    refuse(tmp_path / "open" / "state", "is writable by others")
    refuse(tmp_path / "open" / "new", "is writable by others")
    (tmp_path / "open").chmod(0o1777)  # as /tmp: only the owner may rename what is there
    check_way(tmp_path / "open" / "state")


@needs_root
@pytest.mark.parametrize("user", [0, ORDINARY], ids=["root", "ordinary"])
def test_a_state_folder_of_another_user_is_refused(user: int) -> None:
    """Fault: the state folder belongs to another user. dlcore refuses it by name, also for root."""
    with folder_of(user, mode=0o755) as folder:
        (folder / "state").mkdir(mode=0o755)
        give(folder / "state", ADVERSARY)
        run_as(user, lambda: refuse(folder / "state", f"is owned by user {ADVERSARY}"))


@needs_root
def test_a_folder_above_that_another_user_owns_is_refused() -> None:
    """Fault: another user owns a folder above the state folder. dlcore refuses it by name."""
    with folder_of(ADVERSARY, mode=0o755) as folder:
        (folder / "state").mkdir(mode=0o700)
        give(folder / "state", ORDINARY)
        run_as(ORDINARY, lambda: refuse(folder / "state", f"is owned by user {ADVERSARY}"))
        run_as(0, lambda: refuse(folder / "new", f"is owned by user {ADVERSARY}"))


@needs_root
def test_a_link_of_another_user_on_the_way_is_refused() -> None:
    """Fault: another user planted a link in a shared folder. dlcore refuses it by name."""
    with folder_of(0, mode=0o1777) as shared, folder_of(ORDINARY) as own:
        give_link = shared / "link"
        give_link.symlink_to(own)
        give(give_link, ADVERSARY)
        run_as(ORDINARY, lambda: refuse(give_link / "state", f"is owned by user {ADVERSARY}"))
        give(give_link, ORDINARY)
        run_as(ORDINARY, lambda: check_way(give_link / "state"))


@needs_root
def test_root_is_told_to_run_as_the_owner() -> None:
    with folder_of(ADVERSARY) as folder, pytest.raises(OwnershipError) as refused:
        check_way(folder / "state")
    assert f"Run as user {ADVERSARY}" in refused.value.remedy


def status(mode: int, user: int) -> os.stat_result:
    return os.stat_result((stat.S_IFREG | mode, 0, 0, 1, user, 0, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("mode", "is_own", "is_open"),
    [
        (0o600, True, False),
        (0o400, True, False),
        (0o640, True, True),
        (0o604, True, True),
        (0o602, True, True),
        (0o440, False, False),  # how a service reads the administrator's file
        (0o460, False, True),
        (0o444, False, True),
    ],
)
def test_who_may_read_a_secret(mode: int, is_own: bool, is_open: bool) -> None:
    owner = os.geteuid() if is_own else os.geteuid() + 1
    assert Modes(status(mode, owner)).others_may_read() == is_open
