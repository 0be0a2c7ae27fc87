"""Short files that are delivered together: what is on the disk, in which order, and what is not."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from dlcore.disk.private_folder import PrivateFolder
from dlcore.engine.delivery.deliveries import Deliveries
from dlcore.engine.delivery.target import Disk
from dlcore.engine.delivery.together import STATE, ShortFile, Together
from dlcore.errors import StorageError
from dlcore.long_path import plain_path
from dlcore.store.lock import StateLock

MANY = 200
SYNCS = {"sync", "sync_data", "sync_folder", "sync_filesystem"}


class Noting:
    """Makes disks that note their calls, and fail some of them.

    Attributes:
        calls: Their names, in order.
    """

    def __init__(self, fails: Callable[[str], bool] = lambda _: False) -> None:
        self.calls: list[str] = []
        self._fails = fails

    def __call__(self, root: PrivateFolder | None) -> Disk:
        noting = self

        class Noted(Disk):
            def __getattribute__(self, name: str) -> object:
                found = super().__getattribute__(name)
                if not callable(found) or name.startswith("_"):
                    return found

                def noted(*arguments: object, **options: object) -> object:
                    noting.calls.append(name)
                    if noting._fails(name):
                        raise OSError(errno.EIO, os.strerror(errno.EIO))
                    return found(*arguments, **options)

                return noted

        return Noted(root)


def plain(places: Sequence[Path | None]) -> list[Path | None]:
    """Places as users are told of them: without the prefix that opens long paths on Windows."""
    return [each and plain_path(each) for each in places]


def files(folder: Path, count: int = MANY) -> list[ShortFile]:
    return [ShortFile(folder, f"{number}.txt", b"%d" % number) for number in range(count)]


def made(tmp_path: Path, disks: Noting | None = None) -> Together:
    records = Deliveries(tmp_path / "records")
    return Together(tmp_path / "to", records, disks or Noting())


def test_each_file_has_its_content_and_is_known_as_dlcores_own(tmp_path: Path) -> None:
    to, together = tmp_path / "to", made(tmp_path)
    places = together.deliver([*files(to), ShortFile(to / "below", "x", b"x", 10**18)])
    together.close()
    assert plain(places) == [*(to / f"{number}.txt" for number in range(MANY)), to / "below" / "x"]
    assert [(to / f"{n}.txt").read_bytes() for n in range(MANY)] == [b"%d" % n for n in range(MANY)]
    assert (to / "below" / "x").stat().st_mtime_ns == 10**18
    assert {path.name for path in to.iterdir() if not path.name.endswith(".txt")} == {"below"}
    records = Deliveries(tmp_path / "records")
    assert all(records.find(path, path.stat().st_ino) for path in places if path)


@pytest.mark.posix_only(reason="rights are modes there")
def test_files_get_the_rights_of_new_files(tmp_path: Path) -> None:
    together = made(tmp_path)
    together.deliver(files(tmp_path / "to", 3))
    together.close()
    (tmp_path / "new").touch()
    expected = (tmp_path / "new").stat().st_mode
    assert {path.stat().st_mode for path in (tmp_path / "to").iterdir()} == {expected}


@pytest.mark.skipif(not Disk.syncs_at_once, reason="the system has no call for many files")
def test_many_files_take_few_syncs_and_no_name_comes_before_them(tmp_path: Path) -> None:
    disks = Noting()
    together = made(tmp_path, disks)
    together.deliver(files(tmp_path / "to"))
    assert sum(call in SYNCS for call in disks.calls) <= 3
    assert disks.calls.index("sync_filesystem") < disks.calls.index("move_to_free_name")
    assert disks.calls[-1] == "sync_folder"
    together.close()


@pytest.mark.parametrize("count", [1, 3, MANY])
def test_a_failed_sync_leaves_no_name_and_the_files_to_the_usual_way(
    tmp_path: Path, count: int
) -> None:
    """Fault: the disk loses what was written, and says so at the sync. dlcore gives no file its
    name, and delivers them one by one.
    """
    together = made(tmp_path, Noting(lambda call: call in {"sync", "sync_filesystem"}))
    assert together.deliver(files(tmp_path / "to", count)) == [None] * count
    together.close()
    assert not [*(tmp_path / "to").iterdir()]


def test_a_failed_sync_of_names_is_an_error(tmp_path: Path) -> None:
    """Fault: the disk fails when files have their names. dlcore does not call them there."""
    together = made(tmp_path, Noting(lambda call: call == "sync_folder"))
    with pytest.raises(StorageError):
        together.deliver(files(tmp_path / "to", 3))
    together.close()


def test_nothing_is_replaced(tmp_path: Path) -> None:
    to, together = tmp_path / "to", made(tmp_path)
    to.mkdir()
    (to / "1.txt").write_bytes(b"somebody's")
    (to / ".2.txt.dlcore").mkdir()  # of an earlier call
    places = together.deliver(files(to, 4))
    together.close()
    assert plain(places) == [to / "0.txt", None, None, to / "3.txt"]
    assert (to / "1.txt").read_bytes() == b"somebody's"


def test_a_file_of_a_faster_program_is_not_replaced(tmp_path: Path) -> None:
    to = tmp_path / "to"

    def plant(call: str) -> bool:
        if call == "move_to_free_name" and not (to / "0.txt").exists():
            (to / "0.txt").write_bytes(b"somebody's")
        return False

    together = made(tmp_path, Noting(plant))
    assert plain(together.deliver(files(to, 2))) == [None, to / "1.txt"]
    together.close()
    assert (to / "0.txt").read_bytes() == b"somebody's"


def test_what_a_killed_process_left_is_cleared(tmp_path: Path) -> None:
    left = tmp_path / "to" / STATE / "files" / "0"
    left.parent.mkdir(parents=True, mode=0o700)
    (tmp_path / "to" / STATE).chmod(0o700)
    left.write_bytes(b"left by another, and longer")
    together = made(tmp_path)
    together.deliver(files(tmp_path / "to", 2))
    together.close()
    assert {p.name: p.read_bytes() for p in (tmp_path / "to").iterdir()} == {
        "0.txt": b"0",
        "1.txt": b"1",
    }


def test_while_another_process_has_the_folder_files_are_left_to_the_usual_way(
    tmp_path: Path,
) -> None:
    state = tmp_path / "to" / STATE
    state.mkdir(parents=True, mode=0o700)
    lock = StateLock(state, 0.0)
    together = made(tmp_path)
    assert together.deliver(files(tmp_path / "to", 2)) == [None, None]
    together.close()
    lock.release()
    assert [path.name for path in (tmp_path / "to").iterdir()] == [STATE]
