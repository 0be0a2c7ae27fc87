"""Pausing downloads, and background mode, in virtual time and over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from asyncio import trsock
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcore.engine.download.background import BackgroundMode, Bounds
from dlcore.engine.download.caps import BandwidthCaps
from dlcore.schedule import BackgroundPolicy, Events, Terms
from dlcore.transfer import ReceiveWindow
from tests.engine.fakes import FakeEndpoint, opened, package
from tests.engine.schedulers import IdleScheduler
from tests.engine.virtual_time import virtually
from tests.store.helpers import BLOCK_BYTES, read_back

LARGE = {"ABC00003": package("ABC00003", {"x": 200 * BLOCK_BYTES})}
WINDOW_CLAMP, TCP_INFO = 10, 11
ADVERTISED_SEGMENT = struct.Struct("@84xI")
POLICY = BackgroundPolicy()
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds a window")


class Windows:
    """One receive window for all endpoints. Implements `EndpointReceiveWindows`.

    Args:
        can_measure: Whether round trips are told, and windows bounded exactly.
    """

    def __init__(self, *, can_measure: bool = False) -> None:
        self.window = ReceiveWindow(can_measure=can_measure)

    def of(self, _: str) -> ReceiveWindow:
        """The only one."""
        return self.window


def test_a_pause_stops_what_is_in_flight_and_nothing_verified_is_fetched_again(
    tmp_path: Path,
) -> None:
    endpoint = FakeEndpoint("a", LARGE, rate_bytes_per_s=100 * BLOCK_BYTES / 10)

    async def main() -> None:
        async with opened(tmp_path, LARGE, [endpoint]) as content:
            content.order(list(LARGE))
            await asyncio.sleep(3)
            content.downloads.pause()
            await asyncio.sleep(0.5)
            asked, before_bytes = len(endpoint.asked), endpoint.delivered_bytes
            assert before_bytes
            await asyncio.sleep(3600)
            assert len(endpoint.asked) == asked
            assert endpoint.delivered_bytes == before_bytes
            content.downloads.resume()
            found = await content.path("ABC00003")
            assert read_back(found) == LARGE["ABC00003"].contents

    virtually(main())
    assert endpoint.delivered_bytes <= (200 + 2) * BLOCK_BYTES


def test_the_first_requests_are_in_the_background_already(tmp_path: Path) -> None:
    """Fault: many connections are opened before the first look at the queue. They fill it."""
    endpoint = FakeEndpoint("a", LARGE, rate_bytes_per_s=10 * BLOCK_BYTES)

    async def main() -> None:
        async with opened(tmp_path, LARGE, [endpoint], connections=16) as content:
            content.downloads.pause()
            content.order(list(LARGE))
            await asyncio.sleep(1)
            content.downloads.set_cap(0.0)
            content.downloads.set_background(is_on=True)
            content.downloads.resume()
            await asyncio.sleep(0.04)
            assert len(endpoint.asked) == 1

    virtually(main())


class TermsNoted(IdleScheduler):
    """Notes the terms of its endpoint, the latest last."""

    def __init__(self) -> None:
        self.terms: list[Terms] = []

    def set_terms(self, endpoint: str, terms: Terms) -> Events:
        self.terms.append(terms)
        return ()


@linux_only
def test_in_the_background_the_scheduler_hears_how_long_requests_last(tmp_path: Path) -> None:
    async def main() -> None:
        scheduler, endpoint = TermsNoted(), FakeEndpoint("a", {})
        async with opened(tmp_path, {}, [endpoint], make_scheduler=lambda *_: scheduler) as content:
            content.downloads.set_background(is_on=True)
            assert scheduler.terms[-1] == Terms(1, request_s=POLICY.request_s)
            content.downloads.set_background(is_on=False)
            assert scheduler.terms[-1] == Terms(2)

    virtually(main())


def test_a_pause_before_the_first_request_asks_for_nothing(tmp_path: Path) -> None:
    endpoint = FakeEndpoint("a", LARGE)

    async def main() -> None:
        async with opened(tmp_path, LARGE, [endpoint]) as content:
            content.downloads.pause()
            content.order(list(LARGE))
            await asyncio.sleep(60)
            assert not endpoint.asked
            content.downloads.resume()
            await content.path("ABC00003")

    virtually(main())


class Scene:
    """Background mode of one endpoint whose answers take as long as the test says.

    Args:
        windows: Its receive windows; None: nothing can bound them.

    Attributes:
        bounds: What bounded its requests, the latest last.
        received_bytes: What came of it.
        caps: The rates.
    """

    def __init__(self, windows: Windows | None = None) -> None:
        self.bounds: list[Bounds | None] = []
        self.received_bytes = {"a": 0}
        self.caps = BandwidthCaps()
        self.mode = BackgroundMode(
            ("a",),
            windows or Windows(),
            self.caps,
            self.received_bytes,
            lambda _, bounds: self.bounds.append(bounds),
        )

    async def answers(self, took_s: float, for_s: float) -> None:
        """Ten answers a second, and as many bytes as are allowed."""
        loop = asyncio.get_running_loop()
        for _ in range(round(for_s * 10)):
            bounds = self.bounds[-1] if self.bounds else None
            self.received_bytes["a"] += int(bounds.cap_bytes_per_s / 5) if bounds else 1448
            self.mode.answered("a", took_s, loop.time())
            await asyncio.sleep(0.1)


def test_where_windows_cannot_be_bounded_late_first_bytes_lower_the_rate() -> None:
    async def main() -> None:
        scene = Scene()
        scene.mode.switch_on()
        await scene.answers(0.05, 10.0)
        high = scene.bounds[-1]
        assert high
        assert high.cap_bytes_per_s > 500_000
        await scene.answers(0.4, 10.0)
        low = scene.bounds[-1]
        assert low
        assert low.cap_bytes_per_s <= 16_384
        assert low.connections == 1
        assert low.request_s == 0.0
        scene.mode.switch_off()
        assert scene.bounds[-1] is None
        assert scene.caps.spend("a", 10**9, asyncio.get_running_loop().time()) == 0.0

    virtually(main())


@linux_only
def test_where_windows_are_bounded_requests_are_long() -> None:
    async def main() -> None:
        scene = Scene(Windows(can_measure=True))
        scene.mode.switch_on()
        assert scene.bounds == [Bounds(1, 0.0, POLICY.request_s)]
        await scene.mode.aclose()

    virtually(main())


def test_switched_off_it_hears_nothing_and_bounds_nothing() -> None:
    async def main() -> None:
        scene = Scene()
        await scene.answers(0.05, 1.0)
        assert not scene.bounds
        scene.mode.switch_on()
        scene.mode.switch_on()
        await asyncio.sleep(1)
        assert len(scene.bounds) == 1
        scene.mode.switch_off()
        scene.mode.switch_off()
        await asyncio.sleep(10)
        assert scene.bounds[1:] == [None]
        await scene.mode.aclose()

    virtually(main())


@contextlib.contextmanager
def connected() -> Iterator[tuple[trsock.TransportSocket, socket.socket, socket.socket]]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with socket.create_connection(listener.getsockname()) as client:
            server, _ = listener.accept()
            with server:
                yield trsock.TransportSocket(client), client, server


@linux_only
def test_a_window_is_divided_among_the_connections_in_use_and_given_back() -> None:
    def clamp(connection: trsock.TransportSocket) -> int:
        return connection.getsockopt(socket.IPPROTO_TCP, WINDOW_CLAMP)

    with connected() as (one, *_), connected() as (two, *_):
        window = ReceiveWindow()
        window.began(one)
        window.share(400_000)
        assert clamp(one) == 400_000
        window.began(two)
        assert (clamp(one), clamp(two)) == (200_000, 200_000)
        window.ended(two)
        window.share(400_000, parts=2)
        assert clamp(one) == 200_000
        window.share(400_000)
        assert clamp(one) == 400_000
        window.share(None)
        assert min(clamp(one), clamp(two)) > 1 << 29


@linux_only
def test_no_window_is_too_small_for_full_segments() -> None:
    """Fault: the window is smaller than a segment. Its sender would wait for a timer each time."""
    with connected() as (one, *_):
        window = ReceiveWindow()
        window.began(one)
        window.share(1)
        segment_bytes = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        assert one.getsockopt(socket.IPPROTO_TCP, WINDOW_CLAMP) > segment_bytes


@linux_only
def test_connections_that_share_the_smallest_window_get_one_segment_each() -> None:
    """Fault: many requests were begun before others came, and each keeps two segments under way.
    dlcore leaves each one, the least with which a server goes on without a timer.
    """
    with connected() as (one, *_), connected() as (two, *_):
        window = ReceiveWindow()
        window.began(one)
        window.began(two)
        window.share(POLICY.min_window_bytes)
        for each in (one, two):
            (segment_bytes,) = ADVERTISED_SEGMENT.unpack(
                each.getsockopt(socket.IPPROTO_TCP, TCP_INFO, 88)
            )
            assert each.getsockopt(socket.IPPROTO_TCP, WINDOW_CLAMP) == segment_bytes


@linux_only
def test_a_receiver_sees_the_round_trip_of_what_comes() -> None:
    with connected() as (client, plain, server):
        window = ReceiveWindow()
        assert window.round_trip_s() is None
        window.began(client)
        for _ in range(50):
            server.sendall(bytes(100_000))
            left = 100_000
            while left:
                left -= len(plain.recv(left))
        measured_s = window.round_trip_s()
        assert measured_s is not None
        assert 0 < measured_s < 0.5


@linux_only
def test_a_connection_that_has_ended_is_forgotten() -> None:
    window = ReceiveWindow()
    with connected() as (client, plain, _):
        window.began(client)
        window.share(400_000)
        window.ended(client)
        plain.close()
    window.share(500_000)
    window.share(None)
    assert window.connections == 0
    assert window.round_trip_s() is None


class RemoteSocket:
    """A connected socket, as `ReceiveWindow` uses one.

    Args:
        host: Its peer.
        segment_bytes: The longest segment; None: the system does not tell.
    """

    def __init__(self, host: str, segment_bytes: int | None = None) -> None:
        self._host = host
        self._segment_bytes = segment_bytes
        self.buffer_bytes: int | None = None

    def fileno(self) -> int:
        return 99

    def getpeername(self) -> tuple[str, int]:
        return self._host, 443

    def getsockopt(self, level: int, option: int) -> int:
        assert (level, option) == (socket.IPPROTO_TCP, socket.TCP_MAXSEG)
        if self._segment_bytes is None:
            raise OSError("WSAENOPROTOOPT")
        return self._segment_bytes

    def setsockopt(self, level: int, option: int, value: int) -> None:
        assert (level, option) == (socket.SOL_SOCKET, socket.SO_RCVBUF)
        self.buffer_bytes = value


def bounded_elsewhere(remote: RemoteSocket, window_bytes: float | None) -> int | None:
    """The buffer that a window gives where nothing can be measured; None: as the system has it."""
    window = ReceiveWindow(can_measure=False)
    window.began(trsock.TransportSocket(remote))  # type: ignore[arg-type]
    window.share(50_000)
    window.share(window_bytes)
    assert window.round_trip_s() is None
    return remote.buffer_bytes


def test_elsewhere_a_window_is_bounded_by_its_buffer_and_given_back() -> None:
    assert bounded_elsewhere(RemoteSocket("192.0.2.1"), 20_000) == 20_000
    assert bounded_elsewhere(RemoteSocket("2001:db8::1"), None) == 4 << 20


@pytest.mark.parametrize(("segment_bytes", "least"), [(None, 2920), (536, 2920), (8948, 17_896)])
def test_elsewhere_a_buffer_holds_two_segments(segment_bytes: int | None, least: int) -> None:
    """Fault: with less, a sender waits for its timer each time. dlcore leaves room for two."""
    assert bounded_elsewhere(RemoteSocket("192.0.2.1", segment_bytes), 1) == least


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_elsewhere_a_connection_within_the_machine_keeps_its_buffer(host: str) -> None:
    """Fault: its segments take 64 KiB, so that a buffer for two of Ethernet's stops it for 200 ms
    each time. dlcore leaves it as it is, because nobody shares its path.
    """
    assert bounded_elsewhere(RemoteSocket(host), 20_000) is None


def test_the_constants_are_within_each_other() -> None:
    for policy in (BackgroundPolicy(), BackgroundPolicy.by_first_bytes()):
        assert policy.min_target_s < policy.max_target_s
        assert policy.min_window_bytes < policy.first_window_segments * policy.segment_bytes
