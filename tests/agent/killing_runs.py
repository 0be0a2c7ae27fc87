"""Kills a run, its agent and its step in any order: no step works twice at once, or loses content.

``python -m tests.agent.killing_runs 100`` does it in as many rounds as are asked for; the seed is
printed, and DLCORE_SEED repeats it. Linux only: elsewhere a program that closes descriptors is not
known, and on Windows a step ends with its run.

Each step holds a witness that no other step may hold, and writes into its package. While it works
it looks whether what it wrote is still there. After each kill somebody tries to get its package.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from dlcore.agent.client import AgentClient
from dlcore.deployment import load_deployment
from dlcore.engine.client import Client
from dlcore.errors import AgentError, LockedError, StepError
from tests.agent.killing import OF_RUNS, publish, start_agent
from tests.engine.scene import sequence, step, upgrade, when
from tests.seeds import given_seed

STEPS = 3
MAX_RUNS = 20
RATE = "1 GB/s"
PATIENCE_S = 300.0  # the machine may be busy
ENDINGS = {
    -signal.SIGKILL,
    StepError.exit_status,
    LockedError.exit_status,
    AgentError.exit_status,
}
"""A run that ends so goes on when it is begun again."""
WORK = """
import fcntl, os, sys, time
notes, name = sys.argv[1:]
if name.endswith("1"):
    os.closerange(3, 256)  # as some programs do: then its mark alone tells of it

def note(what):
    with open(notes + "/log", "a") as log:
        log.write(f"{what} {name}\\n")

witness = open(notes + "/witness", "w")
try:
    fcntl.flock(witness, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    note("twice")
with open(notes + "/pid.new", "w") as file:
    file.write(str(os.getpid()))
os.rename(notes + "/pid.new", notes + "/pid")
own = f"written by {name}"
with open("big.wim", "w") as file:
    file.write(own)
note("began")
for _ in range(25):
    time.sleep(0.02)
    try:
        with open("big.wim") as file:
            is_there = file.read() == own
    except OSError:
        is_there = False
    if not is_there:
        note("freed")
        break
os.unlink(notes + "/pid")
note("ended")
"""


class Scene:
    """A site, a state directory, and the processes on it.

    Attributes:
        counts: What has happened how often.
    """

    def __init__(self, root: Path, rng: random.Random) -> None:
        self.counts: Counter[str] = Counter()
        self._rng = rng
        self._root = root
        self._state = root / "state"
        self._config = publish(root, OF_RUNS, {"big.wim": 100_000})
        self._agent: asyncio.subprocess.Process | None = None
        self._run: asyncio.subprocess.Process | None = None
        (root / "work.py").write_text(WORK, encoding="utf-8")
        line = f"exec '{sys.executable}' -S -E '{root / 'work.py'}' '{root}'"
        steps = [
            step(f"s{n}", package=OF_RUNS[n % 2], CommandLine=f"{line} s{n}") for n in range(STEPS)
        ]
        never = upgrade(OF_RUNS[0], condition=when("Never", "1"))  # preflight wants one
        (root / "sequence.xml").write_bytes(sequence(never, *steps))

    async def round(self) -> None:
        """Let a run begin, kill some of it, and go on to its end; then look what happened."""
        if self._rng.random() < 0.6:
            await self._begin_agent()
        await self._begin_run()
        await asyncio.sleep(self._rng.uniform(0.0, 2.5))
        kills = [self._kill_run, self._kill_agent, self._kill_step]
        for kill in self._rng.sample(kills, self._rng.randint(1, 3)):
            await kill()
            await asyncio.sleep(self._rng.choice((0.0, 0.0, self._rng.uniform(0.0, 0.3))))
            if self._rng.random() < 0.5:
                await self._try_to_get(self._rng.choice(OF_RUNS))
        await self._go_on()
        log = self._root / "log"
        told = Counter(line.split()[0] for line in log.read_text().splitlines())
        assert not told["twice"], "two steps worked at once"
        assert not told["freed"], "a step lost its content"
        self.counts["steps"] += told["ended"]
        log.write_text("")

    async def close(self) -> None:
        """End what runs."""
        for process in filter(None, (self._run, self._agent)):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _begin_agent(self) -> None:
        if self._agent is None:
            with contextlib.suppress(ValueError):  # a step of a run without it still works
                self._agent = await start_agent(self._config, self._state, RATE)

    async def _begin_run(self) -> None:
        self._run = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "dlcore", "run", str(self._root / "sequence.xml"), "--quiet"),
            *("--config", str(self._config), "--state", str(self._state), "--wait", "60"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )

    async def _kill_run(self) -> None:
        if self._run and self._run.returncode is None:
            self._run.kill()
            self.counts["runs killed"] += 1
            if (self._root / "pid").exists():
                self.counts["of these, at work"] += 1

    async def _kill_agent(self) -> None:
        if self._agent:
            self._agent.kill()
            await self._agent.wait()
            self._agent = None
            self.counts["agents killed"] += 1

    async def _kill_step(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            pid = int((self._root / "pid").read_text())
            if _is_step(pid):
                os.kill(pid, signal.SIGKILL)
                (self._root / "pid").unlink()
                self.counts["steps killed"] += 1

    async def _try_to_get(self, package_id: str) -> None:
        """Ask for what a step may work in, of the agent or without one."""
        try:
            if self._agent:
                async with AgentClient(self._state, patience_s=5.0) as agent:
                    await agent.obtain(package_id)
            else:
                async with Client(load_deployment(self._config), self._state) as client:
                    await client.fetch(package_id)
            self.counts["handed out"] += 1
        except LockedError:
            self.counts["refused"] += 1
        except AgentError:  # it takes longer than this waits
            self.counts["not answered"] += 1

    async def _go_on(self) -> None:
        """Run the sequence until it has ended well, with an agent: a run may wait for that."""
        for _ in range(MAX_RUNS):
            assert self._run
            assert self._run.stderr
            reading = self._run.stderr.read()
            both = asyncio.gather(reading, self._begin_agent())
            told = (await asyncio.wait_for(both, PATIENCE_S))[0].decode()
            status = await self._run.wait()
            if status == 0:
                self.counts["runs ended"] += 1
                return
            assert status in ENDINGS, f"{status}: {told}"
            self.counts[f"runs begun again after status {status}"] += 1
            await self._begin_run()
        raise AssertionError("the run does not come to an end")


async def kill_in_any_order(
    root: Path, rounds: int, rng: random.Random, tell: Callable[[str], None] = lambda _: None
) -> Counter[str]:
    """Kill in as many rounds as are asked for; returns what happened how often."""
    scene = Scene(root, rng)
    try:
        for number in range(rounds):
            await scene.round()
            if number % 10 == 9:
                tell(f"{number + 1} rounds: {told(scene.counts)}")
    finally:
        await scene.close()
    return scene.counts


def _is_step(pid: int) -> bool:
    return b"work.py" in Path(f"/proc/{pid}/cmdline").read_bytes()


def told(counts: Counter[str]) -> str:
    """What happened how often, in words."""
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))


def main(arguments: Sequence[str]) -> None:
    """Run a campaign of its own."""
    seed = given_seed(random.randrange(2**32))
    rounds = int(arguments[0]) if arguments else 20

    def tell(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    tell(f"DLCORE_SEED={seed}")
    with tempfile.TemporaryDirectory() as root:
        made = kill_in_any_order(Path(root), rounds, random.Random(seed), tell)
        tell(f"{rounds} rounds: {told(asyncio.run(made))}")


if __name__ == "__main__":
    main(sys.argv[1:])
