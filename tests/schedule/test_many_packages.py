"""A package costs the scheduler the same, however many others there are or have been."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from dlcore.model import ObjectIndex
from dlcore.schedule import DeadlineScheduler, Request, Terms
from tests.schedule.packages import shape

FEW, MANY = 25, 100
AT_ONCE = 5
ENDPOINTS = ("a", "b")
PLENTY_BYTES = 1 << 40
MANIFESTS = {f"p{number}": shape([2], block_bytes=1 << 20) for number in range(MANY)}


def operations(job: Callable[[], None]) -> int:
    """How many bytecode instructions a job takes in functions written in Python."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    earlier = sys.gettrace()
    sys.settrace(trace)
    try:
        job()
    finally:
        sys.settrace(earlier)
    return count


class Call:
    """A call that fetches packages of two blocks each from two endpoints.

    Args:
        count: How many packages.
        at_once: How many are wanted at the same time.
    """

    def __init__(self, count: int, at_once: int) -> None:
        self._packages = [f"p{number}" for number in range(count)]
        self._at_once = at_once
        self._scheduler = DeadlineScheduler(dict.fromkeys(ENDPOINTS, Terms()))
        self._scheduler.order(self._packages, (), frozenset(self._packages))
        self._now_s = 0.0

    def run(self) -> None:
        """Fetch all of them."""
        for first in range(0, len(self._packages), self._at_once):
            for package in self._packages[first : first + self._at_once]:
                self._scheduler.want(package, MANIFESTS[package], bytes(2))
                for endpoint in ENDPOINTS:
                    self._scheduler.located(package, endpoint, frozenset([ObjectIndex(0)]))
            while requests := [r for endpoint in ENDPOINTS if (r := self._ask(endpoint))]:
                for request in requests:
                    self._deliver(request)

    def _ask(self, endpoint: str) -> Request | None:
        self._now_s += 0.01
        self._scheduler.tick(self._now_s)
        return self._scheduler.next_request(endpoint, self._now_s, PLENTY_BYTES).request

    def _deliver(self, request: Request) -> None:
        start, end = MANIFESTS[request.package].extent_span(request.blocks)
        length_bytes = request.part.length_bytes if request.part else end - start
        self._scheduler.received(request.number, length_bytes, self._now_s)
        is_whole = bool(self._scheduler.arrived(request.number)) or not request.part
        if is_whole:
            self._scheduler.verified(request.number, request.blocks)
        self._scheduler.finished(request.number, self._now_s)


@pytest.mark.parametrize("at_once", [AT_ONCE, MANY], ids=["in turn", "together"])
def test_what_a_package_costs_does_not_depend_on_how_many_there_are(at_once: int) -> None:
    few, many = Call(FEW, at_once), Call(MANY, at_once)
    of_few, of_many = operations(few.run) / FEW, operations(many.run) / MANY
    assert of_many < 1.15 * of_few
