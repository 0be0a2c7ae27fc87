"""``inside_call.py MANIFEST URL OUTPUT``: one process that fetches twice, the second time measured.

What an agent does all day: its modules are imported and its code is warm, while the state folder
is fresh and every connection has to be opened. Prints the seconds of the second fetch.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from dlcore.cli.app import status_of


def main(manifest: str, url: str, output: str) -> int:
    """Fetch twice; returns an exit status."""
    Path(output).mkdir(parents=True)
    taken_s = 0.0
    for name in ("first", "second"):
        start_s = time.perf_counter()
        status = status_of(["fetch", manifest, "--from", url, "-o", f"{output}/{name}", "-q"])
        taken_s = time.perf_counter() - start_s
        if status:
            return status
    print(taken_s)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
