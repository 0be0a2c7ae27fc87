"""What starting and ending costs: `dlcore --help`, `import dlcore`, and fetches of next to nothing.

The fetches are of one block, and of a package of 2,000 small files, over loopback.
"""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import dlcore
from bench.content import random_object
from bench.cost import Costs, take_turns
from bench.figures import Figure, Outcome
from tests.nginx import find_nginx, running

DLCORE = str(Path(sys.executable).with_name("dlcore"))
TIMES = 4  # rounds here for each round elsewhere: they are short
SMALL_FILES = 2000
SMALL_FILE_BYTES = 16 << 10
ONE_BLOCK, MANY_FILES = "dlcore fetch, one block", "dlcore fetch, 2,000 small files"


def run(folder: Path, rounds: int) -> list[Outcome]:
    """Measure; the first round does not count."""
    compileall.compile_dir(Path(dlcore.__file__).parent, quiet=1)  # as it is once installed
    outcomes = [_commands(rounds * TIMES)]
    if find_nginx() is None:
        skipped = "small fetches: nginx is not installed (nginx-light)"
        return [*outcomes, Outcome("small-fetches", 0, {}, [], [skipped])]
    return [*outcomes, _fetches(folder, rounds * TIMES)]


def _commands(rounds: int) -> Outcome:
    ways = {
        "dlcore --help": [DLCORE, "--help"],
        "import dlcore": [sys.executable, "-c", "import dlcore"],
        "use dlcore": [sys.executable, "-c", "from dlcore import Client"],
        "python alone": [sys.executable, "-c", "pass"],
    }
    take_turns(ways, 1)
    costs = take_turns(ways, rounds)
    alone = costs["python alone"].all("cpu_s")

    def beyond_python(way: str) -> list[float]:
        pairs = zip(costs[way].all("cpu_s"), alone, strict=True)
        return [(one - other) * 1e3 for one, other in pairs]

    figures = [
        Figure("wall, python alone", _ms(costs["python alone"], "wall_s"), "ms"),
        Figure("wall, dlcore --help", _ms(costs["dlcore --help"], "wall_s"), "ms"),
        Figure("CPU, dlcore --help", _ms(costs["dlcore --help"], "cpu_s"), "ms", at_most=100),
        Figure("CPU, import dlcore", beyond_python("import dlcore"), "ms", at_most=100),
        Figure("CPU, from dlcore import Client", beyond_python("use dlcore"), "ms"),
    ]
    return Outcome("startup", 0, costs, figures, [])


def _fetches(folder: Path, rounds: int) -> Outcome:
    one = random_object(folder, 1)
    published = many_files(folder)
    (manifest,) = (published / "manifests").iterdir()
    outputs = folder / "fetched"
    shutil.rmtree(outputs, ignore_errors=True)
    with ExitStack() as stack:
        ways = {
            ONE_BLOCK: _fetch(one.manifest, stack.enter_context(running(one.root)), outputs),
            MANY_FILES: _fetch(manifest, stack.enter_context(running(published)), outputs),
        }
        names = count()

        def set_aside() -> None:
            """Not removed before the end: ext4 is slow to make files where some were removed."""
            if (outputs / "now").exists():
                (outputs / "now").rename(outputs / str(next(names)))
            os.sync()

        outputs.mkdir()
        take_turns(ways, 1, before=set_aside)
        costs = take_turns(ways, rounds, before=set_aside)
    shutil.rmtree(outputs)
    return Outcome("small-fetches", 0, costs, list(_figures(costs)), [])


def _figures(costs: dict[str, Costs]) -> Iterator[Figure]:
    for way, at_most_ms in ((ONE_BLOCK, 200), (MANY_FILES, 450)):
        yield Figure(f"CPU, {way}", _ms(costs[way], "cpu_s"), "ms")
        yield Figure(f"wall, {way}", _ms(costs[way], "wall_s"), "ms", at_most=at_most_ms)


def _ms(costs: Costs, what: str) -> list[float]:
    return [value_s * 1e3 for value_s in costs.all(what)]


def _fetch(manifest: Path, url: str, outputs: Path) -> list[str]:
    return [DLCORE, "fetch", str(manifest), "--from", url, "-o", str(outputs / "now"), "-q"]


def many_files(folder: Path, program: str = DLCORE) -> Path:
    """A package of small files, published by `program`: found by the next run."""
    published = folder / f"small-{SMALL_FILES}"
    if not published.exists():
        tree = folder / "small-tree"
        for number in range(SMALL_FILES):
            path = tree / f"drivers/{number % 16:02}/driver-{number:05}.inf"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.urandom(SMALL_FILE_BYTES))
        command = [
            program,
            "publish",
            str(tree),
            "--package-id",
            "BNC00004",
            "--to",
            str(published),
        ]
        subprocess.run([*command, "-q"], stdout=subprocess.DEVNULL, check=True)
        shutil.rmtree(tree)
    return published
