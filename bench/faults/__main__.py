"""Prints a table: each fault, and what each tool made of it. ``python -m bench.faults [PART...]``.

Words: *right*; *refused* (ended with an error); *WRONG* (claimed success over a missing or wrong
file); *HUNG* (no end within 2 minutes); *lost N %* (fetched again what was there before a kill).
Arguments choose the faults whose names contain one of them.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.faults.cases import CASES, CONTENT_BYTES
from bench.faults.tools import NAME, TOOLS
from bench.faults.trial import Published, try_out
from dlcore.publish import publish


def main(*parts: str) -> None:
    """Run the chosen faults, or all."""
    tools = [name for name, (program, _) in TOOLS.items() if shutil.which(program)]
    for name in TOOLS.keys() - set(tools):
        print(f"skipped: {name} is not installed", file=sys.stderr)
    print("| Fault | " + " | ".join(tools) + " |")
    print("|---" * (len(tools) + 1) + "|")
    with tempfile.TemporaryDirectory(prefix="dlcore-faults-") as folder:
        for line in _lines(Path(folder), tools, parts):
            print(line, flush=True)


def _lines(folder: Path, tools: list[str], parts: tuple[str, ...]) -> Iterator[str]:
    published = _publish(folder)
    for case in CASES:
        if not parts or any(part in case.name for part in parts):
            ways = [TOOLS[tool][1] for tool in tools]
            found = [try_out(case, way, published, folder / "trial") for way in ways]
            yield f"| {case.name} | " + " | ".join(map(str, found)) + " |"


def _publish(folder: Path) -> Published:
    source = folder / "source"
    source.mkdir()
    content = random.Random(5).randbytes(CONTENT_BYTES)
    (source / NAME).write_bytes(content)
    publish(source, package_id="ABC00001", destination=str(folder / "published"))
    (path,) = (folder / "published" / "objects").iterdir()
    return Published(folder / "published", f"objects/{path.name}", content)


if __name__ == "__main__":
    main(*sys.argv[1:])
