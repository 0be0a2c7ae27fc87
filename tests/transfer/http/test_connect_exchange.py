"""What a proxy answers to ``CONNECT``, before anything of it is believed: it is bounded."""

from __future__ import annotations

import asyncio
import socket

import pytest

from dlcore.transfer.http.connect_exchange import (
    MAX_ANSWER_BYTES,
    MAX_BODY_BYTES,
    ConnectAnswer,
    ConnectExchange,
)
from dlcore.transfer.http.pinned_connections import ConnectionPin
from tests.transfer.hostile import HANG, MAX_WAIT_S, Hostile, Script, hostile

HEAD = (
    b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: NTLM\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


async def answer_of(server: Hostile, exchanges: list[ConnectExchange]) -> ConnectAnswer:
    async def connect() -> socket.socket:
        connected = socket.socket()
        connected.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connected, ("127.0.0.1", server.port))
        return connected

    exchanges.append(ConnectExchange("server.example:443", connect, ConnectionPin()))
    return await exchanges[-1].send({})


@pytest.mark.parametrize("piece", [b"a: b\r\n", b"1;" + b"x" * 1000 + b"\r\na\r\n"])
async def test_an_answer_that_does_not_end_is_given_up(piece: bytes) -> None:
    """Fault: a proxy refuses, and sends trailers, or what frames its page, for ever. dlcore gives
    the connection up: it would never come to look at a clock again.
    """
    opening = b"0\r\n" if piece.startswith(b"a") else b""
    flood = piece * (MAX_ANSWER_BYTES // len(piece) + 2)
    exchanges: list[ConnectExchange] = []
    async with hostile(Script([HEAD + opening, flood], HANG), apart=False) as server:
        answer = await answer_of(server, exchanges)
        async with asyncio.timeout(MAX_WAIT_S):
            with pytest.raises(ValueError, match="does not end"):
                await answer.readany()
        answer.close()
        assert exchanges[0].taken().fileno() == -1  # it serves no other request


async def test_a_page_in_the_shortest_chunks_is_read() -> None:
    exchanges: list[ConnectExchange] = []
    page = b"1\r\na\r\n" * MAX_BODY_BYTES + b"0\r\nTrailer: x\r\n\r\n"
    async with hostile(Script([HEAD, page], HANG), apart=False) as server:
        answer = await answer_of(server, exchanges)
        async with asyncio.timeout(MAX_WAIT_S):
            assert await answer.readany() == b"a" * MAX_BODY_BYTES
        exchanges[0].close()
