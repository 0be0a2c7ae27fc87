"""Runs the benchmarks of whole commands and prints one table of figures; see docs/benchmarks.md.

``BENCH_MIB`` is the size of the content, ``BENCH_ROUNDS`` how often each command runs,
``BENCH_DIR`` the folder to work in: its disk is what is measured.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from bench import fetch, figures, long_sequence, micro, startup, tree

RESULTS = Path("build/bench")
TOOLS = {
    "commit": ["git", "describe", "--always", "--dirty"],
    "aria2": ["aria2c", "--version"],
    "curl": ["curl", "--version"],
    "openssl": ["openssl", "version"],
    "sha256sum": ["sha256sum", "--version"],
    "cc": ["cc", "--version"],
}


def main(*wanted: str) -> None:
    """Run the named benchmarks, or all of them."""
    mib = int(os.environ.get("BENCH_MIB", "2048"))
    rounds = int(os.environ.get("BENCH_ROUNDS", "5"))
    folder = Path(os.environ.get("BENCH_DIR", RESULTS / "work")).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    benchmarks: dict[str, Callable[[], list[figures.Outcome]]] = {
        "fetch": lambda: fetch.run(folder, mib, rounds),
        "tree": lambda: tree.run(folder, mib, rounds),
        "startup": lambda: startup.run(folder, rounds),
        "long-sequence": lambda: long_sequence.run(folder, rounds),
        "micro": lambda: micro.read(RESULTS / "pytest.json"),
    }
    versions = _versions()
    outcomes: list[figures.Outcome] = []
    for name in wanted or benchmarks:
        print(name, file=sys.stderr)
        for outcome in benchmarks[name]():
            figures.write(RESULTS, outcome, versions)
            outcomes.append(outcome)
    figures.show(outcomes, versions)


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("dlcore-engine", "aiohttp")}
    return packages | {name: _first_line(command) for name, command in TOOLS.items()}


def _first_line(command: list[str]) -> str:
    if shutil.which(command[0]) is None:
        return "not installed"
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return " ".join(said.split("\n")[0].split()[:4])


if __name__ == "__main__":
    main(*sys.argv[1:])
