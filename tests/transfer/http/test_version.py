"""Parts of two versions of an object are not taken for one without a word."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from dlcore.errors import Fault, TransferError
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.readers import read_range
from dlcore.transfer.http.version import Version
from dlcore.transfer.sink import SinkWriter
from tests.transfer.hostile import CLOSE, Hostile, Script, hostile
from tests.transfer.responses import ASKED, CONTENT, END, RIGHT, START, TOTAL, partial, status
from tests.transfer.sinks import Collector

Fetch = Callable[[], Awaitable[bytes]]
NEWER = status("200 OK", CONTENT, ETag='"b"')


@contextlib.asynccontextmanager
async def asked(*scripts: Script, sha256: bytes = b"") -> AsyncIterator[tuple[Hostile, Fetch]]:
    """A server, and what asks it for the same range of the same object each time."""
    version, client = Version(sha256), HttpClient("edge")
    async with hostile(*scripts) as server:

        async def fetch() -> bytes:
            sink = Collector(END - START)
            writer = SinkWriter(sink)
            span = (START, END)
            await read_range(client, f"{server.url}/o", span, TOTAL, writer, version=version)
            return sink.received

        try:
            yield server, fetch
        finally:
            await client.aclose()


def if_range(request: bytes) -> str:
    lines = [line for line in request.decode().splitlines() if line.startswith("If-Range: ")]
    return lines[0].partition(": ")[2] if lines else ""


@pytest.mark.parametrize(
    "validator",
    [
        {"ETag": '"a"'},
        {"ETag": '"a"', "Last_Modified": "Sun, 29 Nov 2026 09:00:00 GMT"},
        {"Last_Modified": "Sun, 29 Nov 2026 09:00:00 GMT"},
    ],
    ids=["tag", "both", "date"],
)
async def test_parts_are_asked_of_the_version_of_the_first(validator: dict[str, str]) -> None:
    async with asked(partial(RIGHT, ASKED, end=CLOSE, **validator)) as (server, fetch):
        for _ in range(3):
            assert await fetch() == ASKED
    known = next(iter(validator.values()))
    assert [if_range(request) for request in server.requests] == ["", known, known]


@pytest.mark.parametrize("newer", [NEWER, partial(ETag='"b"')], ids=["whole", "part"])
async def test_another_version_is_told_once_and_then_taken(newer: Script) -> None:
    """Fault: an object is replaced while it is fetched. dlcore tells that, and what was read of
    both versions is never taken for one.
    """
    async with asked(partial(ETag='"a"'), newer, partial(ETag='"b"')) as (server, fetch):
        await fetch()
        with pytest.raises(TransferError, match="another version") as caught:
            await fetch()
        assert await fetch() == ASKED
    assert caught.value.fault is Fault.CHANGED
    assert [if_range(request) for request in server.requests] == ["", '"a"', ""]


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"a"'}], ids=["none", "weak"])
async def test_without_a_strong_tag_nothing_is_compared(headers: dict[str, str]) -> None:
    other = {name: text.replace("a", "b") for name, text in headers.items()}
    async with asked(
        partial(RIGHT, ASKED, end=CLOSE, **headers), partial(RIGHT, ASKED, end=CLOSE, **other)
    ) as (server, fetch):
        assert [await fetch(), await fetch()] == [ASKED, ASKED]
    assert not any(map(if_range, server.requests))


@pytest.mark.parametrize("is_right", [True, False])
async def test_a_digest_that_the_server_says_is_compared_before_a_byte_is_read(
    is_right: bool,
) -> None:
    right = hashlib.sha256(CONTENT).digest()
    told = {"Repr_Digest": f"sha-256=:{base64.b64encode(right).decode()}:"}
    wanted = right if is_right else bytes(32)
    async with asked(partial(RIGHT, ASKED, end=CLOSE, **told), sha256=wanted) as (_, fetch):
        if is_right:
            assert await fetch() == ASKED
            return
        with pytest.raises(TransferError, match=f"is {right.hex()}.*not {'00' * 32}") as caught:
            await fetch()
    assert caught.value.fault is Fault.CORRUPT


async def test_a_server_without_ranges_has_not_changed_its_object() -> None:
    async with asked(status("200 OK", CONTENT, ETag='"a"')) as (_, fetch):
        for _ in range(2):
            with pytest.raises(TransferError) as caught:
                await fetch()
            assert caught.value.fault is Fault.NO_RANGES


async def test_a_tag_that_cannot_be_sent_as_it_is_is_compared_and_not_sent() -> None:
    """Fault: a server's tag has bytes outside of ASCII. Sent back, it would be another one, and
    the server would send the whole object for each range. It is only compared.
    """
    first, other = (partial(RIGHT, ASKED, end=CLOSE, ETag=f'"{tag}"') for tag in ("\xe9", "\xe8"))
    async with asked(first, first, other) as (server, fetch):
        for _ in range(2):
            assert await fetch() == ASKED
        with pytest.raises(TransferError) as caught:
            await fetch()
        assert caught.value.fault is Fault.CHANGED
    assert [if_range(request) for request in server.requests] == ["", "", ""]
