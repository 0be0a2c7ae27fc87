"""Windows authentication as the settings ask for it, with pyspnego's NTLM and real Kerberos."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from dlcore.emulator.ntlm_acceptor import NtlmAcceptor, Scheme
from dlcore.errors import AuthError, ConfigError, Fault, TransferError
from dlcore.model import Authentication, EndpointKind, EndpointSettings, WebAccess
from dlcore.transfer import Endpoint, contact_endpoint, open_endpoint
from dlcore.transfer.http.security_contexts import (
    AccountPassword,
    ContextError,
    SecurityContexts,
    WrongPasswordError,
)
from tests.transfer.access import manifest, secret_file
from tests.transfer.access_servers import guarded
from tests.transfer.windows_auth import (
    WindowsGuard,
    binding_of,
    serving,
    toy_guard,
)

PASSWORD = "canary-Pa55"
USER = "CORP\\svc-dl"

posix_only = pytest.mark.posix_only(
    reason="Windows' own NTLM treats a server on the same machine in another way"
)


async def document(_: web.Request) -> web.Response:
    return web.Response(text="document")


ROUTES = [web.get("/site/{key:.*}", document)]


def endpoint(
    url: str, scheme: str = "negotiate", *, user: str = "", password_file: str = "", ca: str = ""
) -> Endpoint:
    return open_endpoint(
        EndpointSettings(
            "site",
            EndpointKind.HTTP,
            f"{url}/site",
            ca_file=ca,
            web=WebAccess(
                authentication=Authentication(scheme), user=user, password_file=password_file
            ),
        )
    )


async def read(opened: Endpoint) -> bytes:
    try:
        return await opened.read_document("catalog.json", 1000)
    finally:
        await opened.aclose()


@pytest.fixture
def accounts(tmp_path: Path) -> Path:
    """The server knows `USER`."""
    return Path(secret_file(tmp_path, "accounts", f"CORP:svc-dl:{PASSWORD}\n"))


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    return secret_file(tmp_path, "password", f"{PASSWORD}\n")


@posix_only
@pytest.mark.parametrize("scheme", ["NTLM", "Negotiate"])
async def test_it_logs_in_over_tls(
    scheme: Scheme,
    accounts: Path,
    authority: trustme.CA,
    password_file: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    certificate = authority.issue_cert("localhost")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(tls)
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "server.pem"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    binding = binding_of(tmp_path / "server.pem")
    guard = WindowsGuard(lambda: NtlmAcceptor(scheme, accounts, binding=binding), schemes=(scheme,))
    with caplog.at_level(logging.DEBUG):
        async with serving(ROUTES, guard, tls) as url:
            opened = endpoint(
                *(url, scheme.lower()),
                user=USER,
                password_file=password_file,
                ca=str(tmp_path / "ca.pem"),
            )
            assert await read(opened) == b"document"
    assert [user for _, user in guard.users] == [USER]
    sent = [text.split(" ")[1] for text in guard.received]
    assert len(sent) == 2
    assert not any(token in caplog.text for token in sent)
    assert PASSWORD not in caplog.text


@posix_only
async def test_a_wrong_password_ends_with_the_status_of_authentication(
    accounts: Path, tmp_path: Path
) -> None:
    guard = WindowsGuard(lambda: NtlmAcceptor("Negotiate", accounts))
    wrong = secret_file(tmp_path, "wrong", "canary-wrong\n")
    async with serving(ROUTES, guard) as url:
        with pytest.raises(AuthError) as caught:
            await read(endpoint(url, user=USER, password_file=wrong))
    assert caught.value.exit_status == 5
    assert USER in str(caught.value)
    assert len(guard.shown) == 1


async def test_doctor_is_told_the_offers_and_shows_nothing() -> None:
    guard = toy_guard()
    web_access = WebAccess(authentication=Authentication.NEGOTIATE)
    async with serving(ROUTES, guard) as url:
        settings = EndpointSettings("site", EndpointKind.HTTP, url, web=web_access)
        contact = await contact_endpoint(settings)
    assert contact is not None
    assert contact.offers == ("Negotiate", "NTLM")
    assert guard.received == []


@pytest.mark.parametrize("user", ["", "anna"])
async def test_without_the_setting_a_server_of_windows_is_named_as_one(
    user: str, tmp_path: Path
) -> None:
    password = secret_file(tmp_path, "password", "canary\n") if user else ""
    guard = toy_guard()
    async with serving(ROUTES, guard) as url:
        with pytest.raises(AuthError) as caught:
            await read(endpoint(url, "basic", user=user, password_file=password))
    assert 'authentication = "negotiate"' in caught.value.remedy


async def test_a_distribution_point_is_shown_a_token(tmp_path: Path) -> None:
    token = secret_file(tmp_path, "token", "canary-token\n")
    async with guarded(CCMTOKENAUTH="canary-token") as server:
        point = open_endpoint(EndpointSettings("dp", EndpointKind.DP, server.url, token_file=token))
        with pytest.raises(TransferError) as caught:  # it serves no listings
            await point.locate(manifest())
        await point.aclose()
    assert caught.value.fault is not Fault.AUTH
    assert server.shown("CCMTOKENAUTH") == ["canary-token"]


async def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str) -> None:
        assert name == "spnego"

    monkeypatch.setattr(importlib.util, "find_spec", find)
    with pytest.raises(ConfigError, match="spnego is not installed") as caught:
        endpoint("https://dp.example")
    assert "dlcore-engine[windows-auth]" in caught.value.remedy


def test_the_domain_is_asked_once_about_a_wrong_password() -> None:
    """Fault: a request is given up before the domain has refused its password. The next one does
    not ask again.
    """
    asked: list[AccountPassword] = []

    def refuse(host: str, account: AccountPassword) -> bool:
        asked.append(account)
        raise WrongPasswordError("no")

    contexts = SecurityContexts(refuse)
    wrong, corrected = AccountPassword(USER, "wrong"), AccountPassword(USER, "corrected")
    for account in (wrong, wrong, corrected):
        with pytest.raises(WrongPasswordError):
            contexts.make("Negotiate", "localhost", account, None)
    assert asked == [wrong, corrected]


@pytest.fixture(scope="module")
def realm() -> Iterator[Any]:
    """A domain controller."""
    for name in ("k5test", "gssapi", "krb5"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"the package {name} is not installed")
    if shutil.which("krb5kdc", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("krb5-kdc is not installed")
    import k5test

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    realm = k5test.K5Realm(
        portbase=port,
        get_creds=False,
        create_host=False,
        krb5_conf={"libdefaults": {"dns_canonicalize_hostname": "false", "rdns": "false"}},
    )
    try:
        realm.addprinc("HTTP/localhost")
        realm.extract_keytab("HTTP/localhost", realm.keytab)
        yield realm
    finally:
        realm.stop()


@pytest.mark.posix_only(reason="Windows has Kerberos of its own, and no domain here")
class TestKerberos:
    """With a domain controller of its own; the packages are those of CI."""

    @pytest.fixture(autouse=True)
    def environment(self, realm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in realm.env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("NTLM_USER_FILE", raising=False)

    async def test_a_ticket_is_enough(self, realm: Any) -> None:
        realm.kinit(realm.user_princ, realm.password("user"))
        guard = WindowsGuard(KerberosAcceptor, schemes=("Negotiate",))
        async with serving(ROUTES, guard) as url:
            assert await read(endpoint(url)) == b"document"
        assert guard.users == [("/site/catalog.json", realm.user_princ)]
        assert guard.statuses == [401, 200]

    async def test_the_named_account_gets_a_ticket(self, realm: Any, tmp_path: Path) -> None:
        realm.run(["kdestroy", "-A"])
        password = secret_file(tmp_path, "password", realm.password("user") + "\n")
        guard = WindowsGuard(KerberosAcceptor, schemes=("Negotiate",))
        async with serving(ROUTES, guard) as url:
            opened = endpoint(url, user=realm.user_princ, password_file=password)
            assert await read(opened) == b"document"
        assert guard.users == [("/site/catalog.json", realm.user_princ)]

    def test_a_wrong_password_is_not_shown_again_by_ntlm(self, realm: Any) -> None:
        """Fault: a password is wrong, and Kerberos says so. dlcore does not try it with NTLM."""
        account = AccountPassword(realm.user_princ, "wrong")
        with pytest.raises(WrongPasswordError):
            SecurityContexts().make("Negotiate", "localhost", account, None)

    def test_a_locked_account_is_not_shown_again_by_ntlm(self, realm: Any) -> None:
        """Fault: an account is locked, and Kerberos says so. dlcore does not try it with NTLM."""
        realm.addprinc("locked", "right")
        realm.run_kadminl("modprinc -allow_tix locked")
        account = AccountPassword(f"locked@{realm.realm}", "right")
        with pytest.raises(WrongPasswordError):
            SecurityContexts().make("Negotiate", "localhost", account, None)

    @pytest.mark.parametrize("user", ["nobody@KRBTEST.COM", "CORP\\anna"])
    def test_whom_kerberos_does_not_know_uses_ntlm(self, user: str) -> None:
        context = SecurityContexts().make(
            "Negotiate", "localhost", AccountPassword(user, "x"), None
        )
        assert (context.step(None) or b"").startswith(b"NTLMSSP\0")

    def test_without_a_ticket_there_is_no_login(self, realm: Any) -> None:
        realm.run(["kdestroy", "-A"])
        with pytest.raises(ContextError):
            SecurityContexts().make("Negotiate", "localhost", None, None)


class KerberosAcceptor:
    """The server's side, with the key of its keytab."""

    def __init__(self) -> None:
        import spnego

        self._context = spnego.server(hostname="localhost", service="HTTP", protocol="negotiate")

    def accept(self, token: bytes) -> tuple[bytes | None, str]:
        try:
            reply = self._context.step(token)
        except Exception as error:
            raise ValueError from error
        return reply, str(self._context.client_principal) if self._context.complete else ""
