"""What commands cost: wall time, CPU seconds and peak memory, in turn so that load hits all alike.

CPU seconds are user and system time of the command and of the children it waited for; what the
kernel does on nobody's account (writing back the page cache) is not in them. Peak memory is that
of the largest process.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

LAUNCH = Path(__file__).with_name("launch.py")


class Cost(msgspec.Struct, frozen=True):
    """What one run of a command took."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


class Costs(msgspec.Struct, frozen=True):
    """What a command took, round by round."""

    command: tuple[str, ...]
    rounds: list[Cost]

    def median(self, what: str) -> float:
        return statistics.median(self.all(what))

    def all(self, what: str) -> list[float]:
        return [getattr(cost, what) for cost in self.rounds]


def measure(command: Sequence[str]) -> Cost:
    """Run a command once.

    Raises:
        SystemExit: It failed; says how.
    """
    with TemporaryDirectory() as folder:
        target = Path(folder) / "cost.json"
        launched = [sys.executable, "-I", "-S", str(LAUNCH), str(target), *command]
        done = subprocess.run(launched, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}\nfailed: {done.stdout}{done.stderr}")
        return msgspec.json.decode(target.read_bytes(), type=Cost)


def touch_memory(content_bytes: int) -> None:
    """Use nearly all free memory once, so that whoever gets it next finds it there.

    A hypervisor may have taken back what was free; to touch that again costs up to ten times
    what writing to it does, and would fall on one way or another by chance. Where much more is
    free than the content takes, eight times that will do.
    """
    free_bytes = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    length = min(free_bytes * 9 // 10, 8 * content_bytes)
    subprocess.run([sys.executable, "-c", f"b'1' * {length}"], check=True)


def take_turns(
    ways: Mapping[str, Sequence[str]],
    rounds: int,
    *,
    before: Callable[[], None] = lambda: None,
    after: Callable[[str], None] = lambda way: None,
) -> dict[str, Costs]:
    """Run every command once a round, in the opposite order in every other round.

    Args:
        ways: Commands by name.
        rounds: How many.
        before: Called before each run.
        after: Called after each run with the way's name, to check what it did.
    """
    costs = {name: Costs(tuple(command), []) for name, command in ways.items()}
    for number in range(1, rounds + 1):
        for name, command in list(ways.items())[:: 1 if number % 2 else -1]:
            before()
            cost = measure(command)
            after(name)
            costs[name].rounds.append(cost)
            print(f"  {number}/{rounds} {name}: {cost.wall_s:.2f} s", file=sys.stderr)
    return costs
