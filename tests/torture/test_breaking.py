"""What breaking lives off has found, and that it finds what it looks for."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from dlcore.errors import IntegrityError, OwnershipError, StorageError
from dlcore.store.files import Files
from dlcore.trust.evidence import Evidence
from dlcore.trust.memory import Memory
from tests.engine.deliveries import V1, V2, put
from tests.store.helpers import make_package
from tests.torture.breaking import lay_out, lose_power
from tests.torture.lives import Fact, Note, RunLife, TrustLife
from tests.torture.medium import Leaf, Medium, Tree
from tests.torture.recorder import Recorder
from tests.torture.tally import Tally
from tests.users import ADVERSARY, give, needs_root

pytestmark = pytest.mark.skipif(os.name != "posix", reason="folders are synced by POSIX calls")

SMALL = make_package({"x": 10})


@pytest.fixture
def root() -> Iterator[Path]:
    """In memory where that is possible: hundreds of deliveries are synced."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.exists() else None) as name:
        yield Path(name).resolve()


def left_of(root: Path, work: Callable[[], object]) -> Tree:
    """What is on the medium if the power is lost when ``work`` has ended."""
    recorder = Recorder(root)
    with recorder.watching():
        work()
    medium = Medium(recorder.number, ordered=False)
    for event in recorder.events:
        medium.happen(event)
    return medium.durable_tree()


def files_of(tree: Tree | Leaf) -> dict[str, bytes]:
    if isinstance(tree, Leaf):
        return {"": tree.data}
    return {
        f"{name}/{path}".rstrip("/"): data
        for name, below in tree.below.items()
        for path, data in files_of(below).items()
    }


def test_the_first_evidence_survives_in_a_folder_that_is_new(root: Path) -> None:
    """Fault: power is lost after the first evidence was kept. dlcore has it, and its folder."""
    memory = Memory(root / "new" / "trust", b"root")
    tree = left_of(root, lambda: memory.keep(Evidence()))
    assert str(memory.path.relative_to(root)) in files_of(tree)


def test_a_package_survives_in_folders_that_are_new(root: Path) -> None:
    """Fault: power is lost after a delivery below new folders. The package is there."""
    tree = left_of(root, lambda: put(V1, root / "new" / "er" / "to", root / "records"))
    found = files_of(tree)
    assert {name: found.get(f"new/er/to/{name}") for name in V1.contents} == V1.contents


@needs_root
def test_a_planted_folder_does_not_open_the_package_to_others(root: Path) -> None:
    """Fault: another user plants the folder, open to all. dlcore gives the package no such mode."""
    folder = root / "to"
    folder.mkdir()
    give(folder, ADVERSARY).chmod(0o777)
    put(V2, folder, root / "records")
    assert (folder.stat().st_uid, folder.stat().st_mode & 0o022) == (os.geteuid(), 0)


@needs_root
@pytest.mark.parametrize("name", ["to", "to/ABC00012"])
def test_a_planted_link_does_not_lead_a_package_elsewhere(root: Path, name: str) -> None:
    """Fault: another user plants a link where a package goes. dlcore refuses it by name."""
    shared = root / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "to").symlink_to(root / "elsewhere")
    give(shared / "to", ADVERSARY)
    for _ in range(2):  # the link leads to nothing, and then to a folder
        with pytest.raises(OwnershipError, match=f"shared/to is a link of user {ADVERSARY}"):
            put(V1, shared / name, root / "records")
        (root / "elsewhere").mkdir(exist_ok=True)
    assert not [*(root / "elsewhere").iterdir()]
    give(shared / "to", os.geteuid())
    put(V1, shared / name, root / "records")
    assert (root / name.replace("to", "elsewhere", 1) / "setup.exe").exists()


@pytest.mark.parametrize("call", ["open", "stat"])
def test_a_folder_that_cannot_be_looked_at_stops_a_delivery_as_a_fault_of_the_disk(
    root: Path, call: str
) -> None:
    """Fault: a folder cannot be read during a delivery. dlcore blames the disk, not its content."""
    calls, failing = 0, 0

    def before(name: str) -> None:
        nonlocal calls
        calls += name == call
        if name == call and calls == failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with Recorder(root, before).watching():
        put(SMALL, root / "to", root / "records")
    count = calls
    refusals: list[type[Exception]] = [StorageError]
    if Files().is_in_memory(
        root
    ):  # then it is hashed once more, and counts as damaged if it cannot
        refusals.append(IntegrityError)
    for number in range(1, count + 1):
        lay_out(root, Tree(0, {}))
        calls, failing = 0, number
        with Recorder(root, before).watching(), contextlib.suppress(*refusals):
            put(SMALL, root / "to", root / "records")
    assert count


class Careless(TrustLife):
    """Keeps a number in a file that is not synced."""

    def _kept(self, root: Path) -> int:
        path = root / "number"
        return int(path.read_bytes() or b"0") if path.exists() else 0

    def live(self, root: Path, note: Note) -> None:
        for number in range(self._kept(root) + 1, self.KEPT + 1):
            fd = os.open(root / "number", os.O_WRONLY | os.O_CREAT)
            os.write(fd, str(number).encode())
            os.close(fd)
            note(str(number))


def test_what_is_not_synced_is_found(root: Path) -> None:
    tally = Tally()
    lose_power(Careless(), root, random.Random(1), tally)
    assert tally.found["wrong files"]


class Forgetful(RunLife):
    """Notes a step twice, as if it had run twice."""

    def live(self, root: Path, note: Note) -> None:
        def noted(fact: Fact) -> None:
            for _ in range(4 if fact == "step 2" else 1):
                note(fact)

        super().live(root, noted)

    def flaw(self, root: Path, facts: Sequence[Fact]) -> None:
        """Nothing is looked at before the end."""


def test_a_step_that_is_repeated_is_found(root: Path) -> None:
    tally = Tally()
    for seed in range(2):
        lose_power(Forgetful(), root, random.Random(seed), tally, states=20)
    assert tally.found["steps repeated"]
