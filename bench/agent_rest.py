"""What the agent costs at rest: memory, and the share of a core.

``python -m bench.agent_rest --seconds 60`` measures a process of its own, once with nothing wanted
and once with all that is wanted complete. Linux only: it reads ``/proc``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from dlcore.agent.client import AgentClient
from dlcore.agent.interface import Want
from tests.agent.killing import PACKAGES, publish, start_agent

MAX_MEMORY_BYTES = 60_000_000
MAX_CORE_SHARE = 0.001
SETTLING_S = 15.0  # the agent puts its downloads away when there is nothing to do


def memory_bytes(process_id: int) -> int:
    """Resident memory of a process."""
    status = Path(f"/proc/{process_id}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def cpu_s(process_id: int) -> float:
    """Processor seconds of a process so far, all threads: their scheduler's own clock."""
    tasks = Path(f"/proc/{process_id}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


async def measured(process_id: int, seconds: float) -> str:
    """One line of the table."""
    await asyncio.sleep(SETTLING_S)
    began_s = cpu_s(process_id)
    await asyncio.sleep(seconds)
    share = (cpu_s(process_id) - began_s) / seconds
    memory = memory_bytes(process_id)
    is_good = memory < MAX_MEMORY_BYTES and share < MAX_CORE_SHARE
    descriptors = len(os.listdir(f"/proc/{process_id}/fd"))  # noqa: PTH208  # only counted
    return (
        f"{memory / 1e6:6.1f} MB  {share:8.4%} of a core  {descriptors:3} descriptors"
        f"  {'kept' if is_good else 'MISSED'}"
    )


async def main(seconds: float) -> None:
    """Measure both cases."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        config = publish(root)
        process = await start_agent(config, root / "state", rate="1 GB/s")
        try:
            sys.stdout.write(f"nothing wanted   {await measured(process.pid, seconds)}\n")
            async with AgentClient(root / "state") as client:
                await client.want(Want("all", tuple(PACKAGES)))
                for package_id in PACKAGES:
                    await client.obtain(package_id)
            sys.stdout.write(f"all complete     {await measured(process.pid, seconds)}\n")
        finally:
            process.terminate()
            await process.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.agent_rest", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    asyncio.run(main(parser.parse_args().seconds))
