"""Redirects are followed by a client that was made so, over real connections."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from dlcore.errors import Fault, TransferError
from dlcore.transfer.http.addresses import Reach
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.exchanges import Exchange, observed
from dlcore.transfer.http.readers import read_document, read_range
from dlcore.transfer.http.response import Redirect
from dlcore.transfer.sink import SinkWriter
from tests.transfer.hostile import AGAIN, Hostile, Script, hostile
from tests.transfer.responses import ASKED, END, START, TOTAL, partial, status
from tests.transfer.sinks import Collector

SECRET = {"Authorization": "Bearer canary"}


@contextlib.asynccontextmanager
async def follower() -> AsyncIterator[HttpClient]:
    client = HttpClient("edge", follows_redirects=True)
    try:
        yield client
    finally:
        await client.aclose()


def moved(location: str, line: str = "302 Found") -> Script:
    return Script.response(line, end=AGAIN, Content_Length="0", Location=location)


async def fetch(client: HttpClient, server: Hostile) -> bytes:
    sink = Collector(END - START)
    url = f"{server.url}/first?sig=canary"
    await read_range(client, url, (START, END), TOTAL, SinkWriter(sink), headers=SECRET)
    return sink.received


def paths(server: Hostile) -> list[str]:
    return [request.split()[1].decode() for request in server.requests]


@pytest.mark.parametrize(
    "line", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
async def test_a_range_is_read_where_the_redirect_leads(line: str) -> None:
    async with hostile(moved("/o?sig=a%2Bb%2Fc", line), partial()) as server, follower() as client:
        assert await fetch(client, server) == ASKED
    assert paths(server) == ["/first?sig=canary", "/o?sig=a%2Bb%2Fc"]
    assert all(b"canary" in request for request in server.requests)  # one origin, one credential


async def test_of_a_target_only_its_origin_is_told() -> None:
    """Fault: a redirect leads to a URL whose path is its signature, and `--otel requests` sends
    the paths of URLs elsewhere. Of such a target only the origin is sent.
    """
    told: list[Exchange] = []
    with observed(told.append):
        client = HttpClient("edge", follows_redirects=True)
        async with hostile(moved("/canary/o?sig=canary"), partial()) as server:
            assert await fetch(client, server) == ASKED
            await client.aclose()
    assert [exchange.url for exchange in told] == [f"{server.url}/first", server.url]


async def test_no_credential_goes_to_another_origin() -> None:
    async with hostile(partial(end=AGAIN)) as storage, follower() as client:
        target = storage.url.replace("localhost", "127.0.0.1")
        async with hostile(moved(f"{target}/o?sig=theirs")) as server:
            assert await fetch(client, server) == ASKED
    assert b"canary" not in storage.requests[0]
    assert b"Range: bytes=100-149" in storage.requests[0]


async def test_a_redirect_is_paid_for_once() -> None:
    async with hostile(moved("/o"), partial(end=AGAIN)) as server, follower() as client:
        for _ in range(3):
            assert await fetch(client, server) == ASKED
    assert paths(server) == ["/first?sig=canary", "/o", "/o", "/o"]


@pytest.mark.parametrize(
    "line", ["403 Forbidden", "401 No", "404 No", "410 Gone", "400 Expired", "302 Sign in"]
)
async def test_a_target_that_refuses_is_asked_for_anew(line: str) -> None:
    refused = Script.response(line, b"expired", end=AGAIN, Content_Length="7")
    async with (
        hostile(
            moved("/o?sig=1"), partial(end=AGAIN), refused, moved("/o?sig=2"), partial(end=AGAIN)
        ) as server,
        follower() as client,
    ):
        for _ in range(3):
            assert await fetch(client, server) == ASKED
    first = "/first?sig=canary"
    assert paths(server) == [first, "/o?sig=1", "/o?sig=1", first, "/o?sig=2", "/o?sig=2"]
    assert server.connections == 1


async def test_a_target_that_refuses_again_is_an_error_and_no_loop() -> None:
    refused = Script.response("403 Forbidden", b"no", end=AGAIN, Content_Length="2")
    async with (
        hostile(moved("/o"), partial(end=AGAIN), refused, moved("/p"), refused) as server,
        follower() as client,
    ):
        await fetch(client, server)
        with pytest.raises(TransferError, match="answered 403") as caught:
            await fetch(client, server)
    assert caught.value.fault is Fault.AUTH
    assert len(server.requests) == 5
    assert "canary" not in str(caught.value)


async def test_a_target_that_is_busy_is_not_remembered() -> None:
    busy = Script.response("503 Busy", b"no", end=AGAIN, Content_Length="2")
    async with (
        hostile(moved("/o"), partial(end=AGAIN), busy, moved("/p"), partial(end=AGAIN)) as server,
        follower() as client,
    ):
        await fetch(client, server)
        with pytest.raises(TransferError) as caught:
            await fetch(client, server)
        await fetch(client, server)
    assert caught.value.fault is Fault.BUSY
    assert paths(server)[2:] == ["/o", "/first?sig=canary", "/p"]


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("/first?sig=canary", "a redirect in a circle"),
        ("", "does not say where to"),
        ("ftp://elsewhere/canary", "not an absolute http"),
    ],
)
async def test_a_redirect_against_the_rules_is_refused(location: str, words: str) -> None:
    async with hostile(moved(location)) as server, follower() as client:
        with pytest.raises(TransferError, match=words) as caught:
            await fetch(client, server)
    assert caught.value.fault is Fault.REFUSED
    assert "canary" not in str(caught.value)
    assert len(server.requests) == 1


async def test_a_chain_without_end_is_left() -> None:
    scripts = [moved(f"/{number}") for number in range(99)]
    async with hostile(*scripts) as server, follower() as client:
        with pytest.raises(TransferError, match="more than 5 redirects"):
            await read_document(client, f"{server.url}/catalog.json", 99)
    assert len(server.requests) == 6


async def test_a_name_that_may_only_be_elsewhere_does_not_lead_to_this_machine() -> None:
    client = HttpClient("edge", reach=Reach.OTHER_MACHINES)
    async with hostile(partial()) as server:
        with pytest.raises(TransferError, match="address of this machine") as caught:
            await fetch(client, server)
        await client.aclose()
    assert caught.value.fault is Fault.REFUSED
    assert server.connections == 0


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest",
        "http://[fd00:ec2::254]/",
        "http://metadata.google.internal/",
    ],
)
async def test_a_redirect_does_not_lead_to_a_metadata_service(target: str) -> None:
    """Fault: a server on this machine redirects to the metadata service of a cloud. dlcore does not
    ask it, neither directly nor through a proxy.
    """
    async with hostile(moved(target.replace("http:", "https:"))) as server, follower() as client:
        with pytest.raises(TransferError, match="metadata service") as caught:
            await fetch(client, server)
    assert caught.value.fault is Fault.REFUSED


async def test_other_clients_follow_no_redirect() -> None:
    client = HttpClient("edge")
    async with hostile(moved("/o"), status("200 OK")) as server:
        with pytest.raises(TransferError, match="captive portal"):
            await fetch(client, server)
        await client.aclose()
    assert len(server.requests) == 1


def test_a_redirect_that_is_printed_shows_no_credential() -> None:
    headers = CIMultiDictProxy(CIMultiDict({"Location": "https://b/f?sig=canary"}))
    assert repr(Redirect("https://a/f?sig=canary", headers)) == "<a redirect of https://a/f?***>"
