"""Sends response bodies from files through the shared link.

Guarantees: reading never blocks the event loop. A cancelled response leaves no file open. Each
response holds at most 256 KiB in memory. All responses together keep to the link's bandwidth. If a
file is missing or too short, that is logged and the connection is broken, as a disk fault in a
real service would.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from dlcore.emulator.credentials import Clock
from dlcore.emulator.link import Link
from dlcore.plain_files import open_plain

_READ_BYTES = 256 << 10
_SLICE_BYTES = 64 << 10  # a response reserves this much of the link, then others may reserve
# A sender that is late by up to this time was delayed by the event loop, and may catch up. A longer
# delay was caused by the client, and the time is lost.
_MAX_CATCH_UP_S = 0.05

log = logging.getLogger("dlcore.emulator")
Sleep = Callable[[float], Awaitable[None]]


class Span(NamedTuple):
    """Bytes ``[start, end)`` of a file on disk."""

    path: Path
    start: int
    end: int


class Sender:
    """Sends response bodies.

    Args:
        bandwidth_bytes_per_s: Bandwidth that all responses share; None if it is not limited.
        clock: Seconds; never runs backwards.
        sleep: Waits for a number of seconds.
    """

    def __init__(self, bandwidth_bytes_per_s: float | None, clock: Clock, sleep: Sleep) -> None:
        self._link = None if bandwidth_bytes_per_s is None else Link(bandwidth_bytes_per_s)
        self._clock = clock
        self._sleep = sleep

    async def send(
        self,
        request: web.Request,
        response: web.StreamResponse,
        span: Span,
        sent: Callable[[int], None],
    ) -> bool:
        """Send a response whose body is a span of a file; a HEAD request gets no body.

        Args:
            request: The request that is answered.
            response: Status and headers.
            span: The body.
            sent: Called with the number of bytes whenever some were written to the connection.

        Returns:
            Whether the body was sent completely.

        Raises:
            ConnectionError: The client closed the connection.
        """
        response.content_length = span.end - span.start
        await response.prepare(request)
        if request.method == "HEAD":
            return False
        try:
            await self._send_body(response, span, sent)
        except ConnectionError:
            raise
        except (OSError, EOFError) as error:
            log.error("%s cannot be read to the end: %s", span.path.name, error)
            if request.transport is not None:
                request.transport.abort()
            return False
        return True

    async def _send_body(
        self, response: web.StreamResponse, span: Span, sent: Callable[[int], None]
    ) -> None:
        slice_bytes = _READ_BYTES if self._link is None else _SLICE_BYTES
        ready_s = self._clock()
        for start in range(span.start, span.end, _READ_BYTES):
            count = min(_READ_BYTES, span.end - start)
            data = memoryview(await asyncio.to_thread(_read_at, span.path, start, count))
            for at in range(0, count, slice_bytes):
                taken = data[at : at + slice_bytes]
                ready_s = await self._pass_link(ready_s, len(taken))
                await response.write(taken)
                sent(len(taken))

    async def _pass_link(self, ready_s: float, count: int) -> float:
        """Wait until ``count`` bytes have passed the link; returns when that was due."""
        if self._link is None:
            return ready_s
        now_s = self._clock()
        ready_s = max(ready_s, now_s - _MAX_CATCH_UP_S)
        through_s = ready_s + self._link.reserve(ready_s, count)
        if through_s > now_s:
            await self._sleep(through_s - now_s)
        return through_s


def _read_at(path: Path, offset: int, count: int) -> bytes:
    """Read exactly ``count`` bytes; opens the file each time, so a cancellation leaks nothing."""
    with open_plain(path) as file:
        file.seek(offset)
        data = file.read(count)
    if len(data) != count:
        raise EOFError(f"{len(data)} of {count} bytes at offset {offset}")
    return data
