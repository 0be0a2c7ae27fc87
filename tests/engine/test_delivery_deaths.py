"""What is left of a delivery that dies, or whose disk fails, between any two of its steps."""

from __future__ import annotations

import itertools
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcore.engine.delivery.deliveries import Deliveries
from dlcore.engine.delivery.own_folder import OwnFolder
from dlcore.engine.delivery.target import Disk
from dlcore.errors import StorageError
from dlcore.store import Store
from tests.engine.deliveries import (
    V1,
    V2,
    DiedError,
    FaultyDisk,
    Memory,
    bring,
    dies_at,
    fails_at,
    neighbours,
    put,
)
from tests.store.helpers import finish, read_back


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory where the system has one: thousands of syncs cost nothing there."""
    shared = Path("/dev/shm")
    has_room = shared.is_dir() and shutil.disk_usage(shared).free > 2 << 30  # with the reserve
    with tempfile.TemporaryDirectory(dir=shared if has_room else None) as folder:
        yield Path(folder)


BEFORE = ("nothing", "empty", "older", "damaged")
SWAPS = pytest.param(
    True, marks=pytest.mark.posix_only(reason="Windows does not exchange two folders")
)


def places(before: str) -> Iterator[int]:
    """The calls at which to fail, each in its turn.

    On Windows every eighth, and others for each folder, because status calls are slow under Wine.
    """
    if sys.platform == "win32":
        return itertools.count(1 + 2 * BEFORE.index(before), 2 * len(BEFORE))
    return itertools.count(1)


def arrange(before: str, folder: Path, records: Path) -> dict[str, bytes] | None:
    """Prepare a folder. Returns its content; None if it does not exist."""
    if before == "empty":
        folder.mkdir()
    elif before == "older":
        put(V1, folder, records)
    elif before == "damaged":
        put(V2, folder, records)
        (folder / "setup.exe").write_bytes(b"damaged")
    return state_of(folder)


def state_of(folder: Path) -> dict[str, bytes] | None:
    return read_back(folder) if folder.exists() else None


def deliver_until_death(folder: Path, records: Path, disk: FaultyDisk) -> None:
    """What `deliver` does, in a process that may die, so that nothing is tidied afterwards."""
    goal = OwnFolder(folder, Deliveries(records, disk), disk)
    with Store.open(goal.state) as store:
        content = finish(store, V2)
        goal.recover(V2.manifest)
        goal.look(V2.manifest)
        goal.deliver(content, V2.manifest)
        goal.end(V2.manifest)


@pytest.mark.parametrize("swaps", [SWAPS, False])
@pytest.mark.parametrize("before", BEFORE)
def test_a_death_between_any_two_steps_of_a_delivery(
    memory: Path, before: str, swaps: bool
) -> None:
    """Fault P1: the process dies anywhere in a delivery. dlcore leaves old or new, and goes on.

    What was delivered is altered afterwards, so that the next call has to deliver once more.
    """
    for at in places(before):
        root = memory / str(at)
        root.mkdir()
        folder, records = root / "to", root / "records"
        old = arrange(before, folder, records)
        disk = FaultyDisk(dies_at(at))
        disk.swaps = swaps
        has_died = False
        try:
            deliver_until_death(folder, records, disk)
        except DiedError:
            has_died = True
        found = state_of(folder)
        assert found in (old, V2.contents) or (found is None and not swaps), at
        if found == V2.contents:
            (folder / "setup.exe").write_bytes(b"altered")
        put(V2, folder, records)
        assert read_back(folder) == V2.contents, at
        assert neighbours(folder) == ["to"], at
        if not has_died:
            break
    assert at > 8  # it did die in many places


def test_what_was_replaced_is_noted_until_it_is_gone_for_good(memory: Path) -> None:
    """Fault P2: power is lost right behind a delivery. dlcore knows whose what comes back is."""
    folder, records = memory / "to", memory / "records"
    place = OwnFolder(folder, Deliveries(records)).path
    gone_and_noted: list[int] = []

    class Synced(Disk):
        def sync_folder(self, path: Path) -> None:
            super().sync_folder(path)
            left = {each.name for each in (memory / ".to.dlcore").rglob("*")}
            # The lock stays to the end, and with it the folder in which the entry was.
            if path == place.parent / ".to.dlcore" and left == {"lock"}:
                gone_and_noted.append(len(Deliveries(records).all(place)))

    put(V1, folder, records)
    put(V2, folder, records, Synced())
    assert gone_and_noted == [2]
    assert len(Deliveries(records).all(place)) == 1


@pytest.mark.parametrize("swaps", [SWAPS, False])
@pytest.mark.parametrize("before", BEFORE)
def test_a_disk_fault_at_any_step_of_a_delivery(memory: Path, before: str, swaps: bool) -> None:
    """Fault D2, D3: any call to the disk fails in a delivery. dlcore leaves old or new, and goes
    on.
    """
    for at in places(before):
        root = memory / str(at)
        root.mkdir()
        folder, records = root / "to", root / "records"
        old = arrange(before, folder, records)
        disk = FaultyDisk(fails_at(at))
        disk.swaps = swaps
        try:
            put(V2, folder, records, disk)
        except StorageError:
            assert state_of(folder) in (old, V2.contents), at
        else:
            assert read_back(folder) == V2.contents, at
        put(V2, folder, records)
        assert read_back(folder) == V2.contents, at
        assert neighbours(folder) == ["to"], at
        if at > disk.calls:
            break
    assert at > 8  # it did fail in many places


def test_a_folder_that_was_moved_away_is_put_back_even_if_nothing_can_be_fetched(
    memory: Path,
) -> None:
    """Fault: the process dies between two renames, and then no source is left. dlcore puts back."""

    class Gone(Memory):
        async def fill(self, store: Store, look: object) -> None:
            raise StorageError("nothing can be had")

    folder, records = memory / "to", memory / "records"
    put(V1, folder, records)
    goal = OwnFolder(folder, Deliveries(records))
    with Store.open(goal.state):
        folder.rename(goal.state / "replaced")
    with pytest.raises(StorageError, match="nothing can be had"):
        bring(goal, V2, Gone(V2))
    assert read_back(folder) == V1.contents
    assert neighbours(folder) == ["to"]
