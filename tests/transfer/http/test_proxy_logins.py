"""Negotiate and NTLM at a proxy: through a tunnel and without one; nobody else sees the login."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from dlcore.emulator.ntlm_acceptor import NtlmAcceptor, Scheme
from dlcore.errors import AuthError, ConfigError, Fault, ProxyAuthError, TransferError
from dlcore.model import Authentication, WebAccess
from dlcore.transfer import Keyring
from dlcore.transfer.http.pool import ConnectionPool
from dlcore.transfer.http.readers import read_range
from dlcore.transfer.http.security_contexts import AccountPassword
from dlcore.transfer.sink import SinkWriter
from tests.transfer.access import secret_file
from tests.transfer.access_servers import BODY, GuardedServer, guarded
from tests.transfer.sinks import Collector
from tests.transfer.windows_auth import ToyContexts
from tests.transfer.windows_proxy import WindowsProxy, running, toy_proxy

NAME = "host.example"  # only a proxy finds it
PASSWORD = "canary-of-anna"
SCHEMES = ["http", "https"]


class Office:
    """A machine behind a proxy."""

    def __init__(self, between: WindowsProxy, folder: Path, authority: trustme.CA) -> None:
        self.between = between
        self.contexts = ToyContexts()
        self.pool = ConnectionPool()
        self.password_file = secret_file(folder, "password", PASSWORD)
        self.ca_file = secret_file(folder, "ca.pem", authority.cert_pem.bytes().decode())

    def keyring(self, user: str = "anna", own: str = "", **settings: Any) -> Keyring:
        proxy = self.between.url.replace("://", f"://{user}@") if user else self.between.url
        usual: dict[str, Any] = {
            "proxy": proxy,
            "proxy_authentication": Authentication.NEGOTIATE,
            "proxy_password_file": self.password_file if user else "",
        }
        web = WebAccess(**{**usual, **settings})
        return Keyring(web, own, ca_file=self.ca_file, make_context=self.contexts.make)

    async def read(
        self, scheme: str = "https", keyring: Keyring | None = None, count: int = 1
    ) -> list[bytes]:
        """Read the body several times at once."""
        client = (keyring or self.keyring()).client("dp", self.pool)

        async def read(number: int) -> bytes:
            sink, url = Collector(len(BODY)), f"{scheme}://{NAME}/{number}"
            await read_range(client, url, (0, len(BODY)), len(BODY), SinkWriter(sink))
            return sink.received

        try:
            return await asyncio.gather(*map(read, range(count)))
        finally:
            await client.aclose()

    async def refusal(self, scheme: str, keyring: Keyring | None = None) -> TransferError:
        with pytest.raises(TransferError) as caught:
            await self.read(scheme, keyring)
        assert PASSWORD not in f"{caught.value}{caught.value.remedy}"
        return caught.value


def tls_of(authority: trustme.CA) -> ssl.SSLContext:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(NAME).configure_cert(tls)
    return tls


def secrets_seen_by(server: GuardedServer) -> list[str | None]:
    return [*server.shown("Proxy-Authorization"), *server.shown("Authorization")]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("is_chunked", [False, True])
async def test_each_connection_is_logged_in_and_the_server_sees_nothing_of_it(
    scheme: str, is_chunked: bool, authority: trustme.CA, tmp_path: Path
) -> None:
    server_side = toy_proxy(anna=PASSWORD)
    server_side.is_chunked = is_chunked
    async with guarded(tls_of(authority)) as server, running(server_side, server.port) as between:
        office = Office(between, tmp_path, authority)
        assert await office.read(scheme, count=4) == [BODY] * 4
        assert not any(secrets_seen_by(server))
    assert set(between.users) == {"anna"}
    assert len(between.users) == 4
    methods = {method for method, _ in between.asked}
    assert methods == ({"CONNECT"} if scheme == "https" else {"GET"})


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_wrong_password_is_shown_once_for_all_endpoints(
    scheme: str, authority: trustme.CA, tmp_path: Path
) -> None:
    """Fault: a password for the proxy is wrong, and the domain locks accounts. dlcore shows it
    once, whichever endpoints wait.
    """
    async with running(toy_proxy(anna="another")) as between:
        office = Office(between, tmp_path, authority)
        office.pool.join(office)
        for _ in range(3):
            error = await office.refusal(scheme, office.keyring())
        assert isinstance(error, ProxyAuthError)
        assert (error.fault, error.exit_status, error.endpoint) == (Fault.PROXY, 19, "dp")
        assert f"the proxy {between.url} does not accept the user anna" in error.message
        assert "proxy_password_file" in error.remedy
        await office.pool.leave(office)
    assert len(between.received) == 2  # its first token, and the one that proves the password


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_this_process_is_shown_before_a_named_account(
    scheme: str, authority: trustme.CA, tmp_path: Path
) -> None:
    between = toy_proxy(machine="ticket", anna=PASSWORD)
    async with guarded(tls_of(authority)) as server, running(between, server.port):
        office = Office(between, tmp_path, authority)
        office.contexts.own = AccountPassword("machine", "ticket")
        assert await office.read(scheme) == [BODY]
    assert between.users == ["machine"]


async def test_a_login_without_an_account_says_what_to_name(
    authority: trustme.CA, tmp_path: Path
) -> None:
    async with running(toy_proxy(anna=PASSWORD)) as between:
        office = Office(between, tmp_path, authority)
        error = await office.refusal("https", office.keyring(user=""))
    assert error.code == "proxy-auth"
    assert "proxy_password_file" in error.remedy


async def test_a_proxy_may_close_after_its_first_refusal(
    authority: trustme.CA, tmp_path: Path
) -> None:
    between = toy_proxy(anna=PASSWORD)
    between.closes_first = True
    async with guarded(tls_of(authority)) as server, running(between, server.port):
        assert await Office(between, tmp_path, authority).read() == [BODY]
    assert between.connections == 2


async def test_a_handshake_is_not_continued_on_another_connection(
    authority: trustme.CA, tmp_path: Path
) -> None:
    """Fault: a proxy closes the connection in the middle of a login. dlcore proves nothing on
    another one.
    """
    between = toy_proxy(anna=PASSWORD)
    between.closes_at_challenge = True
    async with running(between):
        error = await Office(between, tmp_path, authority).refusal("https")
    assert error.fault is Fault.CONNECT
    assert len(between.received) == 1


async def test_a_proxy_that_opens_no_tunnel_is_named(authority: trustme.CA, tmp_path: Path) -> None:
    between = toy_proxy(anna=PASSWORD)
    between.status = 503
    async with running(between):
        error = await Office(between, tmp_path, authority).refusal("https")
    assert error.fault is Fault.CONNECT
    assert f"no connection through the proxy {between.url}: it answered 503" in error.message


async def test_a_proxy_that_is_not_there_is_named(authority: trustme.CA, tmp_path: Path) -> None:
    between = toy_proxy(anna=PASSWORD)
    async with running(between):
        office = Office(between, tmp_path, authority)
    error = await office.refusal("https")
    assert f"through the proxy {between.url}: it cannot be reached" in error.message


async def test_basic_alone_is_not_answered(authority: trustme.CA, tmp_path: Path) -> None:
    """Fault: a proxy offers only Basic, and Windows authentication was set. dlcore keeps the
    password to itself.
    """
    between = toy_proxy(anna=PASSWORD)
    between.schemes = ('Basic realm="x"',)
    async with running(between):
        error = await Office(between, tmp_path, authority).refusal("https")
    assert "offers Basic, and not Negotiate or NTLM" in error.message
    assert between.received == []


async def test_server_and_proxy_cannot_both_log_one_connection_in(
    authority: trustme.CA, tmp_path: Path
) -> None:
    async with running(toy_proxy(anna=PASSWORD)) as between:
        office = Office(between, tmp_path, authority)
        both = office.keyring(
            own=f"http://{NAME}",
            authentication=Authentication.NTLM,
            logs_in_without_tls=True,
        )
        error = await office.refusal("http", both)
    assert isinstance(error, AuthError)
    assert "https" in error.remedy
    assert between.asked == []


async def test_a_certificate_of_another_host_is_refused_behind_the_tunnel(
    authority: trustme.CA, tmp_path: Path
) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("other.example").configure_cert(tls)
    between = toy_proxy(anna=PASSWORD)
    async with guarded(tls) as server, running(between, server.port):
        error = await Office(between, tmp_path, authority).refusal("https")
    assert error.fault is Fault.TLS


async def test_a_proxy_that_is_reached_by_https_is_refused(
    authority: trustme.CA, tmp_path: Path
) -> None:
    async with running(toy_proxy(anna=PASSWORD)) as between:
        office = Office(between, tmp_path, authority)
        keyring = office.keyring(proxy="https://anna@proxy.example")
        with pytest.raises(ConfigError, match="reached by https"):
            await office.read("https", keyring)


@pytest.mark.posix_only(reason="Windows' own NTLM treats a server on this machine in another way")
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("protocol", ["Negotiate", "NTLM"])
async def test_real_ntlm(
    scheme: str, protocol: Scheme, authority: trustme.CA, tmp_path: Path
) -> None:
    accounts = Path(secret_file(tmp_path, "accounts", f"CORP:anna:{PASSWORD}\n"))
    between = WindowsProxy(lambda: NtlmAcceptor(protocol, accounts))
    between.schemes = (protocol,)
    async with guarded(tls_of(authority)) as server, running(between, server.port):
        office = Office(between, tmp_path, authority)
        web = WebAccess(
            proxy=between.url.replace("://", "://CORP%5Canna@"),
            proxy_authentication=Authentication(protocol.lower()),
            proxy_password_file=office.password_file,
        )
        assert await office.read(scheme, Keyring(web, ca_file=office.ca_file)) == [BODY]
    assert between.users == ["CORP\\anna"]


async def test_a_user_without_a_password_is_not_shown(
    authority: trustme.CA, tmp_path: Path
) -> None:
    """Fault: a proxy has a user, and no file has the password. dlcore shows no empty one."""
    async with running(toy_proxy(anna=PASSWORD)) as between:
        office = Office(between, tmp_path, authority)
        error = await office.refusal("https", office.keyring(proxy_password_file=""))
    assert "there is none" in error.message
    assert between.received == []
