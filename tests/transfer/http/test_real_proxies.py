"""Through real proxies: SOCKS and HTTP, with and without a login."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from dlcore.errors import ConfigError, Fault, ProxyAuthError, TransferError
from dlcore.model import WebAccess
from dlcore.transfer import Keyring
from dlcore.transfer.http import direct
from dlcore.transfer.http.proxies import Proxies, proxy_of
from dlcore.transfer.http.response import Response
from tests.transfer.access import read, secret_file
from tests.transfer.access_servers import BODY, guarded, proxy
from tests.transfer.test_secrets import said

NAME = "host.example"  # only a proxy finds it
ADDRESS = "192.0.2.1"  # for documentation: leads nowhere. Source: RFC 5737


@pytest.fixture(autouse=True)
def _no_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for scheme in ("http", "https", "all", "no"):
        for name in (f"{scheme}_proxy", f"{scheme}_PROXY".upper()):
            monkeypatch.delenv(name, raising=False)
    proxy_of.cache_clear()
    yield
    proxy_of.cache_clear()


@pytest.mark.parametrize(
    ("scheme", "host"), [("socks5h", NAME), ("socks5", ADDRESS), ("socks5h", ADDRESS)]
)
async def test_a_socks_proxy_leads_to_the_server(scheme: str, host: str) -> None:
    async with guarded() as server, proxy("socks5", server.port) as between:
        keyring = Keyring(WebAccess(proxy=f"{scheme}://127.0.0.1:{between.port}"))
        assert await read(f"http://{host}/o", keyring) == BODY
    assert between.asked == [f"{host}:80"]


async def test_all_proxy_of_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    async with guarded() as server, proxy("socks5", server.port, ("me", "p w")) as between:
        monkeypatch.setenv("ALL_PROXY", f"socks5h://me:p%20w@127.0.0.1:{between.port}")
        assert await read(f"http://{NAME}/o", Keyring()) == BODY
    assert between.logins == ["me:p w"]


@pytest.mark.parametrize("kind", ["socks5", "http"])
async def test_with_tls_to_the_server_and_a_login_at_the_proxy(
    kind: str, authority: trustme.CA, tmp_path: Path
) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(NAME).configure_cert(tls)
    ca_file = secret_file(tmp_path, "ca.pem", authority.cert_pem.bytes().decode())
    password = secret_file(tmp_path, "password", "p")
    async with guarded(tls) as server, proxy(kind, server.port, ("me", "p")) as between:
        scheme = "socks5h" if kind == "socks5" else "http"
        url = f"{scheme}://me@127.0.0.1:{between.port}"
        keyring = Keyring(WebAccess(proxy=url, proxy_password_file=password), ca_file=ca_file)
        assert await read(f"https://{NAME}/o", keyring) == BODY
    assert between.asked == [f"{NAME}:443"]
    assert between.logins == ["me:p"]


async def test_a_login_at_the_proxy_may_come_from_netrc(tmp_path: Path) -> None:
    netrc = secret_file(tmp_path, "netrc", "machine 127.0.0.1 login me password p\n")
    async with guarded() as server, proxy("socks5", server.port, ("me", "p")) as between:
        web = WebAccess(proxy=f"socks5h://127.0.0.1:{between.port}", netrc_file=netrc)
        assert await read(f"http://{NAME}/o", Keyring(web)) == BODY


@pytest.mark.parametrize("is_told", [False, True])
@pytest.mark.parametrize("kind", ["socks5", "http"])
async def test_a_proxy_that_wants_another_login_is_named(
    kind: str, is_told: bool, tmp_path: Path
) -> None:
    """Fault: a proxy asks for a login (407). dlcore names it and says how to give one."""
    wrong = secret_file(tmp_path, "password", "canary")
    async with guarded() as server, proxy(kind, server.port, ("me", "p")) as between:
        scheme = "socks5h" if kind == "socks5" else "http"
        where = f"127.0.0.1:{between.port}"
        web = WebAccess(proxy=f"{scheme}://{where}")
        if is_told:
            web = WebAccess(proxy=f"{scheme}://me@{where}", proxy_password_file=wrong)
        with pytest.raises(ProxyAuthError) as caught:
            await read(f"https://{NAME}/o", Keyring(web))
    error = caught.value
    assert (error.fault, error.code, error.exit_status) == (Fault.PROXY, "proxy-auth", 19)
    assert f"the proxy {scheme}://{where} " in error.message
    assert ("does not accept" in error.message) is is_told
    assert "assword" in error.remedy
    assert "canary" not in said(error)


async def test_a_407_without_tls_is_the_same() -> None:
    async with guarded() as server, proxy("http", server.port, ("me", "p")) as between:
        keyring = Keyring(WebAccess(proxy=f"http://127.0.0.1:{between.port}"))
        with pytest.raises(ProxyAuthError, match="asks for a user and password"):
            await read(f"http://{NAME}/o", keyring)


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
async def test_a_proxy_that_is_not_there_is_named(scheme: str) -> None:
    gone = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = gone.sockets[0].getsockname()[1]
    gone.close()
    await gone.wait_closed()
    keyring = Keyring(WebAccess(proxy=f"{scheme}://127.0.0.1:{port}"))
    with pytest.raises(TransferError) as caught:
        await read(f"http://{NAME}/o", keyring)
    assert caught.value.fault is Fault.CONNECT
    assert f"through the proxy {scheme}://127.0.0.1:{port}: it cannot be" in caught.value.message


async def test_a_certificate_of_another_host_is_refused_behind_socks(
    authority: trustme.CA, tmp_path: Path
) -> None:
    """Fault: behind a proxy another server answers. dlcore refuses its certificate."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("other.example").configure_cert(tls)
    ca_file = secret_file(tmp_path, "ca.pem", authority.cert_pem.bytes().decode())
    async with guarded(tls) as server, proxy("socks5", server.port) as between:
        keyring = Keyring(WebAccess(proxy=f"socks5h://127.0.0.1:{between.port}"), ca_file=ca_file)
        with pytest.raises(TransferError) as caught:
            await read(f"https://{NAME}/o", keyring)
        assert server.requests == []
    assert caught.value.fault is Fault.TLS


async def test_the_direct_receive_path_works_behind_socks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    received = []
    before = direct.receive

    async def noted(response: Response, *arguments: object) -> None:
        received.append(response)
        await before(response, *arguments)  # type: ignore[arg-type]

    monkeypatch.setenv("DLCORE_RECEIVE", "direct")
    monkeypatch.setattr(direct, "receive", noted)
    async with guarded() as server, proxy("socks5", server.port) as between:
        keyring = Keyring(WebAccess(proxy=f"socks5h://127.0.0.1:{between.port}"))
        assert await read(f"http://{NAME}/o", keyring) == BODY
    assert len(received) == 1


@pytest.mark.parametrize(
    "url",
    ["ftp://proxy.example", "socks6://proxy.example", "http://", "proxy.example:port", "http://[:"],
)
def test_what_is_no_proxy_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="not the URL of a proxy"):
        Proxies(url)


def test_a_password_in_the_url_of_a_proxy_is_refused() -> None:
    """Fault: a password stands on the command line, where all users can read it. dlcore refuses."""
    with pytest.raises(ConfigError, match="contains a password") as caught:
        Keyring(WebAccess(proxy=f"http://me:{'canary'[::-1]}@proxy.example"))
    assert "canary"[::-1] not in said(caught.value)


@pytest.mark.parametrize("host", ["inside.example", "localhost", "127.0.0.1"])
def test_no_proxy_counts_for_a_proxy_that_is_set(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "inside.example")
    proxies = Proxies("http://proxy.example:3128")
    assert proxies.proxy_for("https", host) is None
    assert proxies.proxy_for("https", "elsewhere.example")
