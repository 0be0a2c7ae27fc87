"""Another user of the machine tampers with the state directory: refused, nothing overwritten."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dlcore.errors import LockedError, OwnershipError, StorageError
from dlcore.store import Store
from tests.store.helpers import fill, make_package, read_back
from tests.users import (
    ADVERSARY,
    ORDINARY,
    folder_of,
    give,
    needs_root,
    run_as,
    run_as_ordinary_user,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="users and modes are POSIX's")

PACKAGE = make_package()
KEY = f"ABC00012.1-{PACKAGE.digest[:16]}"
PRECIOUS = b"precious"
USERS = pytest.mark.parametrize("user", [ORDINARY, 0], ids=["ordinary user", "root"])


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder like ``/tmp``: everybody may make something in it."""
    with folder_of(0 if os.geteuid() == 0 else None, mode=0o1777) as folder:
        yield folder


def fill_store(state: Path) -> None:
    with Store.open(state) as store:
        partial = store.begin(PACKAGE.manifest, PACKAGE.document)
        fill(partial, PACKAGE)
        assert read_back(partial.finish()) == PACKAGE.contents


def begin_store(state: Path) -> None:
    with Store.open(state) as store:
        fill(store.begin(PACKAGE.manifest, PACKAGE.document), PACKAGE, [0])


def refused(state: Path, match: str, error: type[Exception] = OwnershipError) -> Callable[[], None]:
    """What opens a store and begins a package, and must be refused."""

    def work() -> None:
        with pytest.raises(error, match=match) as refusal:
            fill_store(state)
        assert isinstance(refusal.value, StorageError)
        assert refusal.value.remedy

    return work


def victim_of(user: int, folder: Path) -> Path:
    path = folder / "victim"
    path.write_bytes(PRECIOUS)
    path.chmod(0o600)
    return give(path, user)


@needs_root
@USERS
def test_a_state_folder_that_another_user_made_first(shared: Path, user: int) -> None:
    """Fault: another user makes the state folder first. dlcore refuses it, and writes nothing."""
    state = shared / "state"
    run_as(ADVERSARY, lambda: state.mkdir(mode=0o755))
    run_as(user, refused(state, f"{state} is owned by user {ADVERSARY}"))
    run_as(user, refused(state / "below", f"{state} is owned by user {ADVERSARY}"))
    assert not list(state.iterdir())


@needs_root
@USERS
def test_a_state_folder_that_is_a_link_of_another_user(shared: Path, user: int) -> None:
    """Fault: another user plants a link as state folder. dlcore refuses it, and writes nothing."""
    state, target = shared / "state", shared / "target"
    target.mkdir(mode=0o700)
    give(target, user)
    run_as(ADVERSARY, lambda: state.symlink_to(target))
    run_as(user, refused(state, f"{state} is a link"))
    run_as(user, refused(state / "below", f"{state} is owned by user {ADVERSARY}"))
    assert not list(target.iterdir())


@needs_root
@USERS
@pytest.mark.parametrize("name", ["lock", "lock.owner"])
@pytest.mark.parametrize("kind", ["symlink", "hard link"])
def test_a_lock_that_leads_to_a_file_of_the_victim(
    shared: Path, user: int, name: str, kind: str
) -> None:
    """Fault: a link is planted as lock or lock.owner. dlcore leaves the file it leads to alone."""
    state = shared / "state"
    state.mkdir(mode=0o700)
    give(state, user)
    victim = victim_of(user, shared)
    if kind == "symlink":
        (state / name).symlink_to(victim)
        give(state / name, ADVERSARY)
    else:
        (state / name).hardlink_to(victim)
    if name == "lock":
        run_as(user, refused(state, "state/lock", StorageError))
    else:  # information for people: replaced, not written through
        run_as(user, lambda: fill_store(state))
    assert victim.read_bytes() == PRECIOUS
    assert victim.stat().st_uid == user


@needs_root
@USERS
def test_a_lock_of_another_user(shared: Path, user: int) -> None:
    """Fault: another user's file is in the place of the lock. dlcore refuses it by name."""
    state = shared / "state"
    state.mkdir(mode=0o700)
    give(state, user)
    (state / "lock").touch()
    (state / "lock").chmod(0o666)
    give(state / "lock", ADVERSARY)
    run_as(user, refused(state, f"state/lock is owned by user {ADVERSARY}"))


@needs_root
@pytest.mark.parametrize("what", ["packages", "partial", "removed"])
@pytest.mark.parametrize("kind", ["link", "folder"])
def test_a_folder_of_the_store_that_another_user_planted(
    shared: Path, what: str, kind: str
) -> None:
    """Fault: a folder of the store was planted while others could write. dlcore refuses it."""
    state, outside = shared / "state", shared / "outside"
    for folder in (state, outside):
        folder.mkdir(mode=0o700)
        give(folder, ORDINARY)
    (outside / "mine").write_bytes(PRECIOUS)
    if kind == "link":
        (state / what).symlink_to(outside)
    else:
        (state / what).mkdir(mode=0o777)
    give(state / what, ADVERSARY)
    run_as(ORDINARY, refused(state, f"state/{what}", StorageError))
    assert (outside / "mine").read_bytes() == PRECIOUS
    assert [path.name for path in outside.iterdir()] == ["mine"]


@needs_root
@pytest.mark.parametrize(
    "name", ["manifest.json", "manifest.json.new", "journal", "journal.new", "content/long.bin"]
)
@pytest.mark.parametrize("kind", ["symlink", "hard link", "file of another user"])
def test_a_planted_file_in_an_unfinished_package(shared: Path, name: str, kind: str) -> None:
    """Fault: a file of a package was planted. dlcore refuses it, and its target is as it was."""
    state = shared / "state"
    run_as(ORDINARY, lambda: begin_store(state))
    victim = victim_of(ORDINARY, shared)
    place = state / "partial" / KEY / name
    place.unlink(missing_ok=True)
    if name == "manifest.json.new":  # only written if the manifest itself is not intact
        (place.parent / "manifest.json").write_bytes(b"")
    match kind:
        case "symlink":
            place.symlink_to(victim)
            give(place, ADVERSARY)
        case "hard link":
            place.hardlink_to(victim)
        case _:
            place.write_bytes(b"evil")
            place.chmod(0o666)
            give(place, ADVERSARY)
    run_as(ORDINARY, refused(state, name, StorageError))
    assert victim.read_bytes() == PRECIOUS
    if kind == "file of another user":
        assert place.read_bytes() == b"evil"


@needs_root
@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770])
def test_a_state_folder_that_others_may_write_to(shared: Path, mode: int) -> None:
    """Fault: others may write to the state folder. dlcore refuses it until that is corrected."""
    state = shared / "state"
    run_as(ORDINARY, lambda: begin_store(state))
    state.chmod(mode)
    run_as(ORDINARY, refused(state, "is writable by others"))
    state.chmod(0o700)
    run_as(ORDINARY, lambda: fill_store(state))


@needs_root
def test_root_does_not_work_in_a_folder_of_an_ordinary_user(shared: Path) -> None:
    """Fault: root is sent to a folder that an ordinary user can alter. dlcore refuses it."""
    home = shared / "home"
    home.mkdir(mode=0o700)
    give(home, ORDINARY)
    refused(home / "state", f"{home} is owned by user {ORDINARY}")()
    assert not list(home.iterdir())


@needs_root
def test_what_is_looked_at_without_a_lock_is_refused_too(shared: Path) -> None:
    """Fault: a finished package in another user's state folder. dlcore does not look at it."""
    state = shared / "state"
    run_as(ADVERSARY, lambda: fill_store(state))

    def look() -> None:
        with pytest.raises(OwnershipError):
            Store.look(state).read_manifest("ABC00012", 1, PACKAGE.digest)

    run_as(0, look)


@needs_root
def test_a_lock_that_another_user_cannot_reach_is_no_way_to_stop_dlcore(shared: Path) -> None:
    state = shared / "state"
    run_as(ORDINARY, lambda: begin_store(state))

    def grab() -> None:
        with pytest.raises((OwnershipError, PermissionError, StorageError)):
            Store.open(state)

    run_as(ADVERSARY, grab)
    run_as(ORDINARY, lambda: fill_store(state))


@pytest.mark.parametrize("umask", [0, 0o022, 0o077, 0o777], ids=oct)
def test_everything_in_the_state_folder_is_private_whatever_the_umask(umask: int) -> None:
    """Fault: a umask of 0, or one that forbids the owner. dlcore's modes are 0700 and 0600."""

    def work(folder: Path) -> None:
        os.umask(umask)
        with Store.open(folder / "new" / "state") as store:
            with pytest.raises(LockedError, match="process"):
                Store.open(folder / "new" / "state")
            partial = store.begin(PACKAGE.manifest, PACKAGE.document)
            fill(partial, PACKAGE, [0])
        begin_store(folder / "new" / "state")
        fill_store(folder / "new" / "state")

    with folder_of(ORDINARY) as folder:
        run_as_ordinary_user(lambda: work(folder))
        found = {(path.is_dir(), oct(path.lstat().st_mode & 0o777)) for path in folder.rglob("*")}
    assert found == {(True, "0o700"), (False, "0o600")}


def test_an_ordinary_user_fills_a_store() -> None:
    """Root may do everything, so that the other tests would not see a missing right."""
    with folder_of(ORDINARY) as folder:
        run_as_ordinary_user(lambda: fill_store(folder / "state"))


def test_a_folder_that_becomes_a_link_while_a_package_is_filled(tmp_path: Path) -> None:
    """Fault: a folder becomes a link while files are written. dlcore writes nothing behind it."""
    outside = tmp_path / "outside"
    (outside / "c").mkdir(parents=True)
    with Store.open(tmp_path / "state") as store:
        partial = store.begin(PACKAGE.manifest, PACKAGE.document)
        content = tmp_path / "state" / "partial" / KEY / "content"
        (content / "b").rename(content / "moved")
        (content / "b").symlink_to(outside)
        with pytest.raises(StorageError, match="content/b"):
            fill(partial, PACKAGE)
    assert [path.name for path in outside.rglob("*")] == ["c"]


def test_a_store_that_others_may_write_to_is_not_looked_at(tmp_path: Path) -> None:
    """Fault: others may write to a state folder that is only looked at. dlcore refuses it."""
    fill_store(tmp_path / "state")
    assert Store.look(tmp_path / "state").read_manifest("ABC00012", 1, PACKAGE.digest)
    (tmp_path / "state").chmod(0o777)
    with pytest.raises(OwnershipError, match="state is writable by others"):
        Store.look(tmp_path / "state").read_manifest("ABC00012", 1, PACKAGE.digest)
