"""Runs as their records tell them, written down for tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from dlcore.engine import events
from dlcore.engine.events import EndpointProgress, Event, PackageProgress, Progress
from dlcore.engine.listeners.lines import EventLines, Stamp, StampedEvent
from dlcore.timeline import Timeline, timeline_of

MIB = 1 << 20
DRIVERS, IMAGE = "ABC00002", "ABC00001"


def at(at_s: float, event: Event) -> StampedEvent:
    minutes, seconds = divmod(at_s, 60)
    return StampedEvent(Stamp(1, f"2026-11-29T09:{int(minutes):02}:{seconds:06.3f}Z", at_s), event)


def lines_of(happened: Iterable[tuple[float, Event]], unreadable: int = 0) -> EventLines:
    return EventLines(tuple(at(at_s, event) for at_s, event in happened), unreadable)


def made(happened: Iterable[tuple[float, Event]], unreadable: int = 0) -> Timeline:
    return timeline_of(lines_of(happened, unreadable))


def begins(*names: str, restarts: int = 0, sequence: str = "Upgrade") -> events.RunBegan:
    steps = tuple(events.RunStep(index, name) for index, name in enumerate(names))
    return events.RunBegan(sequence, 0, restarts, steps)


def progress(
    arriving: Sequence[str] = (),
    *,
    idle: Sequence[str] = (),
    cap: float = 0.0,
    **received_mib: float,
) -> Progress:
    """What has come in all, by endpoint; nothing is asked of those that are idle."""
    own = {
        name: EndpointProgress(0 if name in idle else 4, 0.0, int(mib * MIB))
        for name, mib in received_mib.items()
    }
    packages = {package: PackageProgress(2 * MIB, 60 * MIB) for package in arriving}
    return Progress(0, 0, 0.0, endpoints=own, packages=packages, cap_bytes_per_s=cap)


def ended(
    makespan_s: float, bound_s: float, fetched_mib: float, rate_mib: float, stall_s: float = 0.0
) -> events.RunEnded:
    rate, fetched = rate_mib * MIB, int(fetched_mib * MIB)
    figures = (makespan_s, bound_s, rate, "measured", stall_s, fetched, 0, 0)
    return events.RunEnded("succeeded", *figures, 0.0, 2 * makespan_s)


def bad_case() -> list[tuple[float, Event]]:
    """Two steps wait: one endpoint is slow, one serves wrong blocks and is put into quarantine."""
    after: Any = {"slow": 0.2, "liar": 12, "idle": ["liar"]}
    bad = events.BlockRejected(IMAGE, "object", 7, "liar")
    return [
        (100.0, begins("Drivers", "Upgrade")),
        (100.0, events.PackageStarted(DRIVERS, 10 * MIB, 0)),
        (100.0, events.PackageStarted(IMAGE, 60 * MIB, 0)),
        (100.0, events.StepWaiting(0, "Drivers", (DRIVERS,))),
        (102.0, progress([DRIVERS, IMAGE], good=4, slow=0, liar=6)),
        (102.0, events.PackageReady(DRIVERS, "/there")),
        (102.0, events.StepStarted(0, "Drivers", 2.0, {DRIVERS: 2.0}, (DRIVERS,))),
        (103.0, events.StepEnded(0, "Drivers", "succeeded", 0, 1.0)),
        (103.0, events.StepWaiting(1, "Upgrade", (IMAGE,))),
        (104.0, progress([IMAGE], good=8, slow=0.2, liar=11.8)),
        *((104.0 + n / 10, bad) for n in range(3)),
        (104.5, events.EndpointDropped("liar", "corrupt")),
        (104.5, events.EndpointNote("liar", "quarantined", "3 bad blocks")),
        *((104.0 + n, progress([IMAGE], good=8 + 2 * n, **after)) for n in range(1, 23)),
        (129.0, progress([IMAGE], good=52, **after)),
        (133.0, progress([IMAGE], good=60, **after)),
        (133.0, events.PackageReady(IMAGE, "/there")),
        (133.0, events.StepStarted(1, "Upgrade", 30.0, {IMAGE: 30.0}, (IMAGE,))),
        (143.0, events.StepEnded(1, "Upgrade", "succeeded", 0, 10.0)),
        (143.0, progress(good=60, **after)),
        (143.0, ended(43.0, 42.0, 72.2, 2.2, stall_s=32.0)),
    ]


def failed_case() -> list[tuple[float, Event]]:
    """A run whose second step fails: one endpoint cannot be reached, the other loses its drivers.

    The one that works asks for time first, and is shown a new token on the way.
    """
    down = EndpointProgress(0, 0.0, 0, 9, 4.0, 8, 31.5, 4.0, 0)
    up = EndpointProgress(0, 0.0, 30 * MIB, 1, 20.0, 8, 0.0, 0.4, 0)
    refused = events.RangeFailed(IMAGE, "branch", "connect", "no connection to branch.example:443")
    gone = events.RangeFailed(DRIVERS, "head-office", "not-found", "GET /drivers was answered 404")
    why = "no endpoint is left for ABC00002: head-office: GET /drivers was answered 404"
    return [
        (100.0, begins("Image", "Drivers", "Restart")),
        (100.2, events.EndpointBusy("head-office", 5.0)),
        (105.4, events.PackageStarted(IMAGE, 30 * MIB, 0)),
        (105.4, events.StepWaiting(0, "Image", (IMAGE,))),
        *((105.5 + n, refused) for n in range(9)),
        (114.0, events.EndpointDropped("branch", "connect")),
        (114.0, events.EndpointNote("branch", "dropped", "no connection, 9 times in a row")),
        (120.0, events.EndpointRenewed("head-office", "token", "rejected", 1.25)),
        (125.0, Progress(0, 0, 0.0, 0, {"branch": down, "head-office": up})),
        (125.0, events.PackageReady(IMAGE, "/there")),
        (125.0, events.StepStarted(0, "Image", 19.6, {IMAGE: 19.6}, (IMAGE,))),
        (135.0, events.StepEnded(0, "Image", "succeeded", 0, 10.0)),
        (135.0, events.PackageStarted(DRIVERS, 10 * MIB, 0)),
        (135.0, events.StepWaiting(1, "Drivers", (DRIVERS,))),
        (135.4, gone),
        (135.5, events.DownloadRetried(DRIVERS, 1, 2, 15.0)),
        (150.9, events.PackageFailed(DRIVERS, why)),
        (150.9, events.StepEnded(1, "Drivers", "failed", 1, 0.0, why)),
        (151.0, Progress(0, 0, 0.0, 0, {"branch": down, "head-office": up})),
        (151.0, events.RunEnded("failed", 51.0, 35.4, 1.5 * MIB, "measured", 35.5, 30 * MIB, 0, 0)),
    ]
