"""Moves a response body into a sink, by the fastest path that the body and connection allow.

There are two paths. They deliver the same bytes and raise the same faults; the tests run on both.

* *direct*: the kernel writes into the sink's buffers; see `direct`. For a body of known length.
* *plain*: aiohttp reads the body, and its bytes are copied into the sink. For every body.
"""

from __future__ import annotations

import os
from typing import Literal

from dlcore.errors import ConfigError, Fault
from dlcore.transfer.http import direct
from dlcore.transfer.http.aiohttp_internals import is_known_aiohttp
from dlcore.transfer.http.response import Response
from dlcore.transfer.sink import SinkWriter

PATH_VARIABLE = "DLCORE_RECEIVE"

ReceivePath = Literal["direct", "plain"]


def receive_path() -> ReceivePath:
    """The path for bodies of known length.

    It is ``plain`` if the environment variable ``DLCORE_RECEIVE`` says so, or if this version of
    aiohttp has other internals than the direct path needs. Otherwise it is ``direct``.

    Raises:
        ConfigError: The variable has another value.
    """
    forced = os.environ.get(PATH_VARIABLE) or "direct"
    if forced not in {"direct", "plain"}:
        raise ConfigError(
            f"{PATH_VARIABLE}={forced}: this receive path does not exist",
            remedy=f"Set {PATH_VARIABLE} to direct or plain, or unset it.",
        )
    return "direct" if forced == "direct" and is_known_aiohttp() else "plain"


async def receive(response: Response, count: int, writer: SinkWriter) -> None:
    """Move a body of exactly ``count`` bytes into the sink.

    Args:
        response: Its headers were checked.
        count: Length of the body that was asked for, in bytes.
        writer: Where the bytes go.

    Raises:
        TransferError: ``TRUNCATED``, ``STALL``, or ``RANGE`` for a longer body.
    """
    has_exact_length = (
        response.headers.get("Content-Length") == str(count)
        and "Transfer-Encoding" not in response.headers
        and not response.is_coded
    )
    may_be_direct = has_exact_length and receive_path() == "direct"
    connection = response.borrow_connection() if may_be_direct else None
    if connection is None:
        await _receive_plain(response, count, writer)
    else:
        await direct.receive(response, connection, count, writer)


async def receive_within(
    response: Response, span: tuple[int, int], total_bytes: int, writer: SinkWriter
) -> None:
    """Move bytes ``[start, end)`` of a body into the sink, and drop what comes before.

    The sink holds back what is dropped, as all else.

    What comes after is not waited for, unless it tells whether the body is as long as it should be.

    Raises:
        TransferError: ``TRUNCATED``, ``STALL``, or ``RANGE`` for a longer body.
    """
    start, end = span
    at = 0
    while (at < end or end == total_bytes) and (data := await response.read()):
        wanted = memoryview(data)[max(0, start - at) : max(0, end - at)]
        writer.drop(len(data) - len(wanted))
        await writer.write(wanted)
        at += len(data)
        if at <= start:
            await writer.ready()
        if at > total_bytes:
            raise response.error(Fault.RANGE, f"sent more than the object's {total_bytes} bytes")
    if at < end:
        raise response.error(Fault.TRUNCATED, f"the body ended {total_bytes - at} bytes early")


async def _receive_plain(response: Response, count: int, writer: SinkWriter) -> None:
    """Copy a body of any form into the sink.

    Its length is checked here: aiohttp does not know it if there is no ``Content-Length``.
    """
    left_bytes = count
    while data := await response.read():
        wanted = memoryview(data)[:left_bytes]
        writer.drop(len(data) - len(wanted))
        await writer.write(wanted)
        left_bytes -= len(data)
        if left_bytes < 0:
            raise response.error(Fault.RANGE, f"sent more than the {count} bytes asked for")
    if left_bytes:
        raise response.error(Fault.TRUNCATED, f"the body ended {left_bytes} bytes early")
