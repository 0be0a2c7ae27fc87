"""`dlcore run` killed at random moments between and inside steps: none is skipped or repeated."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dlcore.cli.ending.endings import RESTART
from dlcore.engine.state_file import STATE_FILE
from dlcore.errors import LockedError
from dlcore.steps.interface import SCRATCH_FOLDER
from tests.depth import cases
from tests.engine.scene import publish_packages, sequence, step, upgrade, when
from tests.seeds import given_seed

KILLS = int(os.environ.get("DLCORE_KILLS") or cases(6, 10))
SEED = given_seed(20261128)
STEPS = 12
RESTART_EVERY = 4  # steps
PACKAGE = "ABC00001"
NOTE = """
import os, sys, time
number, then = sys.argv[1:]
if then == "stay":
    open("kept", "w").close()
with open(os.environ["JOURNAL"], "a") as journal:
    journal.write(f"{os.environ['LIFE']} {number}\\n")
if then == "restart":
    with open(os.environ["DLCORE_VARIABLES"], "a") as answers:
        answers.write("SMSTSRebootRequested=HD\\n")
while then == "stay" and not os.path.exists(os.environ["JOURNAL"] + ".enough"):
    time.sleep(0.01)
time.sleep(0.03)
"""
"""What a step runs: it notes its life and its number, and does one thing more."""


class Life:
    """One process that runs the sequence; its steps note its number in the journal.

    Args:
        root: The folder of the site, and of everything else.
        state: The state directory.
        number: Of the life.
        wait_s: How long to wait for a step that a killed life has left.

    Attributes:
        wants_restart: Whether it ended because a step asked for a restart of the machine.
    """

    def __init__(self, root: Path, state: Path, number: int, wait_s: int = 60) -> None:
        self.wants_restart = False
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "dlcore", "run", str(root / "sequence.xml"), "--quiet"),
                *("--config", str(root / "client.toml"), "--state", str(state), "--json"),
                *("--wait", str(wait_s)),
            ],
            env={
                **os.environ,
                "LIFE": str(number),
                "JOURNAL": str(state) + ".journal",
                "TMPDIR": str(root / "tmp"),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )

    def ends(self, journal: Path, steps: int | None, kill_after_s: float) -> bool:
        """Wait for its end, or kill it; returns whether the run has ended, or waits for a restart.

        Args:
            journal: Where its steps note themselves.
            steps: How many of them it may run before it is killed; None: it is not killed.
            kill_after_s: How long after the last of these.
        """
        if steps is not None:
            first = length(journal)
            while length(journal) < first + steps and self._process.poll() is None:
                time.sleep(0.002)  # a moment is to be hit that only the other process knows
        try:
            out, _ = self._process.communicate(timeout=None if steps is None else kill_after_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            return False
        assert self._process.returncode in (0, RESTART), out.decode()
        self.wants_restart = self._process.returncode == RESTART
        return True

    def refused(self) -> tuple[int, str]:
        """Wait for its end: its exit status, and what it printed."""
        out, _ = self._process.communicate()
        return self._process.returncode, out.decode()


def noting(root: Path, number: int, then: str = "go on") -> str:
    """The command line of a step."""
    return f'"{sys.executable}" -S -E "{root / "note.py"}" {number} "{then}"'


def length(journal: Path) -> int:
    """How many steps have noted themselves."""
    return len(journal.read_bytes().splitlines()) if journal.exists() else 0


def check(journal: Path) -> int:
    """Every step ran in its turn, again only if it was the last of a life. Returns repetitions."""
    noted = [tuple(map(int, line.split())) for line in journal.read_text().splitlines()]
    lives: dict[int, list[int]] = {}
    for life, number in noted:
        lives.setdefault(life, []).append(number)
    reached, repeated = 0, 0
    for life in sorted(lives):
        ran = lives[life]
        assert ran == list(range(ran[0], ran[-1] + 1)), f"life {life} ran {ran}"
        assert ran[0] in (reached, reached + 1), f"life {life} began with {ran[0]} after {reached}"
        assert all(n % RESTART_EVERY for n in ran[:-1]), f"life {life} ran on before a restart"
        repeated += ran[0] == reached
        reached = ran[-1]
    assert reached == STEPS
    return repeated


def has_run(state: Path) -> bool:
    """Whether all steps have ended: then there is no state any more."""
    journal = Path(f"{state}.journal")
    if (state / STATE_FILE).exists() or not journal.exists():
        return False
    return journal.read_text().splitlines()[-1].endswith(f" {STEPS}")


def prepare(root: Path, *steps: str) -> None:
    """Publish the package, and write the task sequence and its settings."""
    (root / "note.py").write_text(NOTE, encoding="utf-8")
    published = publish_packages(root, {PACKAGE: {"setup.exe": 5000}})
    never = upgrade(PACKAGE, condition=when("Never", "1"))  # preflight wants one
    (root / "sequence.xml").write_bytes(sequence(never, *steps))
    (root / "client.toml").write_text(
        "[deployment]\nallow_on_internet = true\n[client]\nallow_cloud_dp = true\n"
        f"[catalog]\npath = '{published}/catalog.json'\n"
        f"[[endpoint]]\nname = 'disk'\nkind = 'file'\npath = '{published}'\n",
        encoding="utf-8",
    )
    (root / "tmp").mkdir()


@pytest.mark.timeout(300)
def test_kills_skip_no_step_and_repeat_only_the_one_under_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fault P1: dlcore is killed between or inside steps. It skips none, and repeats only that."""
    steps = (
        step(
            f"s{n}",
            package=PACKAGE,
            CommandLine=noting(tmp_path, n, "go on" if n % RESTART_EVERY else "restart"),
        )
        for n in range(1, STEPS + 1)
    )
    prepare(tmp_path, *steps)
    rng = random.Random(SEED)
    kills = rounds = repeated = restarts = life = 0
    while kills < KILLS:
        rounds += 1
        state = tmp_path / f"state-{rounds}"
        while True:
            steps_more = rng.randrange(5) if kills < KILLS else None
            process = Life(tmp_path, state, life)
            has_ended = process.ends(Path(f"{state}.journal"), steps_more, rng.uniform(0.0, 0.06))
            life += 1
            if has_ended and not process.wants_restart:
                break
            if has_ended:
                restarts += 1
                continue
            kills += 1
            if has_run(state):  # killed between the end of the run and that of the process
                break
        repeated += check(Path(f"{state}.journal"))
    with capsys.disabled():
        print(  # noqa: T201  # what it came to is worth a line
            f"\nseed {SEED}: {kills} kills in {rounds} sequences, {repeated} steps run again, "
            f"0 skipped, {restarts} restarts"
        )


@pytest.mark.timeout(300)
def test_a_step_that_outlives_its_run_is_not_started_a_second_time(tmp_path: Path) -> None:
    """Fault: dlcore is killed while a command runs. The next one waits for that, or says so; then
    it removes what the command left, and runs the step again.
    """
    prepare(tmp_path, step("s1", CommandLine=noting(tmp_path, 1, "stay")))
    state = tmp_path / "state"
    work = state / "work"
    journal = Path(f"{state}.journal")
    assert not Life(tmp_path, state, 0).ends(journal, 1, 0.0)
    assert list((work / SCRATCH_FOLDER).iterdir())
    if sys.platform != "win32":  # there it ends with dlcore
        status, told = Life(tmp_path, state, 1, wait_s=0).refused()
        assert (status, length(journal)) == (LockedError.exit_status, 1)
        assert "step 1 's1'" in told
    following = Life(tmp_path, state, 2)
    Path(f"{journal}.enough").touch()
    assert following.ends(journal, None, 0.0)
    assert [line.split() for line in journal.read_text().splitlines()] == [["0", "1"], ["2", "1"]]
    assert not list((work / SCRATCH_FOLDER).iterdir())
    assert (work / "kept").exists()
    assert not list((tmp_path / "tmp").iterdir())
