"""The ratios that the pytest-benchmark runs left in their JSON, as figures of the common table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from bench.figures import Figure, Outcome
from dlcore.native import backend

RATIO = "_x"  # ends the name of every ratio among a benchmark's extra_info
RIVALS = {"in_python"}  # compared with themselves, which shows the noise
WANTED = {  # what a ratio should reach, by benchmark without the backend
    "bench/bench_hash.py::test_many_blocks[1048576]": 1.9,
    **{f"bench/bench_hash.py::test_one_block[{length}]": 0.97 for length in (64, 1024, 4096)},
    "bench/bench_hash.py::test_two_threads": 1.9,
}


def read(path: Path) -> list[Outcome]:
    """Ratios of the backend in use; those of other backends and of rivals are in the JSON."""
    if not path.exists():
        return [Outcome("micro", 0, {}, [], [f"micro: {path} is not there (make bench)"])]
    found = msgspec.json.decode(path.read_bytes())["benchmarks"]
    figures = [figure for benchmark in found for figure in _figures(benchmark)]
    return [Outcome("micro", 0, {}, figures, [])]


def _figures(benchmark: dict[str, Any]) -> list[Figure]:
    of = benchmark["params"] or {}
    other_backend = of.get("way", of.get("backend", backend())) != backend()
    if other_backend or any(rival in benchmark["name"] for rival in RIVALS):
        return []
    at_least = WANTED.get(benchmark["fullname"].replace(f"{backend()}-", ""))
    return [
        Figure(f"{benchmark['group']} / {name.removesuffix(RATIO)}", [value], "x", at_least)
        for name, value in benchmark["extra_info"].items()
        if name.endswith(RATIO)
    ]
