"""How far a request to an endpoint gets is told at each step of its way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dlcore.errors import Fault, TlsError
from dlcore.model import EndpointKind, EndpointSettings
from dlcore.transfer import contact_endpoint
from dlcore.transfer.endpoints.contact import Contact, contact
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.proxies import proxy_of
from tests.transfer.hostile import Script, hostile

NOON = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_memory() -> Iterator[None]:
    proxy_of.cache_clear()
    yield
    proxy_of.cache_clear()


async def made(url: str) -> Contact:
    client = HttpClient("edge")
    try:
        return await contact(url, client, lambda: NOON)
    finally:
        await client.aclose()


async def answered(status: str, **headers: str) -> Contact:
    async with hostile(Script.response(status, b"", Content_Length="0", **headers)) as server:
        return await made(server.url)


@pytest.mark.parametrize("status", [200, 302, 403, 500])
async def test_whatever_answers_was_reached(status: int) -> None:
    found = await answered(f"{status} X")
    assert (found.status, found.error, found.addresses) == (status, None, ("127.0.0.1",))


@pytest.mark.parametrize(
    ("headers", "ahead_s"),
    [
        ({"Date": "Wed, 01 Jul 2026 11:50:00 GMT"}, 600),
        ({"Date": "Wed, 01 Jul 2026 12:00:09 GMT"}, -9),
        ({"Date": "Wed, 01 Jul 2026 11:50:00 GMT", "Age": "590"}, 10),
        ({"Date": "Wed, 01 Jul 2026 11:50:00 GMT", "Age": "long"}, None),
        ({"Date": "noon"}, None),
        ({}, None),
    ],
    ids=["ahead", "behind", "cached", "unknown age", "no date", "nothing"],
)
async def test_the_clocks_are_compared(headers: dict[str, str], ahead_s: float | None) -> None:
    assert (await answered("200 OK", **headers)).ahead_s == ahead_s


async def test_a_name_that_stands_for_nothing_is_not_asked() -> None:
    found = await made("https://nothing.invalid")
    assert found.lookup_fault
    assert (found.status, found.error) == (0, None)


async def test_nobody_listens() -> None:
    async with hostile(Script.response("200 OK")) as server:
        url = server.url
    found = await made(url)
    assert found.error
    assert found.error.fault is Fault.CONNECT


@pytest.mark.wine_cannot(reason="trusts every certificate")
async def test_a_certificate_of_nobody_is_told(nginx_tls: tuple[str, Path]) -> None:
    url, ca_file = nginx_tls
    settings = EndpointSettings("edge", EndpointKind.HTTP, url)
    refused = await contact_endpoint(settings)
    assert refused
    assert isinstance(refused.error, TlsError)
    trusting = EndpointSettings("edge", EndpointKind.HTTP, url, ca_file=str(ca_file))
    accepted = await contact_endpoint(trusting)
    assert accepted
    assert accepted.status


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY"])
async def test_a_proxy_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    async with hostile(Script.response("503 Busy", Content_Length="0")) as proxy:
        monkeypatch.delenv("http_proxy", raising=False)
        monkeypatch.setenv(variable, f"http://me:canary@127.0.0.1:{proxy.port}")
        found = await made("http://host.invalid")
    assert found.proxy == f"http://127.0.0.1:{proxy.port}"
    assert found.proxy_source.lower() == "http_proxy"
    assert (found.status, found.addresses, found.lookup_fault) == (503, (), "")
