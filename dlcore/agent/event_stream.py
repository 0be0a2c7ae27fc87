"""Events as a stream over HTTP: server-sent events, written and read.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import aiohttp
from aiohttp import web

from dlcore.agent.event_ring import EventRing
from dlcore.agent.interface import AgentEvent
from dlcore.agent.policy import AgentPolicy
from dlcore.agent.routes import EVENT_STREAM

_KEEP_ALIVE: Final = b": nothing happened\n\n"
MAX_LINE_BYTES: Final = 1 << 20
"""Of one event that a client reads; the longest, the beginning of a run, is a tenth of that."""


async def write_events(
    request: web.Request, ring: EventRing, after: int, policy: AgentPolicy
) -> web.StreamResponse:
    """Answer with the events after one, until the reader or the agent ends.

    A reader that takes too long is cut off; it comes back and goes on behind what it has read.
    """
    response = web.StreamResponse(
        headers={"Content-Type": EVENT_STREAM, "Cache-Control": "no-store"}
    )
    await response.prepare(request)
    try:
        await _write_all(response, ring, after, policy)
    except TimeoutError:
        if request.transport:
            request.transport.abort()
    except ConnectionError:
        pass  # the reader has gone
    return response


async def _write_all(
    response: web.StreamResponse, ring: EventRing, after: int, policy: AgentPolicy
) -> None:
    # An id alone does not make an event: it tells the reader where to go on if the connection is
    # lost before the first event.
    await _write(response, f"id: {min(after, ring.latest)}\n\n".encode(), policy)
    while True:
        found = ring.since(after)
        for event in found:
            await _write(response, f"id: {event.number}\ndata: {event.line}\n\n".encode(), policy)
            after = event.number
        if not found and ring.is_closed:
            return
        if not found and not await _has_news(ring, policy.keep_alive_s):
            await _write(response, _KEEP_ALIVE, policy)


async def _has_news(ring: EventRing, wait_s: float) -> bool:
    try:
        async with asyncio.timeout(wait_s):
            await ring.news()
    except TimeoutError:
        return False
    return True


async def _write(response: web.StreamResponse, data: bytes, policy: AgentPolicy) -> None:
    async with asyncio.timeout(policy.max_write_s):
        await response.write(data)


async def read_events(content: aiohttp.StreamReader) -> AsyncIterator[AgentEvent]:
    """The events of such a stream, until it ends; a line is empty that only tells the number.

    Raises:
        ValueError: It is not a stream of events, or a line is too long.
    """
    number, line = -1, ""
    async for raw in content:
        name, _, value = raw.decode().rstrip("\r\n").partition(": ")
        if name == "id":
            number = int(value)
        elif name == "data":
            line = value
        elif not name and not value:  # the end of an event; a comment has a value
            yield AgentEvent(number, line)
            line = ""
