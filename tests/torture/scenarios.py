"""What is done to dlcore: each scenario is one trial, and notes what must not be."""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from dlcore.cli import main
from dlcore.errors import StorageError
from tests.store.simdisk import PowerCutError, SimDisk
from tests.store.test_power_loss import MANY, PACKAGE, WHOLE, Run, cut_at
from tests.torture import breaking
from tests.torture.adversary import planting
from tests.torture.breaking import lay_out, survivors
from tests.torture.killing import (
    flip_state,
    kill_fetch,
    kill_publish,
    kill_repair,
    kill_run,
    kill_update,
)
from tests.torture.lives import CopyLife, DeliveryLife, Life, RunLife, TrustLife
from tests.torture.recorder import Recorder
from tests.torture.scene import Scene, note_differences
from tests.torture.tally import Tally

Scenario = Callable[[Scene, Path, Tally], None]
Make = Callable[[Path], Life]  # given a folder that is not tortured
STATES_OF_A_RUN = 6  # each needs a whole run
ERRORS = (errno.ENOSPC, errno.EIO, errno.EINTR, errno.EMFILE, errno.EACCES)


def lose_power(scene: Scene, work: Path, tally: Tally) -> None:
    """Power is lost while the store works: what it has published is complete."""
    package = scene.dice.choice([PACKAGE, WHOLE, MANY])
    run = Run(package, SimDisk(ordered=scene.dice.random() < 0.5))
    for _ in range(4):
        run.disk.before = cut_at(scene.dice.randint(1, 120))
        with contextlib.suppress(PowerCutError):
            run.live(scene.dice)
        run.disk = run.disk.after_power_loss(scene.dice)
        tally.blows += 1
        _check_published(run, tally, is_complete=False)
    run.live(scene.dice)
    run.disk = run.disk.after_power_loss(scene.dice)
    _check_published(run, tally, is_complete=True)


def fail_a_call(scene: Scene, work: Path, tally: Tally) -> None:
    """One call of the store to the disk fails: that is an error, and the next run ends well."""
    run = Run(scene.dice.choice([PACKAGE, WHOLE]), SimDisk())
    left = scene.dice.randint(1, 150)
    number = scene.dice.choice(ERRORS)

    def before(disk: SimDisk, call: str) -> None:
        nonlocal left
        left -= 1
        if left == 0 and call != "close":
            raise OSError(number, os.strerror(number))

    run.disk.before = before
    tally.blows += 1
    with contextlib.suppress(StorageError):
        run.live(scene.dice)
    run.disk.before = lambda disk, call: None
    _check_published(run, tally, is_complete=False)
    run.synced = set()
    run.live(scene.dice)
    _check_published(run, tally, is_complete=True)


def adversary(scene: Scene, work: Path, tally: Tally) -> None:
    """Another user plants what it may while `fetch` and `run` work in a folder open to all.

    A command may refuse. It never writes through a link, and a success is one.
    """
    work.chmod(0o711)
    shared, victim = work / "shared", work / "victim"
    shared.mkdir()
    shared.chmod(0o1777)
    victim.write_bytes(b"of this user")
    source, folder = scene.source("ABC00001"), shared / "folder"
    fetch = ["fetch", "ABC00001", "--from", scene.published, "-o", folder, "--quiet"]
    names = ["folder", ".folder.dlcore", ".folder.dlcore/lock", "folder/planted", "state"]
    names += ["state/run.json", "state/lock.owner", "state/packages", "state/work"]
    with planting(shared, names, victim, scene.dice.randrange(1 << 31)):
        for _ in range(2):
            tally.blows += 1
            if scene.ended_well_or_refused("fetch", fetch, work, tally):
                note_differences(tally, source, folder)
        run = scene.write_sequence(work)
        run[run.index("--state") + 1] = shared / "state"
        tally.blows += 1
        ended_well = scene.ended_well_or_refused("run", run, work, tally)
        scene.check_log(work, tally, 0, is_complete=ended_well)
    if victim.read_bytes() != b"of this user" or victim.stat().st_uid != os.geteuid():
        tally.note("wrong files", "the file of this user that links lead to")
    if victim.with_name("nowhere").exists():
        tally.note("wrong files", "a place that only links lead to")
    scene.check_secrets(work, tally)


def lose_power_in_run(scene: Scene, work: Path, tally: Tally) -> None:
    """Power is lost at random moments of a whole `run`, its store included; the next one ends."""
    root, log = work / "root", work / "log"
    root.mkdir(mode=0o700)
    run = scene.write_sequence(work)
    run[run.index("--state") + 1] = root / "state"
    lines_at: list[tuple[int, int]] = []

    def before(name: str) -> None:
        lines = log.read_text().splitlines() if log.exists() else []
        lines_at.append((len(recorder.events), len(lines)))

    recorder = Recorder(root, before)
    quiet = contextlib.redirect_stdout(io.StringIO())
    with quiet, recorder.watching(), contextlib.suppress(SystemExit):
        main([str(argument) for argument in run])
    ran = log.read_text().splitlines(keepends=True)
    for tree, cut in survivors(recorder, scene.dice, STATES_OF_A_RUN):
        lay_out(root, tree)
        known = max(lines for at, lines in lines_at if at <= cut)
        log.write_text("".join(ran[:known]))
        tally.blows += 1
        if scene.finish("run", run, work, tally):
            scene.check_log(work, tally, 1, is_complete=True)
    scene.check_secrets(work, tally)


def _breaking(break_off: Callable[[Life, Path, Random, Tally], None], make: Make) -> Scenario:
    """Break a life off, in a folder in memory where there is one."""

    def scenario(scene: Scene, work: Path, tally: Tally) -> None:
        fast = Path("/dev/shm")
        with tempfile.TemporaryDirectory(dir=fast if fast.exists() else work) as folder:
            root = Path(folder).resolve() / "root"
            root.mkdir(mode=0o700)
            with _quiet():
                break_off(make(Path(folder).resolve()), root, scene.dice, tally)

    return scenario


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings about what is damaged or not recorded: there are thousands."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


LIVES: dict[str, Make] = {
    "run": lambda folder: RunLife(),
    "trust": lambda folder: TrustLife(),
    "delivery": lambda folder: DeliveryLife(),
    "copy": lambda folder: CopyLife(folder / "store"),
}
BREAKS: dict[str, Callable[[Life, Path, Random, Tally], None]] = {
    "lose power": breaking.lose_power,
    "fail a call": breaking.fail_a_call,
    "flip bits": breaking.flip_bits,
}
NEEDS_POSIX: dict[str, Scenario] = {
    "lose power: whole run": lose_power_in_run,
    **{f"{b}: {life}": _breaking(BREAKS[b], make) for b in BREAKS for life, make in LIVES.items()},
    **({"adversary": adversary} if getattr(os, "geteuid", int)() == 0 else {}),
}
"""The recorder sees calls by way of ``/proc``, and another user is one with another id."""

SCENARIOS: dict[str, Scenario] = {
    "kill fetch": kill_fetch,
    "kill update": kill_update,
    "kill run": kill_run,
    "kill publish": kill_publish,
    "kill repair": kill_repair,
    "flip state": flip_state,
    "lose power": lose_power,
    "fail a call": fail_a_call,
    **(NEEDS_POSIX if os.name == "posix" else {}),
}


def _check_published(run: Run, tally: Tally, *, is_complete: bool) -> None:
    try:
        is_there = run.check_published()
    except AssertionError as error:
        tally.note("wrong files", error)
        return
    if is_complete and not is_there:
        tally.note("wedges", "the package is not there")
