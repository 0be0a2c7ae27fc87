"""A command of a step that writes JSON into the file that ``TOLD`` names.

``sleep``: the id of its process, and it goes on for minutes. ``start``: the same by a child, and
it ends at once. Else its arguments, its environment and its folder; it ends with the exit code that
its first argument is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

SLEEP_S = 120


def main() -> None:
    """Do what the command line says."""
    what, told = sys.argv[1], Path(os.environ["TOLD"])
    if what == "start":
        subprocess.Popen([sys.executable, __file__, "sleep"])
    elif what == "sleep":
        _write(told, os.getpid())
        time.sleep(SLEEP_S)
    else:
        given = {"arguments": sys.argv[2:], "environment": dict(os.environ)}
        _write(told, {**given, "where": str(Path.cwd())})
        sys.exit(int(what))


def _write(path: Path, document: object) -> None:
    """So that a reader finds the whole document or none."""
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(document), encoding="utf-8")
    part.replace(path)


if __name__ == "__main__":
    main()
