"""What the experiments with dlcore alone share: fetch once in a laboratory, and look."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bench.netlab import measure
from bench.netlab.laboratory import Laboratory, Side
from bench.netlab.link import MTU, SEGMENT
from bench.netlab.measure import Run
from bench.netlab.supplies import Supply
from bench.netlab.tools import DLCORE


class Fetch(NamedTuple):
    """A fetch, what dlcore reported of it, and when its process had ended (monotonic clock)."""

    run: Run
    report: dict[str, Any]
    ended_s: float


def fetch(
    folder: Path,
    supply: Supply,
    sources: Sequence[str],
    *options: str,
    watch: Callable[[], None] = lambda: None,
    max_s: float = 2 * measure.MAX_S,
) -> Fetch:
    """Fetch with dlcore from these sources, compare every byte, and remove it.

    Raises:
        ToolError: It failed, fetched something else, or took longer than it may.
    """
    output = folder / "out" / "experiment" / "got"
    measure.clear(output.parent)
    named = [word for source in sources for word in ("--from", source)]
    command = [*DLCORE, "fetch", str(supply.manifest), *named, "-o", str(output), "-q", "--json"]
    run = measure.execute([*command, *options], output, supply.length_bytes, max_s, watch)
    ended_s = time.monotonic()
    if run.cut_short:
        raise measure.ToolError(f"not done after {max_s:.0f} s")
    supply.check(output)
    measure.clear(output.parent)
    return Fetch(run, msgspec.json.decode(run.said), ended_s)


def carried_bytes(sides: Sequence[Side]) -> int:
    """Payload that the links of these have delivered so far, as full packets have it."""
    delivered = sum(side.wire.traffic().delivered_bytes for side in sides)
    return delivered * SEGMENT // MTU


def named_urls(lab: Laboratory, folder: Path, supply: Supply) -> list[str]:
    """Where each server has what dlcore fetches."""
    return lab.urls(supply.published, folder)


def by_endpoint(report: dict[str, Any]) -> str:
    """What each endpoint did, as dlcore reports it, in a few words each."""
    return "; ".join(_endpoint(name, own) for name, own in report["sources"].items())


def _endpoint(name: str, own: dict[str, Any]) -> str:
    words = [f"{name}: {own['bytes_fetched'] / 1e6:.0f} MB"]
    words.append(f"at most {own['max_connections']} connections")
    words.extend(f"{count} x {fault}" for fault, count in own["faults"].items())
    words.extend(own["notes"][-1:])
    return ", ".join(words)
