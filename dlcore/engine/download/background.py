"""Background mode: holds each endpoint to what other traffic leaves unused.

`dlcore.schedule.BackgroundWindow` decides; this measures for it and carries out what it decided.
Where the system lets a program bound the receive window of a connection, and tells the round trip
that the receiver sees, both are used (Linux). Elsewhere a round trip is the time from a request to
its first byte, and the bound is the rate of reading.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol, TypeAlias

from dlcore.engine.download.caps import BandwidthCaps
from dlcore.schedule import BackgroundPolicy, BackgroundWindow
from dlcore.transfer import ReceiveWindow
from dlcore.waiting import cancel_and_wait

TICK_S: Final = BackgroundPolicy().tick_s
KEPT_TICKS: Final = 25  # half a second: longer than a round trip on nearly every path
SetBounds: TypeAlias = Callable[[str, "Bounds | None"], None]
"""Bounds the requests to an endpoint; None: no longer."""


class Bounds(NamedTuple):
    """What bounds the requests to an endpoint in background mode.

    Attributes:
        connections: How many there are at once, at most.
        cap_bytes_per_s: How fast they are answered, about; 0.0: it is not known. Requests are short
            if it is low: each of them tells a round trip.
        request_s: How long each lasts while much is left; 0.0: as in the foreground.
    """

    connections: int
    cap_bytes_per_s: float
    request_s: float


class EndpointReceiveWindows(Protocol):
    """The receive window of each endpoint."""

    def of(self, endpoint: str) -> ReceiveWindow:
        """That of an endpoint."""
        ...


class BackgroundMode:
    """Switches background mode on and off.

    Args:
        endpoints: Names of the endpoints.
        windows: Their receive windows.
        caps: Bound the rate of reading.
        received_bytes: What has arrived from each endpoint.
        set_bounds: Bounds the requests to an endpoint.
    """

    def __init__(
        self,
        endpoints: tuple[str, ...],
        windows: EndpointReceiveWindows,
        caps: BandwidthCaps,
        received_bytes: Mapping[str, int],
        set_bounds: SetBounds,
    ) -> None:
        self._windows = windows
        self._caps = caps
        self._received_bytes = received_bytes
        self._set_bounds = set_bounds
        self._paces = {name: _Pace(windows.of(name)) for name in endpoints}
        self._task: asyncio.Task[None] | None = None

    @property
    def is_on(self) -> bool:
        """Whether it is on."""
        return self._task is not None

    def switch_on(self) -> None:
        """Yield to other traffic from now on. Idempotent."""
        if self._task is None:
            self._update_all()  # before anything is asked for
            self._task = asyncio.ensure_future(self._watch())

    def switch_off(self) -> None:
        """Use the whole link from now on. Idempotent."""
        if self._task is None:
            return
        self._task.cancel()
        self._task = None
        for name, pace in self._paces.items():
            pace.window.paused()
            self._windows.of(name).share(None)
            self._caps.set_background(name, 0.0)
            self._set_bounds(name, None)
            pace.bounds = None

    def answered(self, endpoint: str, took_s: float, now_s: float) -> None:
        """The first byte of an answer came, ``took_s`` seconds after it was asked for."""
        if self._task is not None and not self._windows.of(endpoint).can_measure:
            self._paces[endpoint].window.sampled(took_s, now_s)

    async def aclose(self) -> None:
        """Stop watching. Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            await cancel_and_wait([task])

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._update_all()

    def _update_all(self) -> None:
        now_s = asyncio.get_running_loop().time()
        for name, pace in self._paces.items():
            self._update(name, pace, now_s)

    def _update(self, name: str, pace: _Pace, now_s: float) -> None:
        window, receive_window = pace.window, self._windows.of(name)
        measured_s = receive_window.round_trip_s()
        if measured_s is not None:
            window.sampled(measured_s, now_s)
        received_bytes = self._received_bytes[name]
        window.received(received_bytes - pace.received_bytes)
        pace.received_bytes = received_bytes
        window.update(now_s)
        pace.in_use.append(receive_window.connections)
        parts = min(max(pace.in_use), window.connections)
        receive_window.share(window.window_bytes, parts)
        rate_bytes_per_s = window.rate_bytes_per_s(now_s)
        self._caps.set_background(name, rate_bytes_per_s)
        cap = 0.0 if receive_window.can_measure else _power_of_two(rate_bytes_per_s)
        bounds = Bounds(window.connections, cap, pace.request_s)
        if bounds != pace.bounds:
            pace.bounds = bounds
            self._set_bounds(name, bounds)


class _Pace:
    """One endpoint in background mode."""

    def __init__(self, receive_window: ReceiveWindow) -> None:
        can_measure = receive_window.can_measure
        policy = BackgroundPolicy() if can_measure else BackgroundPolicy.by_first_bytes()
        self.window = BackgroundWindow(policy)
        self.request_s = policy.request_s
        self.received_bytes = 0
        self.bounds: Bounds | None = None
        self.in_use: deque[int] = deque(maxlen=KEPT_TICKS)


def _power_of_two(rate_bytes_per_s: float) -> float:
    """The rate, rounded down so that it seldom changes: a changed cap begins a new search."""
    return float(1 << (int(rate_bytes_per_s).bit_length() - 1)) if rate_bytes_per_s else 0.0
