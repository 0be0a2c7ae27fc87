"""`dlcore run` killed at random moments: every run goes on, and every file ends identical.

The gateway is emulated behind a paced link in this process, where its counters are at hand; the
runs are real processes, killed without warning.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import sys
from pathlib import Path

import pytest

from dlcore.cli.serve import client_config
from dlcore.emulator import Emulator, Settings
from dlcore.engine.download.sink import BufferPolicy
from dlcore.schedule import Policy
from tests.depth import cases
from tests.engine.scene import publish_packages, sequence, step, upgrade
from tests.seeds import given_seed

KILLS = int(os.environ.get("DLCORE_KILLS") or cases(8, 25))
SEED = given_seed(20261122)
LINK_BYTES_PER_S = 16 << 20
CONNECTIONS = 4
BLOCK_BYTES = 64 << 10
PACKAGES = {
    "ABC00001": {"tools/check.exe": 3_000_001, "empty": 0},
    "ABC00002": {f"drivers/{n:03}/driver.sys": 9_000 for n in range(120)},
    "ABC00003": {"sources/install.wim": 14 << 20, "sources/setup.ini": 77},
    "ABC00004": {"app/größe.msi": 4 << 20},
}
CONTENT_BYTES = sum(sum(files.values()) for files in PACKAGES.values())
# What a kill costs on average: what was written is found again, synced or not, so each connection
# loses the buffer that it was filling, half of it on average.
COST_BYTES = CONNECTIONS * BufferPolicy().max_bytes // 2
EXPECTED_BYTES = CONTENT_BYTES + len(PACKAGES)  # a byte each for preflight
MAX_WASTED_BYTES = int(CONTENT_BYTES * Policy().waste_share)  # in each run, by races
# What cancelled requests had on their way: the gateway counts it, and nobody receives it. Under
# Wine many are cancelled, because processes are slow to begin and many requests are late.
MAX_ON_THE_WAY_BYTES = 64 * BLOCK_BYTES if sys.platform == "win32" else 0


class Scene:
    """The site and its gateway, and runs against it.

    Attributes:
        root: The folder with the site.
        emulator: The gateway.
        fetched_bytes: What the last run that ended has received by its own account.
    """

    def __init__(self, root: Path, config: Path, emulator: Emulator) -> None:
        self.root = root
        self.emulator = emulator
        self.fetched_bytes = 0
        self._command = (
            *(sys.executable, "-m", "dlcore", "run", str(root / "sequence.xml"), "--quiet"),
            *("--config", str(config), "--simulate", "0.05", "--json", "--state"),
        )

    async def run(self, state: Path, kill_after_s: float | None = None) -> bool:
        """Run until it ends or is killed; returns whether it ended by itself."""
        process = await asyncio.create_subprocess_exec(
            *self._command,
            str(state),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), kill_after_s)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself just now
                process.kill()
            await process.wait()
            return False
        assert process.returncode == 0, err.decode() + out.decode()
        self.fetched_bytes = json.loads(out)["bytes_fetched"]
        return True

    def received_bytes(self) -> int:
        """All content that the gateway ever sent."""
        return self.emulator.counters.snapshot().bytes_served

    def differences(self, state: Path) -> list[str]:
        """Every file that is not what its source is."""
        wrong = []
        for package_id in PACKAGES:
            source = self.root / "source" / package_id
            (folder,) = (state / "packages").glob(f"{package_id}.*/content")
            names = {
                path.relative_to(root)
                for root in (source, folder)
                for path in root.rglob("*")
                if path.is_file()
            }
            wrong += [str(n) for n in names if _bytes(source / n) != _bytes(folder / n)]
        return wrong


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


@pytest.mark.timeout(400)
async def test_a_run_killed_at_any_moment_goes_on_and_ends_identical(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fault P1, P4: a run is killed at any moment. dlcore goes on and every file ends identical.

    Kills until there were enough, each time resuming; a run that ends makes room for a new.
    """
    publish_packages(tmp_path, PACKAGES, block_bytes=BLOCK_BYTES)
    steps = (
        step("Check", package="ABC00001"),
        step("Drivers", package="ABC00002"),
        upgrade("ABC00003"),
        step("App", package="ABC00004"),
    )
    (tmp_path / "sequence.xml").write_bytes(sequence(*steps))
    settings = Settings(bandwidth_bytes_per_s=LINK_BYTES_PER_S)
    async with Emulator(tmp_path / "published", settings, state=tmp_path / "gateway") as emulator:
        config = tmp_path / "client.toml"
        config.write_text(client_config(emulator, settings), encoding="utf-8")
        scene = Scene(tmp_path, config, emulator)
        whole_s = await _uninterrupted(scene, tmp_path / "state-0")
        rng = random.Random(SEED)
        kills = rounds = 0
        while kills < KILLS:
            rounds += 1
            state = tmp_path / f"state-{rounds}"
            while not await scene.run(state, rng.uniform(0.2, whole_s)):
                kills += 1
                if kills >= KILLS:
                    assert await scene.run(state)
                    break
            assert scene.differences(state) == []
        again = scene.received_bytes() - (rounds + 1) * EXPECTED_BYTES
        with capsys.disabled():
            print(  # noqa: T201  # what the run came to is worth a line
                f"\nseed {SEED}: {kills} kills in {rounds} sequences, 0 wrong files, "
                f"{again / kills / 1e6:.2f} MB fetched again a kill"
            )
        most_bytes = MAX_WASTED_BYTES + MAX_ON_THE_WAY_BYTES
        assert 0 <= again <= kills * COST_BYTES + (rounds + 1) * most_bytes


async def _uninterrupted(scene: Scene, state: Path) -> float:
    """How long a run takes that is not killed; it fetches nothing twice, except in races."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    assert await scene.run(state)
    assert scene.differences(state) == []
    assert CONTENT_BYTES <= scene.fetched_bytes <= CONTENT_BYTES + MAX_WASTED_BYTES
    most_bytes = EXPECTED_BYTES + MAX_WASTED_BYTES + MAX_ON_THE_WAY_BYTES
    assert EXPECTED_BYTES <= scene.received_bytes() <= most_bytes
    return loop.time() - began_s
