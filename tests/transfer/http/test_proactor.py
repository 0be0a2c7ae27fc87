"""Reading past asyncio's Proactor; a stand-in takes the place of Windows, so all systems run this.

That the real one behaves so is shown on Windows by the tests of the receive paths.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest

from dlcore.transfer.http import proactor
from dlcore.transfer.http.proactor import ProactorSocket, is_proactor


class Transport:
    """As much of a paused Proactor transport as `ProactorSocket` needs."""

    def __init__(self, sock: socket.socket, windows: Windows) -> None:
        self._sock = sock
        self._loop = SimpleNamespace(_proactor=windows)
        self._data = bytearray(64)
        self._read_fut: asyncio.Future[int] | None = None
        self._pending_data_length = -1
        self._is_closing = False

    def is_closing(self) -> bool:
        return self._is_closing

    def abort(self) -> None:
        self._is_closing = True

    def complete_begun_read(self, data: bytes) -> None:
        """What the transport does, being paused, when its read ends."""
        assert self._read_fut is not None
        self.hold(data)
        self._read_fut.set_result(len(data))
        self._read_fut = None

    def hold(self, data: bytes) -> None:
        """Keep what was read until the transport is resumed."""
        self._data[: len(data)] = data
        self._pending_data_length = len(data)


class Windows:
    """The Proactor: reads that a test completes."""

    def __init__(self) -> None:
        self.reads: list[asyncio.Future[int]] = []

    def recv_into(self, _: object, __: memoryview) -> asyncio.Future[int]:
        self.reads.append(asyncio.get_running_loop().create_future())
        return self.reads[-1]


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def windows() -> Windows:
    return Windows()


@pytest.fixture
def transport(sockets: tuple[socket.socket, socket.socket], windows: Windows) -> Transport:
    return Transport(sockets[0], windows)


def opened(transport: Transport) -> ProactorSocket:
    return ProactorSocket(cast("asyncio.Transport", transport))


async def test_what_a_begun_read_brings_comes_first(transport: Transport) -> None:
    transport._read_fut = asyncio.get_running_loop().create_future()
    begun = asyncio.ensure_future(opened(transport).finish_begun_read())
    await asyncio.sleep(0)
    assert not begun.done()
    transport.complete_begun_read(b"body")
    assert await begun == b"body"
    assert transport._pending_data_length == -1  # or the transport would deliver it again


async def test_what_a_resumed_transport_still_holds_comes_first(transport: Transport) -> None:
    asyncio.get_running_loop().call_soon(transport.hold, b"body")  # as after `resume_reading`
    assert await opened(transport).finish_begun_read() == b"body"


async def test_a_begun_read_goes_on_when_nobody_waits_for_it_any_more(
    transport: Transport,
) -> None:
    read = transport._read_fut = asyncio.get_running_loop().create_future()
    begun = asyncio.ensure_future(opened(transport).finish_begun_read())
    await asyncio.sleep(0)
    begun.cancel()
    with pytest.raises(asyncio.CancelledError):
        await begun
    assert not read.cancelled()


@pytest.mark.parametrize("end", [ConnectionResetError(), 0, 7])
async def test_a_cancelled_read_ends_when_nothing_writes_to_the_memory_any_more(
    transport: Transport, windows: Windows, end: int | OSError
) -> None:
    reading = asyncio.ensure_future(opened(transport).read_into(memoryview(bytearray(9))))
    await asyncio.sleep(0)
    for _ in range(3):
        reading.cancel()
        for _ in range(5):  # turns of the loop
            await asyncio.sleep(0)
        assert transport.is_closing()
        assert not reading.done()
    (read,) = windows.reads
    assert not read.cancelled()
    if isinstance(end, int):
        read.set_result(end)
    else:
        read.set_exception(end)
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_a_closed_connection_is_not_read(transport: Transport, windows: Windows) -> None:
    transport.abort()
    sock = opened(transport)
    assert await sock.read_into(memoryview(bytearray(9))) == 0
    assert not windows.reads
    assert not sock.is_idle()


@pytest.mark.parametrize("said", [b"surplus", b""], ids=["surplus", "end"])
async def test_a_connection_on_which_more_has_arrived_is_not_idle(
    transport: Transport, sockets: tuple[socket.socket, socket.socket], said: bytes
) -> None:
    sock = opened(transport)
    assert sock.is_idle()
    sockets[1].sendall(said)
    sockets[1].close()
    assert not sock.is_idle()


def test_a_proactor_with_other_internals_is_not_known(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Transport, "__module__", proactor._MODULE)
    known = cast("asyncio.BaseTransport", transport)
    assert is_proactor(known)
    del transport._read_fut
    assert not is_proactor(known)


def test_other_transports_are_not_taken_for_one(transport: Transport) -> None:
    assert not is_proactor(cast("asyncio.BaseTransport", transport))
