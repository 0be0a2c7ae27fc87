"""A published site, a sequence over it, and the checks of what became of them.

The checks share no code with dlcore: they compare files with their sources by hashlib, and the
steps' own log with what the sequence says.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import shutil
import sys
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from dlcore.disk.lock import is_held
from dlcore.disk.private_folder import PrivateFolder
from dlcore.publish import publish
from dlcore.store.lock import RUN_LOCK
from tests.engine.scene import make_tree, sequence, step
from tests.torture import command
from tests.torture.tally import Tally

CANARY = "canary-7f3a9c51e0"
BLOCK_BYTES = 64 << 10
PACKAGES = {
    "ABC00001": {"tools/check.exe": 700_001, "empty": 0, **{f"s/{n:02}": 3_000 for n in range(40)}},
    "ABC00002": {"install.wim": 1 << 20, "setup.ini": 77, "größe.txt": 5},
    "ABC00003": {f"drivers/{n:03}.sys": 9_000 for n in range(60)},
}
WITNESS = """{{
  printf '%s ' "$1"
  find . -type f -exec sha256sum -b {{}} + | LC_ALL=C sort -k2 | sha256sum
}} >> {log}
env >> {environment}
"""
STEP_LOCK = f"{RUN_LOCK}.step"
MAX_RUNS = 3  # undisturbed runs until a command must have ended well
MAX_KILLS = 1 if sys.platform == "win32" else 4  # each takes seconds under Wine


class Scene:
    """The site below a folder, and what commands do to copies of it.

    Args:
        root: A folder of its own.
        seed: Of all choices.
    """

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.dice = random.Random(seed)
        self.published = root / "published"
        self.later = root / "later"
        for package_id, files in PACKAGES.items():
            source = make_tree(root / "source" / package_id, files)
            self._publish(source, package_id)
        make_tree(self.later / "ABC00001", {**PACKAGES["ABC00001"], "new.bin": 200_000}, seed=2)
        self._usual_s: dict[str, float] = {}

    def _publish(self, source: Path, package_id: str) -> None:
        publish(
            source,
            package_id=package_id,
            version=1,
            destination=str(self.published),
            block_bytes=BLOCK_BYTES,
        )

    def source(self, package_id: str) -> Path:
        """The folder that a package was published from."""
        return self.root / "source" / package_id

    def harass(
        self,
        what: str,
        arguments: list[object],
        work: Path,
        tally: Tally,
        max_kills: int = MAX_KILLS,
    ) -> Iterator[None]:
        """Run a command that is killed at random moments; yields after each kill."""
        for _ in range(self.dice.randint(1, max_kills)):
            usual_s = self._usual_s.get(what, 0.5)
            kill_after_s = self.dice.uniform(0, 1.1 * usual_s)
            ended = self._run(arguments, work, tally, kill_after_s)
            if ended.status is not None:
                return
            tally.blows += 1
            yield

    def await_steps(self, work: Path) -> None:
        """Wait until no process of a step runs that was left by a command that was killed.

        A process that was made just before the kill does not run the witness yet. But it has the
        lock of its step already.
        """
        witness, state = os.fsencode(work / "witness.sh"), work / "state"

        def works() -> bool:
            is_locked = state.exists() and is_held(state / STEP_LOCK, PrivateFolder(state))
            return is_locked or any(witness in line for line in _command_lines())

        end_s = time.monotonic() + command.HANG_S
        while time.monotonic() < end_s and works():
            time.sleep(command.POLL_S)

    def finish(
        self, what: str, arguments: list[object], work: Path, tally: Tally
    ) -> command.Ended | None:
        """Run a command undisturbed until it has ended well; None if it never has."""
        for _ in range(MAX_RUNS):
            ended = self._run(arguments, work, tally)
            if ended.is_hanging:
                tally.note("hangs", what)
                return None
            if ended.status == 0:
                self._usual_s[what] = ended.seconds
                return ended
        tally.note("wedges", f"{what}: status {ended.status}: {ended.output[-300:]}")
        return None

    def ended_well_or_refused(
        self, what: str, arguments: list[object], work: Path, tally: Tally
    ) -> bool:
        """Run a command undisturbed; a documented error is as good as success."""
        ended = self._run(arguments, work, tally)
        if ended.is_hanging:
            tally.note("hangs", what)
        elif ended.status in {1, 70}:
            tally.note("wedges", f"{what}: status {ended.status}: {ended.output[-300:]}")
        elif ended.status:
            tally.refused += 1
        return ended.status == 0

    def _run(
        self, arguments: list[object], work: Path, tally: Tally, kill_after_s: float | None = None
    ) -> command.Ended:
        env = {"DLCORE_TOKEN": CANARY, "TERM": "dumb"}
        ended = command.run(arguments, work / "output", kill_after_s=kill_after_s, env=env)
        if CANARY in ended.output:
            tally.note("leaks", "printed")
        return ended

    def write_sequence(self, work: Path) -> list[object]:
        """A sequence whose steps write down what they see; returns the command that runs it."""
        witness = _witness(work)
        steps = [
            step(f"step-{n}", package=package_id, CommandLine=witness.format(f"step-{n}"))
            for n, package_id in enumerate((*PACKAGES, "ABC00001"))
        ]
        (work / "sequence.xml").write_bytes(sequence(*steps))
        (work / "client.toml").write_text(
            f"[client]\non_internet = false\n[catalog]\npath = '{self.published}/catalog.json'\n"
            f"[[endpoint]]\nname = 'disk'\nkind = 'file'\npath = '{self.published}'\n"
        )
        config, state = work / "client.toml", work / "state"
        where = "--config", config, "--state", state
        # A step may outlive a command that is killed: the next one waits for it.
        return ["run", work / "sequence.xml", *where, "--quiet", "--wait", int(command.HANG_S / 2)]

    def check_log(self, work: Path, tally: Tally, kills: int, *, is_complete: bool) -> None:
        """Compare what the steps wrote down with the sequence."""
        lines = (work / "log").read_text().splitlines() if (work / "log").exists() else []
        wanted = [
            f"step-{n} {_witnessed(self.source(package_id))}"
            for n, package_id in enumerate((*PACKAGES, "ABC00001"))
        ]
        wholes = [line.removesuffix("  -") for line in lines if line.endswith("  -")]
        for line in set(wholes) - set(wanted):
            tally.note("wrong files", f"a step saw {line}")
        names = [line.split()[0] for line in wanted]
        *earlier, last = _passes([line.split()[0] for line in wholes], names)
        tally.begun_anew += len(earlier)
        for ran, must_be_complete in (*((p, True) for p in earlier), (last, is_complete)):
            in_order = [name for name, _ in groupby(ran)]
            if in_order != names[: len(in_order)] or len(ran) - len(in_order) > kills:
                tally.note("steps repeated", ran)
            if must_be_complete and set(names) - set(ran):
                tally.note("steps skipped", ran)

    def check_secrets(self, work: Path, tally: Tally) -> None:
        """No file that a command left holds the canary."""
        for path in work.rglob("*"):
            if path.is_file() and CANARY.encode() in path.read_bytes():
                tally.note("leaks", path.relative_to(work))

    def copy_of_site(self, work: Path) -> Path:
        """A copy of the site, to be changed."""
        return shutil.copytree(self.published, work / "site")


def _witness(work: Path) -> str:
    """The command line of a witness; braces stand for the name of its step."""
    log, environment = work / "log", work / "environment"
    if sys.platform == "win32":
        program = Path(__file__).with_name("witness.py")
        return f'"{sys.executable}" -I -S "{program}" {{}} "{log}" "{environment}"'
    script = work / "witness.sh"
    script.write_text(WITNESS.format(log=log, environment=environment))
    return f"sh {script} {{}}"


def _command_lines() -> Iterator[bytes]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield path.read_bytes()


def _passes(ran: list[str], names: list[str]) -> list[list[str]]:
    """Cut what ran where a complete run was started over: it was killed after its last step."""
    passes: list[list[str]] = [[]]
    for name in ran:
        if name == names[0] and passes[-1] and passes[-1][-1] == names[-1]:
            passes.append([])
        passes[-1].append(name)
    return passes


def differences(source: Path, folder: Path) -> list[str]:
    """Every file and folder that is in one tree only, or has other bytes."""
    found, wanted = _digests(folder), _digests(source)
    return sorted(p for p in found.keys() | wanted.keys() if found.get(p) != wanted.get(p))


def note_differences(tally: Tally, source: Path, folder: Path) -> None:
    """Note everything that is not in both trees with the same bytes."""
    for path in differences(source, folder):
        tally.note("wrong files", path)


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): (
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        )
        for path in folder.rglob("*")
    }


def _witnessed(source: Path) -> str:
    """What `WITNESS` writes about a tree."""
    files = sorted(
        (f"./{path.relative_to(source).as_posix()}".encode(), path)
        for path in source.rglob("*")
        if path.is_file()
    )
    lines = [
        hashlib.sha256(path.read_bytes()).hexdigest().encode() + b" *" + name + b"\n"
        for name, path in files
    ]
    return hashlib.sha256(b"".join(lines)).hexdigest()


def flip_a_bit(path: Path, dice: random.Random) -> None:
    """Flip one bit of a file that is not empty."""
    data = bytearray(path.read_bytes())
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    path.write_bytes(data)
