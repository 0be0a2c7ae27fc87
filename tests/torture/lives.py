"""What is tortured in this process: each life goes from whatever is on disk to its end.

A life notes facts as it goes: a step had its effects, a call that promises durability returned. The
check compares what is on disk with the facts alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Protocol

import msgspec

from dlcore.deployment import Download
from dlcore.disk.faults import guarded
from dlcore.disk.private_folder import make_way
from dlcore.engine.delivery.deliveries import Deliveries
from dlcore.engine.documents import pinned_documents
from dlcore.engine.documents.pinned_documents import CatalogPin
from dlcore.engine.outcomes import StepOutcome
from dlcore.engine.running.download_step import Stored, download_content
from dlcore.engine.running.identity import SequenceIdentity, StepIdentity
from dlcore.engine.running.run_keeper import RunKeeper
from dlcore.engine.running.state import LifeFigures, RunState, StepResult
from dlcore.engine.state_file import load
from dlcore.errors import ConfigError
from dlcore.store import Package
from dlcore.tasksequence import Variables, read
from dlcore.trust.evidence import Evidence
from dlcore.trust.memory import Memory
from tests.engine import deliveries
from tests.engine.deliveries import V1, V2, write
from tests.engine.scene import sequence, step
from tests.store import helpers

KEPT = "kept"  # what was replaced, because no record says that it is dlcore's
Fact = str
Note = Callable[[Fact], None]


class Life(Protocol):
    """Something to torture."""

    def live(self, root: Path, note: Note) -> None:
        """Go on from what is on disk to the end."""
        ...

    def flaw(self, root: Path, facts: Sequence[Fact]) -> tuple[str, str] | None:
        """What is wrong on disk, given the facts: its kind and what it is; None if nothing is."""
        ...

    def unfinished(self, root: Path, facts: Sequence[Fact], breaks: int) -> tuple[str, str] | None:
        """What is wrong after a life has ended that was broken off some times before."""
        ...

    def renumber(self, root: Path, numbers: dict[int, int]) -> None:
        """Change what is noted of inodes: files were copied, so their numbers are others."""
        ...


class RunLife:
    """A run's state and pins: four steps, whose effects are the facts."""

    STEPS = 4
    DOCUMENTS = (b"catalog " * 200, b"evidence " * 100)

    def live(self, root: Path, note: Note) -> None:
        asyncio.run(self._live(root / "state", note))

    async def _live(self, state: Path, note: Note) -> None:
        with guarded("make the state directory", state):
            make_way(state)  # as the lock of a state directory does
        run = load(state)
        if run is None:
            run = self._begun(state)
        else:
            assert all(pinned_documents.read(state, each) for each in run.pin.documents), (
                "a pin is lost"
            )
            run.resume()
        keeper = RunKeeper(state, run, lambda now: _NO_FIGURES, save_every_s=3600)
        try:
            await keeper.begin({"Key": "value"})
            while not run.has_ended:
                at = run.position
                await keeper.start_step(at)
                note(f"step {at}")
                run.end_step(StepResult(at, f"s{at}", StepOutcome.SUCCEEDED))
                await keeper.save({"Key": f"after {at}" * 100})
            await keeper.end({"Key": "value"})
        finally:
            await keeper.stop()
        note("told")
        await keeper.forget()

    def _begun(self, state: Path) -> RunState:
        catalog, evidence = (pinned_documents.keep(state, document) for document in self.DOCUMENTS)
        steps = tuple(StepIdentity(f"s{n}", "T", _digest(f"{n}"), ()) for n in range(self.STEPS))
        what = SequenceIdentity(_digest("variables"), steps, ())
        return RunState(what, Download.WHEN_NEEDED, CatalogPin(catalog, evidence), {})

    def flaw(self, root: Path, facts: Sequence[Fact]) -> tuple[str, str] | None:
        state = root / "state"
        run = load(state) if state.exists() else None
        ran = [int(fact.split()[1]) for fact in _since_told(facts)]
        if run is None:
            return ("steps repeated", f"the state is lost after {facts}") if ran else None
        last = ran[-1] if ran else -1
        is_told = "told" in facts and not ran  # the state may be there still, or a new one
        if run.position > last + 1 and not (is_told and run.has_ended):
            return "steps skipped", f"position {run.position} after {facts}"
        if run.position < last:
            return "steps repeated", f"position {run.position} after {facts}"
        if not all(pinned_documents.read(state, each) for each in run.pin.documents):
            return "wedges", f"a pinned document is lost after {facts}"
        return None

    def unfinished(self, root: Path, facts: Sequence[Fact], breaks: int) -> tuple[str, str] | None:
        passes = "|".join(facts).split("told")
        for names in ([n for n in each.split("|") if n] for each in passes):
            in_order = [name for name, _ in groupby(names)]
            if names and in_order != [f"step {n}" for n in range(self.STEPS)]:
                return "steps skipped", str(facts)
            if len(names) - len(in_order) > breaks:
                return "steps repeated", str(facts)
        return None if not load(root / "state") else ("wedges", "the state is there still")

    def renumber(self, root: Path, numbers: dict[int, int]) -> None:
        """No number of an inode is noted."""


class TrustLife:
    """What is remembered of signatures: five catalogs, each newer."""

    KEPT = 5
    _BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

    def _memory(self, root: Path) -> Memory:
        return Memory(root / "trust", b"root")

    def _kept(self, root: Path) -> int:
        found = self._memory(root).read()
        return (found.verified_at - self._BEGIN).days if found else 0

    def live(self, root: Path, note: Note) -> None:
        for day in range(self._kept(root) + 1, self.KEPT + 1):
            evidence = Evidence(verified_at=self._BEGIN + timedelta(days=day), roots=(b"r" * 900,))
            self._memory(root).keep(evidence)
            note(str(day))

    def flaw(self, root: Path, facts: Sequence[Fact]) -> tuple[str, str] | None:
        kept, promised = self._kept(root), int(facts[-1]) if facts else 0
        return None if kept >= promised else ("wrong files", f"evidence {kept} after {promised}")

    def unfinished(self, root: Path, facts: Sequence[Fact], breaks: int) -> tuple[str, str] | None:
        kept = self._kept(root)
        return None if kept == self.KEPT else ("wedges", f"evidence {kept} at the end")

    def renumber(self, root: Path, numbers: dict[int, int]) -> None:
        """No number of an inode is noted."""


class DeliveryLife:
    """A folder that gets version 1 of a package and then version 2."""

    VERSIONS = (V1, V2)

    def folder(self, root: Path) -> Path:
        return root / "below" / "to"

    def live(self, root: Path, note: Note) -> None:
        begun = self._version(root) or 1
        for number in range(begun, 3):
            self._put(root, self.VERSIONS[number - 1])
            note(str(number))

    def _version(self, root: Path) -> int | None:
        folder = self.folder(root)
        try:
            found = helpers.read_back(folder) if folder.exists() else None
        except OSError:  # the call that is made to fail
            return None
        return next((n for n, v in enumerate(self.VERSIONS, 1) if v.contents == found), None)

    def _put(self, root: Path, package: helpers.Package) -> None:
        deliveries.put(package, self.folder(root), root / "records")

    def flaw(self, root: Path, facts: Sequence[Fact]) -> tuple[str, str] | None:
        version, promised = self._version(root), int(facts[-1]) if facts else 0
        if version is None and self.folder(root).exists():
            return "wrong files", f"neither version after {facts}"
        if (version or 0) < promised:
            return "wrong files", f"version {version} after {promised}"
        return None

    def unfinished(self, root: Path, facts: Sequence[Fact], breaks: int) -> tuple[str, str] | None:
        if self._version(root) != len(self.VERSIONS):
            return "wedges", "the last version is not there"
        left = {path.name for path in self.folder(root).parent.iterdir()} - {"to", "ABC00012"}
        if left and any(self.folder(root).parent.glob(".*.dlcore/replaced")):
            return KEPT, f"{left} are left"
        return ("wedges", f"{left} are left") if left else None

    def renumber(self, root: Path, numbers: dict[int, int]) -> None:
        for path in (root / "records").glob("*.record"):
            try:
                record = msgspec.json.decode(zlib.decompress(path.read_bytes()))
            except (zlib.error, msgspec.DecodeError):
                continue
            for each in record["delivered"]:
                each["inode"] = numbers.get(each["inode"], each["inode"])
            path.write_bytes(zlib.compress(msgspec.json.encode(record)))


class CopyLife(DeliveryLife):
    """The step *Download Package Content* copies version 1 of a package, and then version 2.

    Args:
        store: A folder, outside of what is tortured, that has the content.
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        for package in self.VERSIONS:
            write(store / str(package.manifest.version), package.contents)
            for folder in package.manifest.folders:
                (store / str(package.manifest.version) / folder).mkdir(parents=True)

    def folder(self, root: Path) -> Path:
        return root / "cache" / "ABC00012"

    def _put(self, root: Path, package: helpers.Package) -> None:
        asked = step(
            "get",
            "DownloadPackageContentAction",
            OSDDownloadDownloadPackages="ABC00012",
            OSDDownloadDestinationLocationType="Custom",
            OSDDownloadDestinationPath=str(root / "cache"),
            OSDDownloadContinueDownloadOnError="false",
        )
        stored = Stored(
            self._store / str(package.manifest.version), Package(package.manifest, package.document)
        )
        outcome = asyncio.run(
            download_content(
                read(sequence(asked), source="test").steps[0],
                Variables(),
                {"ABC00012": stored},
                Deliveries(root / "records"),
            )
        )
        if outcome.message:
            raise ConfigError(outcome.message, remedy="")


def _since_told(facts: Sequence[Fact]) -> list[Fact]:
    """The facts of the run that is under way: those before it ended with an outcome."""
    told = [at for at, fact in enumerate(facts) if fact == "told"]
    return list(facts[told[-1] + 1 :] if told else facts)


_NO_FIGURES = LifeFigures(0.0, 0.0, Counter(), 0, {}, {}, 0)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
