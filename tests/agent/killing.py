"""Kills the agent again and again while clients are attached: nothing is lost, and they go on.

``python -m tests.agent.killing 200`` does it as often as is asked; the seed is printed, and
DLCORE_SEED repeats it.
"""

from __future__ import annotations

import asyncio
import filecmp
import json
import random
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dlcore.agent.client import AgentClient
from dlcore.agent.interface import Want
from dlcore.agent.run_content import content_of_agent
from dlcore.deployment import load_deployment
from dlcore.engine.client import Client
from dlcore.engine.outcomes import RunOutcome
from dlcore.engine.running.run import run_sequence
from dlcore.steps.interface import Job, Outcome
from tests.engine.machine import parsed_of
from tests.engine.scene import publish_packages, step, upgrade
from tests.seeds import given_seed

PACKAGES = [f"ABC{number:05}" for number in range(1, 7)]
OF_RUNS = ["RUN00001", "RUN00002"]
SIZES = {"big.wim": 3 << 20, **{f"small {n}.inf": 900 + n for n in range(40)}}
RATE = "3 MB/s"  # all packages take some lives of the agent
LIFE_S = (0.2, 3.0)  # of an agent that is ready


class Killed:
    """What a campaign came to.

    Attributes:
        kills: How often the agent was killed.
        obtained: How often a client was given a package.
        events: How many events a listener heard.
        runs: How many task sequences were run to their end.
    """

    def __init__(self) -> None:
        self.kills = 0
        self.obtained = 0
        self.events = 0
        self.runs = 0


def publish(
    root: Path,
    packages: Sequence[str] = (*PACKAGES, *OF_RUNS),
    sizes: Mapping[str, int] = SIZES,
) -> Path:
    """Publish packages with files of some sizes, and write the deployment file."""
    publish_packages(root, dict.fromkeys(packages, sizes), block_bytes=64 << 10)
    config = root / "deployment.toml"
    published = (root / "published").as_posix()
    config.write_text(
        f"[deployment]\nallow_on_internet = true\n[client]\nallow_cloud_dp = true\n"
        f"[catalog]\npath = '{published}/catalog.json'\n"
        f"[[endpoint]]\nname = 'disk'\nkind = 'file'\npath = '{published}'\n"
    )
    return config


async def start_agent(config: Path, state: Path, rate: str = RATE) -> asyncio.subprocess.Process:
    """Start the agent and wait until it is ready."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "dlcore", "agent", "run", "--json", "--wait", "20"),
        *("--config", str(config), "--state", str(state), "--limit-rate", rate),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    line = await process.stdout.readline()
    assert json.loads(line)["pid"] == process.pid
    return process


async def kill_often(
    root: Path, kills: int, rng: random.Random, tell: Callable[[str], None] = lambda _: None
) -> Killed:
    """Kill the agent ``kills`` times, then let everybody finish.

    Clients obtain packages in random order and for ever; one wants all; one listens; one runs a
    task sequence again and again, whose steps write into their packages.
    """
    config, state = publish(root), root / "state"
    found, over = Killed(), asyncio.Event()
    process = await start_agent(config, state)
    wanted = Want("all", tuple(PACKAGES))
    async with AgentClient(state, patience_s=120.0) as client:
        await client.want(wanted)
        clients = [asyncio.ensure_future(_obtain(state, found, over, rng)) for _ in range(4)]
        clients.append(asyncio.ensure_future(_run(root, config, state, found, over)))
        listener = asyncio.ensure_future(_listen(state, found))
        while found.kills < kills:
            await asyncio.sleep(rng.uniform(*LIFE_S))
            failed = [task for task in (*clients, listener) if task.done()]
            assert not failed, failed
            process.kill()
            await process.wait()
            found.kills += 1
            if found.kills % 10 == 0:
                tell(f"{found.kills} kills, {found.obtained} obtained, {found.runs} runs")
            if rng.random() < 0.2:
                _lose_something(state, rng)
            process = await start_agent(config, state)
            assert wanted in (await client.status()).wants
        for package_id in PACKAGES:
            _compare(root / "source" / package_id, await client.obtain(package_id))
        over.set()
        await asyncio.gather(*clients)
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)
        await client.stop()
    await asyncio.wait_for(process.wait(), 20)
    assert process.returncode == 0
    return found


async def _obtain(state: Path, found: Killed, over: asyncio.Event, rng: random.Random) -> None:
    async with AgentClient(state, patience_s=120.0) as client:
        while not over.is_set():
            package_id = rng.choice(PACKAGES)
            folder = await client.obtain(package_id)
            assert (folder / "big.wim").stat().st_size == SIZES["big.wim"]
            found.obtained += 1
            await asyncio.sleep(rng.uniform(0.0, 0.3))


async def _listen(state: Path, found: Killed) -> None:
    latest = 0
    async with AgentClient(state, patience_s=120.0) as client:
        async for event in client.events(after=0):
            assert event.number > latest
            latest = event.number
            found.events += 1


async def _run(root: Path, config: Path, state: Path, found: Killed, over: asyncio.Event) -> None:
    first, second = OF_RUNS
    sequence = parsed_of(
        upgrade(first, "0"), *(step(str(n), package=(second, first)[n % 2]) for n in range(1, 5))
    )
    while not over.is_set():
        steps = _Writing(root)
        content = content_of_agent(state)
        async with Client(load_deployment(config), state, run_content=content) as client:
            report = await run_sequence(client, sequence, steps)
        assert (report.outcome, steps.ran) == (RunOutcome.SUCCEEDED, ["0", "1", "2", "3", "4"])
        found.runs += 1


class _Writing:
    """Runs steps that compare what they are handed, and spoil it."""

    def __init__(self, root: Path) -> None:
        self.ran: list[str] = []
        self._root = root

    def obstacle(self, step: object, variables: Mapping[str, str]) -> str:
        return ""

    async def run(self, job: Job) -> Outcome:
        self.ran.append(job.step.name)
        for package_id, folder in job.content.items():
            _compare(self._root / "source" / package_id, folder)
            (folder / "big.wim").write_bytes(b"spoilt")
            (folder / "left behind").write_bytes(b"x")
            await asyncio.sleep(0.3)  # an agent that is killed meanwhile must leave it alone
            assert (folder / "big.wim").read_bytes() == b"spoilt"
        return Outcome()


def _lose_something(state: Path, rng: random.Random) -> None:
    """Damage a file of content while no agent runs: it must be noticed."""
    places = (state / "packages").glob("ABC*/content/*")  # a step may work in the others
    files = sorted(places)
    if files:
        path = rng.choice(files)
        data = bytearray(path.read_bytes())
        data[rng.randrange(len(data))] ^= 0xFF
        path.write_bytes(data)


def _compare(right: Path, found: Path) -> None:
    names = sorted(path.name for path in right.iterdir())
    assert names == sorted(path.name for path in found.iterdir())
    _, mismatch, errors = filecmp.cmpfiles(right, found, names, shallow=False)
    assert not mismatch
    assert not errors


def main() -> None:
    """Run a campaign of its own."""
    seed = given_seed(random.randrange(2**32))
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 20

    def tell(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    tell(f"DLCORE_SEED={seed}")
    with tempfile.TemporaryDirectory() as root:
        found = asyncio.run(kill_often(Path(root), kills, random.Random(seed), tell))
    tell(
        f"killed {found.kills} times: {found.obtained} packages obtained, {found.events} events"
        f" heard, {found.runs} task sequences run, nothing lost"
    )


if __name__ == "__main__":
    main()
