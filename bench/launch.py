"""Runs a command and writes what it cost to a file, as JSON.

A process of its own that imports next to nothing: Linux counts towards a child's peak memory what
its parent had when it was started.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main(target: str, *command: str) -> int:
    start_s = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, used = os.wait4(child, 0)
    cost = {
        "wall_s": time.perf_counter() - start_s,
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_bytes": used.ru_maxrss << 10,
    }
    with open(target, "w", encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs memory
        json.dump(cost, file)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
