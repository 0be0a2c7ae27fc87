"""What each endpoint has done, for reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from dlcore.engine.download.meter import Meter
from dlcore.engine.events import EndpointNote

MAX_NOTES = 100  # the latest of each endpoint: one that flaps for days must not fill the disk


class EndpointFigures(msgspec.Struct, frozen=True):
    """One endpoint's part in a download.

    Attributes:
        bytes_fetched: Payload bytes received.
        busy_s: Seconds in which at least one request was in flight there.
        mean_bytes_per_s: Bytes per second in that time.
        max_connections: The most requests in flight at once.
        faults: How often which fault occurred (see `dlcore.errors.Fault`).
        notes: What was decided about it, and why; the latest ones.
    """

    bytes_fetched: int = 0
    busy_s: float = 0.0
    mean_bytes_per_s: float = 0.0
    max_connections: int = 0
    faults: dict[str, int] = {}
    notes: tuple[str, ...] = ()


def figures_of(
    endpoints: Iterable[str], meter: Meter, notes: Sequence[EndpointNote], now_s: float
) -> dict[str, EndpointFigures]:
    """The figures of each endpoint."""
    return {name: _figures_of(name, meter, notes, now_s) for name in endpoints}


def added(
    earlier: Mapping[str, EndpointFigures], later: Mapping[str, EndpointFigures]
) -> dict[str, EndpointFigures]:
    """The figures of two parts of one download together."""
    nothing = EndpointFigures()
    return {
        name: _added(earlier.get(name, nothing), later.get(name, nothing))
        for name in (*earlier, *(name for name in later if name not in earlier))
    }


def _figures_of(
    name: str, meter: Meter, notes: Sequence[EndpointNote], now_s: float
) -> EndpointFigures:
    received, busy = meter.by_endpoint[name], meter.connections[name]
    busy_s = busy.busy_s(now_s)
    return EndpointFigures(
        bytes_fetched=received,
        busy_s=busy_s,
        mean_bytes_per_s=received / busy_s if busy_s else 0.0,
        max_connections=busy.max_in_flight,
        faults=dict(meter.faults[name]),
        notes=tuple(f"{n.what}: {n.reason}" for n in notes if n.endpoint == name)[-MAX_NOTES:],
    )


def _added(one: EndpointFigures, other: EndpointFigures) -> EndpointFigures:
    received, busy_s = one.bytes_fetched + other.bytes_fetched, one.busy_s + other.busy_s
    return EndpointFigures(
        bytes_fetched=received,
        busy_s=busy_s,
        mean_bytes_per_s=received / busy_s if busy_s else 0.0,
        max_connections=max(one.max_connections, other.max_connections),
        faults=dict(Counter(one.faults) + Counter(other.faults)),
        notes=(one.notes + other.notes)[-MAX_NOTES:],
    )
