"""Documents are as long as they may be, and arrive in a time that fits their length."""

from __future__ import annotations

import asyncio

import pytest

from dlcore.errors import Fault, TransferError
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.pool import ConnectionPool
from dlcore.transfer.http.readers import read_document
from dlcore.transfer.policy import TransferPolicy
from tests.transfer.hostile import HANG, Script, hostile

PATIENT = TransferPolicy(min_bytes_per_s=0)


class Hasty(TransferPolicy, frozen=True):
    """Gives documents up soon, but waits for their headers as always."""

    def max_document_s(self, length_bytes: int) -> float:
        return 0.1


async def read(script: Script, limit_bytes: int, policy: TransferPolicy = PATIENT) -> bytes:
    async with hostile(script) as server:
        client = HttpClient("server", ConnectionPool(policy))
        try:
            return await read_document(client, f"{server.url}/catalog.json", limit_bytes)
        finally:
            await client.aclose()


async def test_a_document_of_exactly_the_limit_is_read() -> None:
    assert await read(Script.response("200 OK", b"12345", Content_Length="5"), 5) == b"12345"
    assert await read(Script.response("200 OK", b"12345"), 5) == b"12345"


async def test_a_document_that_says_it_is_too_long_is_refused_before_its_first_byte() -> None:
    """Fault M4: a document announces 8 TiB. dlcore refuses it and reserves nothing."""
    script = Script.response("200 OK", b"", Content_Length=str(8 << 40), end=HANG)
    with pytest.raises(TransferError, match="longer than 5 bytes") as caught:
        await read(script, 5)
    assert caught.value.fault is Fault.RANGE


async def test_a_document_that_does_not_say_its_length_ends_at_the_limit() -> None:
    """Fault: a document never ends. dlcore stops at the limit."""
    endless = Script([b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 1000] * 1000])
    with pytest.raises(TransferError, match="longer than 5000 bytes"):
        await read(endless, 5000)


@pytest.mark.parametrize("header", ["Content-Length: 100000\r\n", ""])
async def test_a_document_that_trickles_is_given_up(header: str) -> None:
    """Fault N6: a document trickles in byte by byte. dlcore gives it up after a time that fits."""
    head = f"HTTP/1.1 200 OK\r\n{header}\r\n".encode()
    policy = Hasty(min_bytes_per_s=0, low_water_delay_s=0)
    with pytest.raises(TransferError, match="bytes of the document arrived within") as caught:
        async with asyncio.timeout(20):
            await read(Script([head, *[b"x"] * 100_000]), 100_000, policy)
    assert caught.value.fault is Fault.STALL


def test_a_long_document_may_take_longer() -> None:
    policy = TransferPolicy()
    assert policy.max_document_s(0) == policy.stall_s
    assert policy.max_document_s(1 << 20) == policy.stall_s + 128.0
