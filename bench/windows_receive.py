"""The part of `bench.windows` that compares the receive paths in Windows, direct and plain."""

from __future__ import annotations

import asyncio
import json
import os
import sys

from bench.bench_receive import receive_all
from dlcore.transfer.http.receive import PATH_VARIABLE


def main(url: str, ca_file: str, connections: str, rounds: str) -> None:
    """Print the seconds of each path and round as JSON: wall time, CPU time."""
    seconds: dict[str, list[tuple[float, float]]] = {"direct": [], "plain": []}
    for _ in range(int(rounds)):
        for path, measured in seconds.items():
            os.environ[PATH_VARIABLE] = path
            measured.append(asyncio.run(receive_all(url, ca_file, int(connections))))
    sys.stdout.write(json.dumps(seconds) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
