"""This tree beside an older one: every command of dlcore that `make bench` measures, in pairs.

``python -m bench.against FOLDER``: another working tree of this project in which ``make`` has
set up ``.venv``. ``BENCH_MIB``, ``BENCH_ROUNDS`` and ``BENCH_DIR`` mean what they mean for
``make bench``.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench import long_sequence
from bench.content import make_tree, random_object
from bench.cost import measure, take_turns, touch_memory
from bench.fetch import DLCORE, serve_tls
from bench.figures import MIB, Outcome, ratio, show
from bench.startup import many_files
from tests.nginx import running

SAME = 1.03  # the ratio up to which a row counts as unchanged
SHORT_TIMES = 4  # rounds of a short command for each round of a long one
RESULTS = Path("build/bench/against")


class Comparison:
    """Runs commands of both trees by turns, and gathers the ratios of each row.

    Attributes:
        older: The older tree's dlcore. It publishes what both read: documents of this one may say
            more than it knows.
    """

    def __init__(self, older: Path) -> None:
        self.older = str(older / ".venv/bin/dlcore")
        self._programs = {"older": self.older, "this": DLCORE}
        self.outcomes: list[Outcome] = []

    def row(
        self,
        name: str,
        arguments: Sequence[object],
        rounds: int,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        """Measure one command; a round that does not count brings its files into memory."""
        ways = {which: [p, *map(str, arguments)] for which, p in self._programs.items()}
        for command in ways.values():
            before()
            measure(command)
        costs = take_turns(ways, rounds, before=before)
        this, older = costs["this"], costs["older"]
        figures = [
            *ratio(f"wall, {name}", this, older, "wall_s", at_most=SAME),
            *ratio(f"CPU, {name}", this, older, "cpu_s", at_most=SAME),
            *ratio(f"peak, {name}", this, older, "peak_bytes", at_most=SAME),
        ]
        self.outcomes.append(Outcome(name, 0, costs, figures, []))


def main(older: str = "") -> None:
    """Measure every row, and print costs and ratios, this tree / the older one."""
    if not (older and (Path(older) / ".venv/bin/dlcore").exists()):
        raise SystemExit(f"{older or 'no folder'}: not a working tree with .venv/bin/dlcore in it")
    mib = int(os.environ.get("BENCH_MIB", "2048"))
    rounds = int(os.environ.get("BENCH_ROUNDS", "5"))
    folder = Path(os.environ.get("BENCH_DIR", RESULTS)).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    comparison = Comparison(Path(older).absolute())
    try:
        _short(comparison, folder, rounds * SHORT_TIMES)
        _fetch(comparison, folder, mib, rounds)
        _tree(comparison, folder, mib, rounds)
    finally:
        shutil.rmtree(folder)
    show(comparison.outcomes, {"older": older})


def _short(comparison: Comparison, folder: Path, rounds: int) -> None:
    """What takes less than a second."""
    comparison.row("--help", ["--help"], rounds)
    sequence = long_sequence.write(folder)
    comparison.row("plan, 5,000 steps", ["plan", sequence, "--json"], rounds)
    one = random_object(folder, 1)
    (manifest,) = ((published := many_files(folder, comparison.older)) / "manifests").iterdir()
    out = folder / "out"
    with running(one.root) as url:
        fetch = ["fetch", one.manifest, "--from", url, "-o", out, "-q"]
        comparison.row("fetch, one block", fetch, rounds, partial(_clear, out, 1))
    with running(published) as url:
        fetch = ["fetch", manifest, "--from", url, "-o", out, "-q"]
        comparison.row("fetch, 2,000 small files", fetch, rounds, partial(_clear, out, 32))


def _fetch(comparison: Comparison, folder: Path, mib: int, rounds: int) -> None:
    """One large object, plain and over TLS, and what finding it in place costs."""
    content = random_object(folder, mib)
    out = folder / "out"
    clear = partial(_clear, out, mib)
    with ExitStack() as stack:
        url = stack.enter_context(running(content.root))
        tls_url, authority = serve_tls(folder, content, stack)
        fetch = ["fetch", content.manifest, "-o", out, "-q", "--from"]
        comparison.row("fetch", [*fetch, url], rounds, clear)
        comparison.row("fetch, TLS", [*fetch, tls_url, "--ca-file", authority], rounds, clear)
        comparison.row("fetch, in place", [*fetch, url], rounds)
    shutil.rmtree(out)


def _tree(comparison: Comparison, folder: Path, mib: int, rounds: int) -> None:
    """Publishing a folder, and verifying it."""
    tree, published = folder / f"tree-{mib}", folder / "published"
    make_tree(tree, mib)
    publish = ["publish", tree, "--package-id", "BNC00002", "--to", published, "-q"]
    comparison.row("publish", publish, rounds, partial(_clear, published, mib))
    shutil.rmtree(published)
    measure([comparison.older, *map(str, publish)])
    (manifest,) = (published / "manifests").iterdir()
    comparison.row("verify", ["verify", tree, "--manifest", manifest], rounds)


def _clear(output: Path, mib: int) -> None:
    shutil.rmtree(output, ignore_errors=True)
    os.sync()
    touch_memory(mib * MIB)


if __name__ == "__main__":
    main(*sys.argv[1:])
