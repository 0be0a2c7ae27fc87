"""Breaks lives off: by a loss of power, by a call that fails, by a bit that flips."""

from __future__ import annotations

import errno
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

from dlcore.errors import ConfigError, DlcoreError, InternalError
from tests.torture.lives import KEPT, Fact, Life
from tests.torture.medium import Leaf, Medium, Tree
from tests.torture.recorder import Recorder
from tests.torture.tally import Tally

GENERATIONS = 2
STATES = 40  # of one life
ERRORS = (errno.ENOSPC, errno.EIO, errno.EINTR, errno.EMFILE)
CONTINUED = 0.1  # of the states; the others are only checked
At = tuple[int, Fact]


def lose_power(
    life: Life, root: Path, dice: random.Random, tally: Tally, states: int = STATES
) -> None:
    """Power is lost at random moments of a life, and of the life that goes on after that."""
    facts: list[Fact] = []
    for generation in range(GENERATIONS):
        try:
            recorder, noted = _record(life, root, facts)
        except (DlcoreError, OSError, AssertionError) as error:
            tally.note("wedges", f"after {facts}: {type(error).__name__}: {error}")
            return
        for tree, cut in survivors(recorder, dice, states - 1):
            _check_survivor(life, root, tree, _until(noted, cut), generation + 1, dice, tally)
        tree, cut = next(survivors(recorder, dice, 1))
        facts = _until(noted, cut)
        _check_survivor(life, root, tree, facts, generation + 1, dice, tally)
        _restore(life, root, tree)


def _check_survivor(
    life: Life,
    root: Path,
    tree: Tree,
    facts: list[Fact],
    breaks: int,
    dice: random.Random,
    tally: Tally,
) -> None:
    _restore(life, root, tree)
    tally.blows += 1
    _check(life, root, facts, breaks, tally, goes_on=dice.random() < CONTINUED)


def _until(noted: list[At], cut: int) -> list[Fact]:
    return [fact for at, fact in noted if at <= cut]


def fail_a_call(life: Life, root: Path, dice: random.Random, tally: Tally) -> None:
    """One call fails, or all from it on: a documented error, and the next life ends well."""
    number, is_for_good = dice.choice(ERRORS), dice.random() < 0.5
    calls, target = 0, 0

    def before(name: str) -> None:
        nonlocal calls
        calls += 1
        if calls == target or (is_for_good and calls > target > 0):
            raise OSError(number, os.strerror(number), name)

    with Recorder(root, before).watching():
        life.live(root, lambda fact: None)
    _restore(life, root, Tree(0, {}))
    target, calls = dice.randint(1, calls), 0
    facts: list[Fact] = []
    tally.blows += 1
    try:
        with Recorder(root, before).watching():
            life.live(root, facts.append)
    except (InternalError, OSError, AssertionError) as error:
        tally.note("wedges", f"call {target} fails with {number}: {type(error).__name__}: {error}")
    except DlcoreError:
        tally.refused += 1
    _check(life, root, facts, 1, tally, goes_on=True, may_keep=True)


def flip_bits(life: Life, root: Path, dice: random.Random, tally: Tally) -> None:
    """A bit flips in each file that a broken life leaves, one after the other."""
    recorder, noted = _record(life, root, [])
    tree, cut = next(survivors(recorder, dice, 1))
    facts = _until(noted, cut)
    _restore(life, root, tree)
    names = [path.relative_to(root) for path in sorted(root.rglob("*")) if path.is_file()]
    for name in names:
        _restore(life, root, tree)
        data = bytearray((root / name).read_bytes())
        if not data:
            continue
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        (root / name).write_bytes(data)
        tally.blows += 1
        later = list(facts)
        try:
            life.live(root, later.append)
        except InternalError as error:
            tally.note("wedges", f"{name}: {error}")
        except (DlcoreError, AssertionError):
            tally.refused += 1
        else:
            _note(tally, life.unfinished(root, later, 1), f"a bit of {name}", may_keep=True)


def _record(life: Life, root: Path, facts: list[Fact]) -> tuple[Recorder, list[At]]:
    recorder = Recorder(root)
    noted: list[At] = [(0, fact) for fact in facts]
    with recorder.watching():
        life.live(root, lambda fact: noted.append((len(recorder.events), fact)))
    return recorder, noted


def survivors(recorder: Recorder, dice: random.Random, states: int) -> Iterator[tuple[Tree, int]]:
    """Trees that a loss of power may leave, and after how many events."""
    medium = Medium(recorder.number, ordered=dice.random() < 0.5)
    last = len(recorder.events)
    cuts = sorted(dice.randint(recorder.first, last) for _ in range(states))
    done = 0
    for cut in cuts:
        for event in recorder.events[done:cut]:
            medium.happen(event)
        done = cut
        yield medium.survivor(dice), cut


def lay_out(root: Path, tree: Tree) -> dict[int, int]:
    """Make a folder hold a tree and nothing else. Returns the new numbers of its inodes."""
    for path in root.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    numbers: dict[int, int] = {}
    _make(root, tree, numbers)
    return numbers


def _restore(life: Life, root: Path, tree: Tree) -> None:
    life.renumber(root, lay_out(root, tree))


def _make(folder: Path, tree: Tree, numbers: dict[int, int]) -> None:
    for name, below in tree.below.items():
        path = folder / name
        if isinstance(below, Leaf):
            path.touch(mode=0o600)
            path.write_bytes(below.data)
        else:
            path.mkdir(mode=0o700)
            _make(path, below, numbers)
        numbers[below.node] = path.lstat().st_ino


def _check(
    life: Life,
    root: Path,
    facts: list[Fact],
    breaks: int,
    tally: Tally,
    *,
    goes_on: bool,
    may_keep: bool = False,
) -> None:
    """Look at what is on disk, and let the life go on.

    With ``may_keep``, a record of a delivery may be missing, so that dlcore may rightly take its
    own files for those of others.
    """
    try:
        _note(tally, life.flaw(root, facts), "")
        if goes_on:
            later = list(facts)
            life.live(root, later.append)
            _note(tally, life.unfinished(root, later, breaks), "at the end", may_keep=may_keep)
    except (DlcoreError, OSError, AssertionError) as error:
        if may_keep and isinstance(error, ConfigError):
            tally.refused += 1
        else:
            tally.note("wedges", f"after {facts}: {type(error).__name__}: {error}")


def _note(
    tally: Tally, flaw: tuple[str, str] | None, where: str, *, may_keep: bool = False
) -> None:
    if flaw and flaw[0] == KEPT and may_keep:
        tally.refused += 1
    elif flaw:
        kind = "wedges" if flaw[0] == KEPT else flaw[0]
        tally.note(kind, f"{flaw[1]} {where}".strip())
