"""``python -m bench.background [LINK ...]``: what a background load leaves to other traffic.

Needs root: it makes network namespaces, and removes them (docs/netlab.md). Variables: BENCH_DIR is
the folder to work in, BENCH_LOADS what to measure (with commas).
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import msgspec

from bench.netlab.background import KEPT, LINKS, TAKES, Found, measured
from bench.netlab.measure import ToolError
from bench.netlab.namespaces import LaboratoryError

RESULTS = Path("build/bench")
LOADS = "background,portable,foreground,aria2,curl"


def main(*names: str) -> None:
    """Measure, print a table, and write ``build/bench/background.json``.

    Raises:
        SystemExit: This machine cannot have a laboratory, or something unknown was asked for.
    """
    folder = Path(os.environ.get("BENCH_DIR", RESULTS / "work")).absolute() / "net"
    folder.mkdir(parents=True, exist_ok=True)
    loads = [load for load in os.environ.get("BENCH_LOADS", LOADS).split(",") if _is_there(load)]
    if unknown := set(names) - set(LINKS):
        raise SystemExit(f"there is no {', '.join(unknown)}; there are: {', '.join(LINKS)}")
    notes: list[str] = []
    found: list[Found] = []
    try:
        for name in names or LINKS:
            note, of_link = measured(folder, name, loads)
            notes.append(note)
            found += of_link
    except (LaboratoryError, ToolError) as fault:
        raise SystemExit(f"background: {fault}") from None
    _show(notes, found)
    (RESULTS / "background.json").write_bytes(msgspec.json.encode({"notes": notes, "runs": found}))


def _is_there(load: str) -> bool:
    program = {"aria2": "aria2c", "aria2-1": "aria2c", "curl": "curl"}.get(load)
    return program is None or shutil.which(program) is not None


def _show(notes: list[str], found: list[Found]) -> None:
    print(*notes, sep="\n")
    print(f"wanted of background: a curl keeps {KEPT}, a small request takes {TAKES} times as long")
    print("| Link | Load | alone, share | small request, median | one in ten exceeds |", end="")
    print(" a later curl keeps | an earlier curl keeps |\n|---|---|---|---|---|---|---|")
    for each in found:
        print(
            f"| `{each.link}` | {each.load} | {each.share:.3f} | {each.request_s * 1e3:.0f} ms |"
            f" {each.slow_s * 1e3:.0f} ms | {each.kept:.3f} | {each.kept_first:.3f} |"
        )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is taken down
    main(*sys.argv[1:])
