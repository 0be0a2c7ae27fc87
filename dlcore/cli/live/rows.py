"""What is under way in a run or a fetch, one thing in each row: steps, packages, endpoints."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from dlcore.cli.live.views import Row
from dlcore.engine import events
from dlcore.engine.numbers_for_people import amount, clock, counted, part_of
from dlcore.schedule import EndpointChange

MAX_PACKAGES = 6  # so that the rows fit a small window
MAX_ENDPOINTS = 6
RATE_WINDOW_S = 5.0


class LiveRows:
    """Hears events, and tells the rows.

    Args:
        now_s: Tells seconds on any monotonic clock.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._steps: dict[int, events.RunStep] = {}
        self._step: tuple[int, str, float] | None = None  # which, what it does, since when
        self._awaited: tuple[str, ...] = ()
        self._packages: dict[str, _Arrival] = {}
        self._progress: events.Progress | None = None
        self._lost: dict[str, str] = {}
        self._ready: set[str] = set()

    def hear(self, event: events.Event) -> None:
        """Take note of an event."""
        match event:
            case events.RunBegan():
                self._steps = {step.index: step for step in event.steps}
            case events.StepWaiting(index, _, packages):
                self._step, self._awaited = (index, "waits for", self._now_s()), packages
            case events.StepStarted(index):
                self._step, self._awaited = (index, "runs", self._now_s()), ()
            case events.StepEnded():
                self._step, self._awaited = None, ()
            case events.EndpointNote(endpoint, what):
                self._lost.pop(endpoint, None)
                if what in (EndpointChange.DROPPED, EndpointChange.QUARANTINED):
                    self._lost[endpoint] = what
            case _:
                self._hear_of_packages(event)

    @property
    def all_called(self) -> str:
        """What the row of all packages is called."""
        ready = len(self._ready)
        is_one = ready + len(self._packages) < 2
        return "verified" if is_one else f"verified ({ready} ready)"

    def rows(self) -> tuple[Row, ...]:
        """What is under way now."""
        if not self._steps and len(self._packages) < 2:  # the row of all says the same
            return tuple(self._endpoint_rows())
        return (*self._step_rows(), *self._package_rows(), *self._endpoint_rows())

    def _hear_of_packages(self, event: events.Event) -> None:
        match event:
            case events.PackageStarted(package, content_bytes, reused_bytes):
                self._packages[package] = _Arrival(content_bytes, reused_bytes)
                self._ready.discard(package)  # it was altered, or its agent started over
            case events.PackageReady(package) | events.PackageFailed(package):
                self._packages.pop(package, None)
                if isinstance(event, events.PackageReady):
                    self._ready.add(package)
            case events.Progress():
                self._progress = event
                for package, own in event.packages.items():
                    if package in self._packages:
                        self._packages[package].note(own.verified_bytes, self._now_s())

    # The rows

    def _step_rows(self) -> Iterator[Row]:
        if self._step:
            index, doing, since_s = self._step
            missing = [package for package in self._awaited if package in self._packages]
            what = f"{doing} {', '.join(missing or self._awaited)}".rstrip()
            name = f"step {index} {self._steps[index].name}" if index in self._steps else ""
            yield Row(name or f"step {index}", f"{what}, {clock(self._now_s() - since_s)}")

    def _package_rows(self) -> Iterator[Row]:
        first = sorted(self._packages, key=lambda package: package not in self._awaited)
        for package in first[:MAX_PACKAGES]:
            yield self._packages[package].row(self._named(package))
        yield from _more(first, MAX_PACKAGES, "package")

    def _named(self, package: str) -> str:
        needed_by = [str(step.index) for step in self._steps.values() if package in step.packages]
        return f"{package} for step {needed_by[0]}" if needed_by else package

    def _endpoint_rows(self) -> Iterator[Row]:
        own = self._progress.endpoints if self._progress else {}
        for name in list(own)[:MAX_ENDPOINTS]:
            at = own[name]
            rate = f"{amount(at.rate_bytes_per_s)}/s"
            connections = counted(at.connections, "connection")
            yield Row(f"from {name}", self._lost.get(name) or f"{rate}, {connections}")
        yield from _more(list(own), MAX_ENDPOINTS, "endpoint")


class _Arrival:
    """How fast a package arrives.

    Args:
        content_bytes: Its length.
        verified_bytes: How much of it is there.
    """

    def __init__(self, content_bytes: int, verified_bytes: int) -> None:
        self._content_bytes = content_bytes
        self._verified_bytes = verified_bytes
        self._recent: deque[tuple[float, int]] = deque()

    def note(self, verified_bytes: int, now_s: float) -> None:
        """Note how much of it is there now."""
        self._verified_bytes = verified_bytes
        self._recent.append((now_s, verified_bytes))
        while self._recent[0][0] < now_s - RATE_WINDOW_S:
            self._recent.popleft()

    def row(self, name: str) -> Row:
        """Its row."""
        amounts = part_of(self._verified_bytes, self._content_bytes)
        rate = self._bytes_per_s()
        if rate:
            left_s = (self._content_bytes - self._verified_bytes) / rate
            amounts = f"{amounts}, {amount(rate)}/s, {clock(left_s)} left"
        return Row(name, amounts, self._verified_bytes, self._content_bytes)

    def _bytes_per_s(self) -> float:
        if len(self._recent) < 2:
            return 0.0
        (began_s, before), (now_s, now) = self._recent[0], self._recent[-1]
        return max(0.0, (now - before) / (now_s - began_s)) if now_s > began_s else 0.0


def _more(all_of_them: Sequence[str], shown: int, thing: str) -> Iterator[Row]:
    if len(all_of_them) > shown:
        yield Row(f"and {counted(len(all_of_them) - shown, f'more {thing}')}", "")
