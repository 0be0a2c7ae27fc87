"""An endpoint that asks before what speaks HTTP is imported is an endpoint as any other."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import pytest
from yarl import URL

from dlcore.errors import Fault, TransferError
from dlcore.model import EndpointKind, EndpointSettings
from dlcore.transfer import Endpoint, Network, open_endpoint
from dlcore.transfer.ahead import EarlyRequests, _AskedSocket
from dlcore.transfer.early import Address, EarlyConnections
from dlcore.transfer.http import HttpEndpoint
from dlcore.transfer.late import LateEndpoint
from tests.transfer import conformance
from tests.transfer.conformance import Conformance, read
from tests.transfer.hostile import AGAIN, CLOSE, HANG, LATE_S, RESET, Hostile, Script, hostile
from tests.transfer.packages import Package
from tests.transfer.sinks import Collector

KIND = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing is begun elsewhere")


class Importing:
    """Imports when it is allowed to."""

    def __init__(self) -> None:
        self.allowed = threading.Event()
        self.imported: list[str] = []

    def load(self, modules: Sequence[str]) -> None:
        assert self.allowed.wait(LATE_S)
        self.imported += modules


@pytest.fixture
def importing() -> Iterator[Importing]:
    found = Importing()
    yield found
    found.allowed.set()


class Watched(EarlyConnections):
    """Lets a test see what happens on the first connection that is given out."""

    first: socket.socket | None = None

    def socket_for(self, address: Address) -> socket.socket:
        given = super().socket_for(address)
        self.first = self.first or given.dup()
        return given

    async def is_over(self) -> None:
        """Wait until the other side has ended it."""
        assert self.first
        over = asyncio.Event()
        asyncio.get_running_loop().add_reader(self.first, over.set)
        async with asyncio.timeout(LATE_S):
            await over.wait()
        asyncio.get_running_loop().remove_reader(self.first)
        self.first.close()


@pytest.fixture
def early(importing: Importing) -> Iterator[EarlyRequests]:
    requests = EarlyRequests(EarlyConnections(), importing.load)
    yield requests
    requests.connections.close()


def begin(early: EarlyRequests, url: str, count: int) -> None:
    place = urlsplit(url)
    assert place.hostname
    assert place.port
    early.connections.begin(place.hostname, place.port, count)


def late(early: EarlyRequests, url: str, count: int = 2) -> Endpoint:
    """An endpoint to which so many connections were begun."""
    url = url.replace("localhost", "127.0.0.1")
    begin(early, url, count)
    settings = EndpointSettings("late", EndpointKind.HTTP, url)
    endpoint = open_endpoint(settings, network=Network(early=early))
    assert isinstance(endpoint, LateEndpoint)
    return endpoint


@pytest.fixture
def opened_late(
    monkeypatch: pytest.MonkeyPatch, early: EarlyRequests, importing: Importing
) -> None:
    def open_late(settings: EndpointSettings) -> Endpoint:
        begin(early, settings.url, 0)  # so none is left over
        endpoint = open_endpoint(settings, network=Network(early=early))
        assert isinstance(endpoint, LateEndpoint)
        return endpoint

    importing.allowed.set()
    monkeypatch.setattr(conformance, "open_endpoint", open_late)


@pytest.mark.usefixtures("path", "opened_late")
@pytest.mark.parametrize("source", ["nginx"], indirect=True)
class TestALateEndpoint(Conformance):
    """All of the suite for each receive path."""


def whole(package: Package, index: int, *, end: str = AGAIN) -> Script:
    """A range that is the whole object."""
    data = package.contents[index]
    headers = {"Content_Range": f"bytes 0-{len(data) - 1}/{len(data)}"}
    return Script.answer("206 Partial", data, end=end, Content_Length=str(len(data)), **headers)


async def asked(server: Hostile, count: int) -> None:
    await server.until(lambda: len(server.requests) >= count)


def reading(endpoint: Endpoint, package: Package, index: int) -> asyncio.Task[bytes]:
    return asyncio.ensure_future(read(endpoint, package, index, 0, len(package.contents[index])))


async def test_ranges_are_asked_for_once_each_while_the_import_goes_on(
    package: Package, early: EarlyRequests, importing: Importing
) -> None:
    async with hostile(whole(package, 0)) as server:
        endpoint = late(early, server.url, 2)
        reads = [reading(endpoint, package, 0) for _ in range(3)]
        await asked(server, 3)
        assert not importing.imported
        importing.allowed.set()
        assert await asyncio.gather(*reads) == [package.contents[0]] * 3
        assert importing.imported == ["dlcore.transfer.http"]
        assert server.connections == len(server.requests) == 3
        assert await reading(endpoint, package, 0) == package.contents[0]
        assert (server.connections, len(server.requests)) == (3, 4), "and then as ever"
        await endpoint.aclose()


async def test_an_answer_that_begins_before_it_can_be_read_is_told(
    package: Package, early: EarlyRequests, importing: Importing
) -> None:
    async with hostile(whole(package, 0)) as server:
        endpoint = late(early, server.url, 1)
        placement = await endpoint.locate(package.manifest)
        sink = Collector(len(package.contents[0]))
        one = asyncio.ensure_future(placement.read_range(0, 0, len(sink.data), sink))
        async with asyncio.timeout(LATE_S):
            await sink.answered.wait()
        assert not sink.filled_bytes
        assert not importing.imported
        importing.allowed.set()
        await one
        assert sink.received == package.contents[0]
        await endpoint.aclose()


async def test_what_is_asked_ahead_is_what_would_be_asked_anyway(
    package: Package, early: EarlyRequests, importing: Importing
) -> None:
    importing.allowed.set()
    async with hostile(whole(package, 0)) as server:
        url = server.url.replace("localhost", "127.0.0.1")
        usual = open_endpoint(EndpointSettings("usual", EndpointKind.HTTP, url))
        for endpoint in (late(early, server.url), usual):
            assert await reading(endpoint, package, 0) == package.contents[0]
            await endpoint.aclose()
        ahead, later = (sorted(said.split(b"\r\n")) for said in server.requests)
        assert ahead == [line for line in later if line != b"Accept: */*"]


async def test_a_server_that_ends_early_is_the_fault_that_it_is(
    package: Package, early: EarlyRequests, importing: Importing
) -> None:
    data = package.contents[0]
    short = Script([whole(package, 0).said[0], data[: len(data) // 2]], CLOSE)
    async with hostile(short) as server:
        endpoint = late(early, server.url, 1)
        one = reading(endpoint, package, 0)
        await asked(server, 1)
        importing.allowed.set()
        with pytest.raises(TransferError) as failed:
            await one
        assert failed.value.fault is Fault.TRUNCATED
        await endpoint.aclose()


async def test_a_connection_that_broke_meanwhile_is_asked_again(
    package: Package, importing: Importing
) -> None:
    watched = Watched()
    early = EarlyRequests(watched, importing.load)
    async with hostile(Script([], RESET), whole(package, 0)) as server:
        endpoint = late(early, server.url, 1)
        one = reading(endpoint, package, 0)
        await asked(server, 1)
        await watched.is_over()
        importing.allowed.set()
        assert await one == package.contents[0]
        assert server.connections == 2
        await endpoint.aclose()


async def test_where_nobody_listens_the_error_is_the_same_as_without(
    package: Package, early: EarlyRequests, importing: Importing
) -> None:
    importing.allowed.set()
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    settings = EndpointSettings("late", EndpointKind.HTTP, url)
    messages = []
    for endpoint in (late(early, url), open_endpoint(settings)):
        with pytest.raises(TransferError) as failed:
            await reading(endpoint, package, 0)
        assert failed.value.fault is Fault.CONNECT
        messages.append(failed.value.message)
        await endpoint.aclose()
    assert messages[0] == messages[1]


async def test_what_is_cancelled_leaves_no_connection(
    package: Package, early: EarlyRequests, importing: Importing
) -> None:
    async with hostile(Script([], HANG)) as server:
        endpoint = late(early, server.url, 1)
        one = reading(endpoint, package, 0)
        await asked(server, 1)
        one.cancel()
        with pytest.raises(asyncio.CancelledError):
            await one
        importing.allowed.set()
        await endpoint.aclose()
        await server.until(lambda: server.ended == 1)


async def test_a_question_waits_for_its_connection_to_take_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, place = server.accept()
    for end in (ours, theirs):
        end.setblocking(False)
    junk_bytes = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            junk_bytes += ours.send(bytes(1 << 16))
    one = _AskedSocket(ours, (*KIND, place), None)
    one.ask(b"question")
    heard = b""
    async with asyncio.timeout(LATE_S):
        while len(heard) < junk_bytes + 8:
            heard += await asyncio.get_running_loop().sock_recv(theirs, 1 << 20)
    assert heard[junk_bytes:] == b"question"
    assert one.is_well()
    assert one.send(b"the same") == 8
    assert one.send(b"more") == 4
    assert await asyncio.get_running_loop().sock_recv(theirs, 100) == b"more"
    one.close()
    theirs.close()


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:{port}", "http://127.0.0.1:1", "http://127.0.0.2:{port}"]
)
def test_where_nothing_was_begun_or_tls_is_wanted_the_endpoint_is_the_usual_one(
    early: EarlyRequests, url: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        begin(early, f"http://127.0.0.1:{port}", 1)
        settings = EndpointSettings("usual", EndpointKind.HTTP, url.format(port=port))
        assert isinstance(open_endpoint(settings, network=Network(early=early)), HttpEndpoint)


def test_a_host_with_several_addresses_is_not_asked_ahead(
    early: EarlyRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = (*KIND, ("127.0.0.1", 1))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [address, address])
    begin(early, "http://two.example:1", 2)
    assert not early.can_ask(URL("http://two.example:1/"))
