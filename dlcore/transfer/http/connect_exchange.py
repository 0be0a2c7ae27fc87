"""Asks an HTTP proxy for a tunnel, as often as its login needs, over one connection.

Guarantees: what a proxy sends is bounded. An answer whose end cannot be found, or after which the
proxy closes, costs the connection; in the middle of a handshake, the login.

Source: RFC 9110, section 9.3.6, "CONNECT"; RFC 9112, sections 6.3 and 7.1; RFC 4559, section 6.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

from multidict import CIMultiDict, CIMultiDictProxy

from dlcore.transfer.http.headers import COMMON_HEADERS
from dlcore.transfer.http.pinned_connections import ConnectionPin

MAX_HEAD_BYTES: Final = 64 << 10
"""Of the status and headers of an answer, and of a line in its page."""

MAX_BODY_BYTES: Final = 64 << 10
"""Of the page that comes along with a refusal; a longer one costs the connection."""

MAX_ANSWER_BYTES: Final = 512 << 10
"""Of an answer with all that frames its page: lengths of chunks, and trailers. A page in the
shortest chunks takes less.

A socket that always has bytes to give does not let the event loop have its turn: without a bound,
a proxy that never ends would stop every clock of this process.
"""

OPENED: Final = range(200, 300)
"""Statuses with which a proxy says that the tunnel is open."""

_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\r\n]*)?")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?", re.DOTALL)
_LENGTH = re.compile(r"[0-9]{1,9}", re.ASCII)
_RECEIVED_BYTES: Final = 8 << 10


class ConnectError(OSError):
    """The proxy cannot be reached, or does not answer.

    Args:
        reason: Why, without secrets.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(None, reason)


class Head(NamedTuple):
    """The beginning of an answer.

    Attributes:
        status: The HTTP status.
        headers: Untrusted.
        stays_open: Whether the proxy keeps the connection after its answer.
    """

    status: int
    headers: CIMultiDictProxy[str]
    stays_open: bool


class ConnectAnswer:
    """What a proxy answers to ``CONNECT``.

    Args:
        head: Its beginning.
        wire: The connection.

    Attributes:
        status: The HTTP status.
        headers: Untrusted.
    """

    def __init__(self, head: Head, wire: _Wire) -> None:
        self.status = head.status
        self.headers = head.headers
        self._wire = wire
        self._stays_open = head.stays_open
        self._is_at_end = head.status in OPENED

    @property
    def content(self) -> ConnectAnswer:
        """Itself: `readany` reads the page."""
        return self

    async def readany(self) -> bytes:
        """All of the page; empty at its end.

        Raises:
            ValueError: Its end cannot be found.
            OSError: The connection is lost.
        """
        if self._is_at_end:
            return b""
        page = await self._page()
        self._is_at_end = True
        return page

    def close(self) -> None:
        """Close the connection unless another request can follow on it."""
        if not (self._is_at_end and self._stays_open):
            self._wire.close()

    async def _page(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").strip().lower() == "chunked":
            return await self._chunks()
        length = self.headers.get("Content-Length", "")
        if not _LENGTH.fullmatch(length) or int(length) > MAX_BODY_BYTES:
            raise ValueError("the page has no length, or is too long")
        return await self._wire.exactly(int(length))

    async def _chunks(self) -> bytes:
        page = b""
        while True:
            found = _CHUNK.fullmatch(await self._wire.until(b"\r\n"))
            if found is None or (size := int(found[1], 16)) > MAX_BODY_BYTES - len(page):
                raise ValueError("a chunk has no length, or the page is too long")
            if not size:
                break
            page += await self._wire.exactly(size)
            await self._wire.exactly(len(b"\r\n"))
        while await self._wire.until(b"\r\n"):
            pass  # a trailer
        return page


class ConnectExchange:
    """Asks one proxy for a tunnel to one server.

    Args:
        target: Host and port of the server, as in ``server.example:443``.
        connect: Opens a connection to the proxy. Raises ``OSError``.
        pin: Is told of each connection.
    """

    def __init__(
        self, target: str, connect: Callable[[], Awaitable[socket.socket]], pin: ConnectionPin
    ) -> None:
        self._target = target
        self._connect = connect
        self._pin = pin
        self._wire: _Wire | None = None

    async def send(self, more: Mapping[str, str]) -> ConnectAnswer:
        """Ask, with these header fields as well.

        Raises:
            ConnectError: The proxy does not answer, or not in HTTP.
            LoginInterruptedError: It closed the connection in the middle of a handshake.
        """
        wire = await self._open_wire()
        fields = {"Host": self._target, **COMMON_HEADERS, **more}
        lines = [f"CONNECT {self._target} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
        try:
            await wire.send("\r\n".join([*lines, "", ""]).encode("latin-1"))
            return ConnectAnswer(read_head(await wire.until(b"\r\n\r\n")), wire)
        except ValueError:
            wire.close()
            raise ConnectError("its answer is not HTTP") from None
        except OSError as error:
            wire.close()
            raise ConnectError(f"it broke the connection: {_reason(error)}") from None
        except BaseException:
            wire.close()
            raise

    def taken(self) -> socket.socket:
        """The connection, which now is a tunnel and the caller's."""
        assert self._wire is not None
        return self._wire.socket

    def close(self) -> None:
        """Close the connection. Idempotent."""
        if self._wire:
            self._wire.close()

    async def _open_wire(self) -> _Wire:
        if self._wire is None or self._wire.is_closed:
            self._pin.moved(self)
            try:
                self._wire = _Wire(await self._connect())
            except OSError as error:
                raise ConnectError(f"it cannot be reached: {_reason(error)}") from None
        return self._wire


class _Wire:
    """A connection to a proxy, before it is a tunnel."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.is_closed = False
        self._received = b""
        self._left_bytes = 0

    async def send(self, data: bytes) -> None:
        """Send a request; its answer may be as long as answers may."""
        self._left_bytes = MAX_ANSWER_BYTES
        await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def until(self, mark: bytes) -> bytes:
        """What comes before a mark, which is taken as well.

        Raises:
            ValueError: It does not come.
        """
        while mark not in self._received:
            if len(self._received) > MAX_HEAD_BYTES:
                raise ValueError("the mark does not come")
            await self._receive()
        found, _, self._received = self._received.partition(mark)
        return found

    async def exactly(self, count: int) -> bytes:
        """This many bytes.

        Raises:
            ValueError: The answer is too long.
        """
        while len(self._received) < count:
            await self._receive()
        found, self._received = self._received[:count], self._received[count:]
        return found

    def close(self) -> None:
        self.is_closed = True
        self.socket.close()

    async def _receive(self) -> None:
        if self._left_bytes <= 0:
            raise ValueError("the answer does not end")
        data = await asyncio.get_running_loop().sock_recv(self.socket, _RECEIVED_BYTES)
        if not data:
            raise ConnectionResetError(None, "it was closed")
        self._left_bytes -= len(data)
        self._received += data


def read_head(head: bytes) -> Head:
    """Read the status and the headers of an answer.

    Args:
        head: Its lines, without the empty one.

    Raises:
        ValueError: They are not HTTP.
    """
    first, *lines = head.split(b"\r\n")
    status = _STATUS.fullmatch(first)
    if status is None:
        raise ValueError("the status is not HTTP")
    headers: CIMultiDict[str] = CIMultiDict()
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon:
            raise ValueError("a line is not a header field")
        headers.add(name.decode("latin-1").strip(), value.decode("latin-1").strip())
    said = f"{headers.get('Connection', '')},{headers.get('Proxy-Connection', '')}".lower()
    stays_open = "close" not in said and (status[1] == b"1" or "keep-alive" in said)
    return Head(int(status[2]), CIMultiDictProxy(headers), stays_open)


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
