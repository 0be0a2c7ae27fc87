"""Requests that are sent before the library that speaks HTTP is imported.

Importing aiohttp takes as long as a round trip across a country. But what a process asks for first
it knows before, and a request without a body is a few lines of text. So each is sent over a
connection of its own while aiohttp is imported, which is then given that connection, and asks the
same again: the first head that it writes there is dropped, for it has been sent.

Guarantees: every answer is read and checked by those who read all others. A connection that cannot
be had, or fails meanwhile, is no error: whoever wants one opens another, and asks there. What
nobody came for is closed.

Assumes asyncio's own event loop, which writes through the socket's methods, and a server that is
asked without TLS and without a proxy. Where only the first of that is wrong, a question is asked
twice, and its connection not used again, since it brings more than one answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING

from yarl import URL

from dlcore.transfer.asking import HEADERS
from dlcore.transfer.early import Address, EarlyConnections

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

WATCHED = 4  # answers: one will meet the path's own time; each costs the import some of its own
_BEFORE_OPEN = (BlockingIOError, InterruptedError)


class EarlyRequests:
    """Requests that are sent ahead.

    Args:
        connections: Those that were begun before.
        load: Imports modules, in a thread.
    """

    def __init__(
        self, connections: EarlyConnections, load: Callable[[Sequence[str]], None]
    ) -> None:
        self.connections = connections
        self.load = load
        self._watched = 0
        self._asked = ContextVar[_AskedSocket | None]("asked", default=None)

    def can_ask(self, url: URL) -> bool:
        """Whether connections to a place were begun over which requests can be sent ahead."""
        return url.scheme == "http" and self._address_of(url) is not None

    @contextlib.contextmanager
    def asked(
        self, url: URL, headers: Mapping[str, str], answered: Callable[[], object]
    ) -> Iterator[None]:
        """Ask, and give the connection to whoever in this task opens one to the same place.

        Args:
            url: What to ask for, over plain HTTP.
            headers: Besides those of every request.
            answered: Called when the answer begins, if it does so before anybody could read it;
                only for the first few questions.
        """
        address = self._address_of(url)
        assert address, "see `can_ask`"
        is_watched = self._watched < WATCHED
        self._watched += is_watched
        asked = _AskedSocket(
            self.connections.socket_for(address), address, answered if is_watched else None
        )
        asked.ask(_head(url, headers))
        token = self._asked.set(asked)
        try:
            yield
        finally:
            self._asked.reset(token)
            if not asked.is_taken:
                asked.close()

    def _address_of(self, url: URL) -> Address | None:
        return self.connections.address_of(url.raw_host or "", url.port or 0)

    def socket_for(self, address: Address) -> socket.socket:
        """As `EarlyConnections.socket_for`; if something was asked there, with that."""
        asked = self._asked.get()
        if asked and not asked.is_taken and asked.place == address[4] and asked.is_well():
            asked.is_taken = True
            return asked
        return self.connections.socket_for(address)


class _AskedSocket(socket.socket):
    """A connection that is under way, or open, and has a request on it as soon as it is."""

    def __init__(
        self, begun: socket.socket, address: Address, answered: Callable[[], object] | None
    ) -> None:
        is_fresh = not begun.getsockname()[1]
        super().__init__(begun.family, begun.type, begun.proto, fileno=begun.detach())
        self.place = address[4]
        self.is_taken = False
        self._answered = answered
        self._is_sent = False
        self._has_failed = False
        self.setblocking(False)
        if is_fresh:
            with contextlib.suppress(OSError):  # is in progress, or has failed and says so again
                self.connect(self.place)

    def ask(self, head: bytes) -> None:
        """Send a request's head, now or once the connection is open."""
        loop = asyncio.get_running_loop()
        try:
            self._is_sent = super().send(head) == len(head)
        except _BEFORE_OPEN:
            loop.add_writer(self, self._ask_now, head)
        except OSError:
            self._has_failed = True
        else:
            if self._answered:
                loop.add_reader(self, self._hear, self._answered)

    def _ask_now(self, head: bytes) -> None:
        self._stop_waiting()
        self.ask(head)

    def _hear(self, answered: Callable[[], object]) -> None:
        self._stop_waiting()
        try:
            if self.recv(1, socket.MSG_PEEK):
                answered()
        except OSError:
            self._has_failed = True

    def _stop_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_writer(self)
        loop.remove_reader(self)

    def is_well(self) -> bool:
        """Whether it can be used; what has not been asked by now is left to the one who does."""
        self._stop_waiting()
        return not (self._has_failed or self.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    def send(self, data: ReadableBuffer, flags: int = 0, /) -> int:
        """Send, except for a head that has been sent."""
        if self._is_sent:
            self._is_sent = False
            return memoryview(data).nbytes
        return super().send(data, flags)

    def close(self) -> None:
        """Close it, and wait for nothing."""
        if not self.is_taken:
            self._stop_waiting()
        super().close()


def _head(url: URL, headers: Mapping[str, str]) -> bytes:
    """Source: RFC 9112, section 3."""
    lines = [f"GET {url.raw_path_qs} HTTP/1.1", f"Host: {url.host_port_subcomponent}"]
    lines += (f"{name}: {value}" for name, value in {**HEADERS, **headers}.items())
    return "\r\n".join([*lines, "", ""]).encode("ascii")
