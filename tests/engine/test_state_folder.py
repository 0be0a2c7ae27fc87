"""The end of a state folder, while other processes wait for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.disk.lock import FileLock
from dlcore.disk.private_folder import Place, PrivateFolder
from dlcore.engine.delivery.state_folder import LOCK, remove_lock, remove_state
from dlcore.errors import LockedError
from dlcore.store.files import Files
from dlcore.store.state_directory import make_state_folder

KEPT = "packages/ABC00001/content/setup.exe"


def fill(state: Path) -> None:
    for name in (KEPT, "partial/x", "lock.owner"):
        (state / name).parent.mkdir(parents=True, exist_ok=True)
        (state / name).write_text("")


def test_the_lock_stays_until_all_else_is_gone(tmp_path: Path) -> None:
    state = tmp_path / ".x.dlcore"
    state.mkdir(mode=0o700)
    lock = FileLock(state / LOCK, 0.0, PrivateFolder(state))
    fill(state)
    (state / "read-only").mkdir()
    (state / "read-only" / "file").write_text("")
    (state / "read-only").chmod(0o500)
    remove_state(state)
    assert [path.name for path in state.iterdir()] == [LOCK]
    with pytest.raises(LockedError):
        FileLock(state / LOCK, 0.0, PrivateFolder(state))
    lock.release()


@pytest.mark.posix_only(reason="elsewhere a lock that is held cannot be deleted")
def test_what_the_next_holder_of_the_lock_has_is_not_deleted(tmp_path: Path) -> None:
    """Fault: a second process waits for the lock of a delivery, and works as soon as its file is
    deleted. dlcore deletes the lock last, and nothing of the other process.
    """
    state = tmp_path / ".x.dlcore"
    lock = FileLock(state / LOCK, 0.0, PrivateFolder(state))
    others: list[FileLock] = []

    def unlink(path: Path) -> None:
        path.unlink()
        others.append(FileLock(state / LOCK, 0.0, PrivateFolder(state)))
        fill(state)

    remove_state(state)
    remove_lock(state, unlink=unlink)
    lock.release()
    assert (state / KEPT).exists()
    with pytest.raises(LockedError):
        FileLock(state / LOCK, 0.0, PrivateFolder(state))
    remove_lock(state)
    assert (state / KEPT).exists()
    assert (state / LOCK).exists()
    others[0].release()


def test_a_lock_is_taken_away_with_its_empty_folder(tmp_path: Path) -> None:
    state = tmp_path / ".x.dlcore"
    state.mkdir()
    (state / LOCK).write_text("")
    remove_lock(state)
    assert not state.exists()
    remove_lock(state)


@pytest.mark.posix_only(reason="elsewhere a folder with an open lock cannot be deleted")
def test_a_folder_that_goes_while_its_lock_is_taken_is_held_by_another(tmp_path: Path) -> None:
    """Fault: the holder of a lock deletes its folder just when another process opens the lock. That
    one waits, and does not fail.
    """
    state = tmp_path / ".x.dlcore"

    class Vanishing(PrivateFolder):
        def place(self, path: Path) -> Place:
            found = super().place(path)
            state.rmdir()
            return found

    with pytest.raises(LockedError):
        FileLock(state / LOCK, 0.0, Vanishing(state))
    FileLock(state / LOCK, 0.0, PrivateFolder(state)).release()


def test_a_state_directory_that_another_process_makes_meanwhile_is_used(tmp_path: Path) -> None:
    """Fault: two processes begin on a state directory that is not there yet. Both can use it."""
    state = tmp_path / "new" / "state"

    class Slower(Files):
        def make_folder(self, path: Path) -> None:
            path.mkdir()
            super().make_folder(path)

    make_state_folder(Slower(), state)
    assert state.is_dir()
