"""The environment's proxies lead to hosts elsewhere, never to this machine."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from dlcore.errors import Fault, TransferError
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.proxies import proxy_of
from dlcore.transfer.http.readers import read_range
from dlcore.transfer.sink import SinkWriter
from tests.transfer.hostile import Script, hostile
from tests.transfer.sinks import Collector
from tests.transfer.test_secrets import said

LOGIN = "Proxy-Authorization: Basic " + base64.b64encode(b"me:p@canary").decode()


@pytest.fixture(autouse=True)
def _no_memory() -> Iterator[None]:
    proxy_of.cache_clear()
    yield
    proxy_of.cache_clear()


@pytest.mark.parametrize("setting", ["http://proxy.example:3128", "proxy.example:3128"])
def test_a_host_elsewhere_is_reached_by_the_proxy(
    monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv("https_proxy", setting)
    assert proxy_of("https", "host.example") == "http://proxy.example:3128"
    assert proxy_of("http", "host.example") is None


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "inside.example"])
def test_this_machine_and_what_no_proxy_names_are_reached_directly(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert proxy_of("https", host) is None


@pytest.mark.parametrize(
    ("scheme", "asked"),
    [
        ("http", "GET http://host.example/o?sig=a%2Fb HTTP/1.1"),
        ("https", "CONNECT host.example:443"),
    ],
)
async def test_a_proxy_is_asked_and_told_its_password(
    monkeypatch: pytest.MonkeyPatch, scheme: str, asked: str
) -> None:
    async with hostile(Script.response("502 Bad Gateway", Content_Length="0")) as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", f"http://me:p%40canary@127.0.0.1:{proxy.port}")
        client = HttpClient("edge")
        with pytest.raises(TransferError) as caught:
            await read_range(
                client, f"{scheme}://host.example/o?sig=a%2Fb", (0, 1), 9, SinkWriter(Collector(1))
            )
        await client.aclose()
    assert caught.value.fault is (Fault.SERVER if scheme == "http" else Fault.CONNECT)
    assert "canary" not in said(caught.value)
    (request,) = proxy.requests
    assert request.decode().startswith(asked)
    assert LOGIN in request.decode().split("\r\n")
