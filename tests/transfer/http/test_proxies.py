"""Proxies of the environment, or of Windows, lead to hosts elsewhere, never to this machine."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator

import pytest

from dlcore.errors import Fault, TransferError
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.proxies import _INTERNET_SETTINGS, is_windows_exception, proxy_of
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


@pytest.mark.parametrize(
    ("exceptions", "host", "is_excepted"),
    [
        ("<local>", "server", True),
        ("<local>", "server.example", False),
        ("<local>", "fd00::1", False),
        ("<LOCAL>", "server", True),
        ("*.inside.example", "a.inside.example", True),
        ("*.inside.example", "A.Inside.Example", True),
        ("*.inside.example", "inside.example", False),
        ("*.inside.example", "a.inside.example.org", False),
        ("inside", "inside.example", False),
        ("10.*;192.168.1.?", "10.1.2.3", True),
        ("10.*", "host10.example", False),
        ("a.example;b.example", "b.example", True),
        ("a.example; b.example", "b.example", True),
        ("a.example b.example", "b.example", True),
        ("https://a.example", "a.example", True),
        ("https=a.example", "a.example", True),
        ("http://a.example", "a.example", False),
        ("a.example:8443", "a.example", True),
        ("[fd00::1]", "fd00::1", True),
        ("[fd00::*]:443", "fd00::1", True),
        ("*", "anything.example", True),
        ("", "a.example", False),
        (";;", "a.example", False),
        ("a+(.example", "a.example", False),
    ],
)
def test_exceptions_of_windows(exceptions: str, host: str, is_excepted: bool) -> None:
    """Fault: the settings of Windows except hosts from the proxy. dlcore obeys them, and asks no
    name server for that.
    """
    assert is_windows_exception("https", host, exceptions) is is_excepted


if sys.platform == "win32":
    import winreg

    @pytest.fixture
    def internet_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[winreg.HKEYType]:
        """The real key of this user, which is as before afterwards; no proxy in the environment."""
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        names = ("ProxyEnable", "ProxyServer", "ProxyOverride")
        with winreg.CreateKeyEx(
            winreg.HKEY_CURRENT_USER, _INTERNET_SETTINGS, access=winreg.KEY_ALL_ACCESS
        ) as key:
            before = {name: value_of(key, name) for name in names}
            yield key
            for name, value in before.items():
                if value is not None:
                    winreg.SetValueEx(key, name, 0, value[1], value[0])
                elif value_of(key, name) is not None:
                    winreg.DeleteValue(key, name)

    def value_of(key: winreg.HKEYType, name: str) -> tuple[object, int] | None:
        try:
            return winreg.QueryValueEx(key, name)
        except FileNotFoundError:
            return None

    @pytest.mark.parametrize(
        "servers", ["proxy.example:3128", "http=other.example:80;https=proxy.example:3128"]
    )
    def test_the_proxy_of_windows_is_used(
        internet_settings: winreg.HKEYType, monkeypatch: pytest.MonkeyPatch, servers: str
    ) -> None:
        winreg.SetValueEx(internet_settings, "ProxyEnable", 0, winreg.REG_DWORD, 1)
        winreg.SetValueEx(internet_settings, "ProxyServer", 0, winreg.REG_SZ, servers)
        assert proxy_of("https", "host.example") == "http://proxy.example:3128"
        exceptions = "*.inside.example;<local>"
        winreg.SetValueEx(internet_settings, "ProxyOverride", 0, winreg.REG_SZ, exceptions)
        proxy_of.cache_clear()
        assert proxy_of("https", "host.example") == "http://proxy.example:3128"
        assert proxy_of("https", "a.inside.example") is None
        assert proxy_of("https", "server") is None
        assert proxy_of("https", "localhost") is None
        monkeypatch.setenv("https_proxy", "http://environment.example:1")
        proxy_of.cache_clear()
        assert proxy_of("https", "a.inside.example") == "http://environment.example:1"

    def test_a_proxy_of_windows_that_is_switched_off_is_not_used(
        internet_settings: winreg.HKEYType,
    ) -> None:
        winreg.SetValueEx(internet_settings, "ProxyEnable", 0, winreg.REG_DWORD, 0)
        winreg.SetValueEx(internet_settings, "ProxyServer", 0, winreg.REG_SZ, "proxy.example:3128")
        assert proxy_of("https", "host.example") is None
