"""How many bytes the kernel collects: never one that does not come."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from asyncio import trsock
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.transfer.http.receive_low_water import (
    MAX_TLS_HELD_BYTES,
    MAX_TLS_READ_BYTES,
    ReceiveLowWater,
    low_water_mark,
)
from dlcore.transfer.policy import TransferPolicy

POLICY = TransferPolicy()
DELAY_S, MIN_BYTES, MAX_BYTES = (
    POLICY.low_water_delay_s,
    POLICY.min_low_water_bytes,
    POLICY.max_low_water_bytes,
)

MIB = 1 << 20
LENGTHS = st.integers(0, 64 * MIB)
TIMES = st.floats(0, 100)


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time stands still unless it is moved."""

    now_s = 0.0

    def time(self) -> float:
        return self.now_s

    def move_to(self, now_s: float) -> None:
        """Move the time, and call what is due then."""
        self.now_s = now_s
        self.run_until_complete(asyncio.sleep(0))


@pytest.fixture
def clock() -> Iterator[Clock]:
    with contextlib.closing(Clock()) as clock:
        yield clock


@given(arrived=LENGTHS, elapsed_s=TIMES, to_come=st.integers(-MIB, 64 * MIB))
def test_nothing_is_waited_for_that_does_not_come(
    arrived: int, elapsed_s: float, to_come: int
) -> None:
    mark = low_water_mark(arrived, elapsed_s, to_come, POLICY)
    assert mark == 1 or MIN_BYTES <= mark <= min(to_come, arrived, MAX_BYTES)


@given(arrived=LENGTHS, elapsed_s=st.floats(POLICY.low_water_delay_s, 100))
def test_what_is_waited_for_comes_in_about_the_time(arrived: int, elapsed_s: float) -> None:
    mark = low_water_mark(arrived, elapsed_s, 64 * MIB, POLICY)
    assert mark == 1 or mark <= arrived / elapsed_s * DELAY_S
    assert (
        mark == POLICY.max_low_water_bytes
        or 2 * max(mark, MIN_BYTES) > arrived / elapsed_s * DELAY_S - 1
    )


def test_the_last_read_brings_all_that_is_left() -> None:
    assert low_water_mark(10 * MIB, 0.01, MIB - 1, POLICY) == MIB - 1


@pytest.mark.skipif(sys.platform != "linux", reason="the mark is set on Linux only")
class TestMark:
    """The mark of a real socket."""

    @pytest.fixture
    def end(self) -> Iterator[trsock.TransportSocket]:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            yield trsock.TransportSocket(ours)

    @staticmethod
    def mark(end: trsock.TransportSocket) -> int:
        return end.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT)

    def test_it_rises_while_bytes_come_fast_and_is_gone_at_the_end(
        self, end: trsock.TransportSocket, clock: Clock
    ) -> None:
        low_water, left, marks = ReceiveLowWater(end, clock, POLICY, is_tls=False), 3 * MIB, []
        for number in range(1, 13):
            left -= MIB // 4
            clock.now_s = 0.001 * number
            low_water.received(MIB // 4, left)
            marks.append(self.mark(end))
        assert marks[:4] == [MIB // 4, MIB // 2, MIB // 2, MIB]
        assert marks[-4:] == [3 * MIB // 4, MIB // 2, MIB // 4, 1]

    def test_with_a_bounded_window_every_byte_is_read_as_it_comes(
        self, end: trsock.TransportSocket, clock: Clock
    ) -> None:
        """Fault: the window closes while the kernel collects for the mark. There is no mark."""
        bounded = [False]
        low_water = ReceiveLowWater(end, clock, POLICY, is_tls=False, is_bounded=lambda: bounded[0])
        low_water.received(MIB, 10 * MIB)
        assert self.mark(end) == MIB
        bounded[0] = True
        low_water.received(1, 9 * MIB)
        assert self.mark(end) == 1

    def test_it_falls_with_the_rate(self, end: trsock.TransportSocket, clock: Clock) -> None:
        low_water = ReceiveLowWater(end, clock, POLICY, is_tls=False)
        low_water.received(MIB, 10 * MIB)
        assert self.mark(end) == MIB
        clock.now_s = 10.0
        low_water.received(1, 10 * MIB - 1)
        assert self.mark(end) == 1

    def test_what_has_come_of_a_connection_that_fell_silent_is_read(
        self, end: trsock.TransportSocket, clock: Clock
    ) -> None:
        low_water = ReceiveLowWater(end, clock, POLICY, is_tls=False)
        low_water.received(MIB, 10 * MIB)
        clock.move_to(1.5 * POLICY.low_water_silence_s)
        assert self.mark(end) == MIB, "it brought something since the last look"
        clock.move_to(3 * POLICY.low_water_silence_s)
        assert self.mark(end) == 1

    def test_over_tls_what_may_be_held_already_is_not_waited_for(
        self, end: trsock.TransportSocket, clock: Clock
    ) -> None:
        low_water = ReceiveLowWater(end, clock, POLICY, is_tls=True)
        low_water.received(4 * MIB, MAX_TLS_HELD_BYTES + POLICY.min_low_water_bytes)
        assert self.mark(end) == POLICY.min_low_water_bytes
        low_water.received(1, MAX_TLS_HELD_BYTES + POLICY.min_low_water_bytes - 1)
        assert self.mark(end) == 1
        low_water.received(4 * MIB, 10 * MIB)
        assert self.mark(end) == MAX_TLS_READ_BYTES


def test_a_connection_of_an_unknown_kind_is_left_alone(clock: Clock) -> None:
    ReceiveLowWater(object(), clock, POLICY, is_tls=False).received(MIB, MIB)
