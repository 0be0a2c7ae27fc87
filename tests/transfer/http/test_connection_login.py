"""Logins that count for a connection: who gets which connection, and who is shown what."""

from __future__ import annotations

import asyncio
import ssl
import threading
from pathlib import Path

import pytest
import trustme

from dlcore.errors import AuthError, ConfigError, Fault, TransferError
from dlcore.model import Authentication, WebAccess
from dlcore.transfer import Keyring, users_of
from dlcore.transfer.http import proxies
from dlcore.transfer.http.handshake import MAX_STEPS
from dlcore.transfer.http.readers import read_document
from dlcore.transfer.http.security_contexts import (
    AccountPassword,
    ContextError,
    SecurityContext,
)
from dlcore.transfer.policy import TransferPolicy
from tests.transfer.access import read
from tests.transfer.access_servers import GuardedServer, guarded
from tests.transfer.windows_auth import (
    ToyContexts,
    binding_of,
    toy_guard,
)
from tests.transfer.windows_site import LENGTH, PASSWORD, site


async def test_a_connection_is_logged_in_once(tmp_path: Path) -> None:
    async with site(toy_guard(anna=PASSWORD), tmp_path) as server:
        keyring = server.keyring()
        for _ in range(3):
            assert await server.read(keyring=keyring) == b"b" * LENGTH
        assert server.guard.statuses == [401, 401, 206, 206, 206]
        assert server.guard.seen == 1


async def test_many_small_files_cost_one_handshake_for_each_connection(tmp_path: Path) -> None:
    """Fault: requests wait for connections while others log in. dlcore mixes up none of them."""
    async with site(toy_guard(anna=PASSWORD), tmp_path) as server:
        bodies = await server.read_all([f"/{number}" for number in range(300)])
        assert set(bodies) == {b"b" * LENGTH}
        assert server.guard.seen <= 8
        assert len(server.guard.shown) == server.guard.seen
        assert len(server.guard.statuses) == 300 + 2 * server.guard.seen


async def test_a_listing_goes_over_the_same_connection(tmp_path: Path) -> None:
    async with site(toy_guard(anna=PASSWORD), tmp_path) as server:
        client = server.keyring().client("dp", server.pool)
        for _ in range(2):
            await read_document(client, f"{server.url}/d", LENGTH, method="PROPFIND")
        assert server.guard.statuses == [401, 401, 200, 200]


async def test_no_other_user_gets_a_connection(tmp_path: Path) -> None:
    """Fault: two users share a pool. dlcore hands neither a connection of the other."""
    guard = toy_guard(anna=PASSWORD, bert=PASSWORD)
    async with site(guard, tmp_path) as server:
        anna, bert = server.keyring(), server.keyring("bert")
        for _ in range(3):
            await asyncio.gather(server.read("/anna", anna), server.read("/bert", bert))
        nobody = Keyring().client("dp", server.pool)
        with pytest.raises(AuthError):
            await read_document(nobody, f"{server.url}/nobody", LENGTH)
        assert set(guard.users) == {("/anna", "anna"), ("/bert", "bert")}


async def test_a_wrong_password_is_shown_once(tmp_path: Path) -> None:
    """Fault: a password is wrong, and many requests wait. dlcore shows it once, so that the
    account is not locked.
    """
    async with site(toy_guard(anna="another"), tmp_path) as server:
        keyring = server.keyring()
        reads = [server.read(f"/{number}", keyring) for number in range(20)]
        errors = await asyncio.gather(*reads, return_exceptions=True)
        assert {type(error) for error in errors} == {AuthError}
        error = await server.refusal(keyring)
        assert len(server.guard.shown) == 1
        assert error.exit_status == 5
        assert "dp: GET" in str(error)
        assert "anna" in str(error)
        assert "password" in error.remedy


async def test_a_wrong_password_that_is_refused_with_a_token_is_shown_once(tmp_path: Path) -> None:
    """Fault: a server refuses a login with a token of its own, as SPNEGO does. dlcore takes it for
    what it is, and does not show the password again.
    """
    async with site(toy_guard(anna="another"), tmp_path) as server:
        server.guard.refusing_token = bytes.fromhex("a1073005a0030a0102")  # NegTokenResp, reject
        keyring = server.keyring()
        errors = [await server.refusal(keyring) for _ in range(3)]
        assert len(server.guard.shown) == 1
        assert all("does not accept the user anna" in str(error) for error in errors)


@pytest.mark.wine_cannot(reason="leaves a server's socket open when its client breaks off")
async def test_a_wrong_password_is_not_shown_by_each_request_that_is_given_up(
    tmp_path: Path,
) -> None:
    """Fault: requests are given up while the server asks the domain. dlcore shows the password
    twice at most.
    """
    async with site(toy_guard(anna="another"), tmp_path) as server:
        server.guard.hangs_at_proof = True
        keyring = server.keyring()
        for number in range(1, 3):
            reading = asyncio.ensure_future(server.read(keyring=keyring))
            async with asyncio.timeout(10):
                while len(server.guard.shown) < number:  # noqa: ASYNC110  # nothing tells it
                    await asyncio.sleep(0)
            reading.cancel()
            await asyncio.wait([reading])
        assert (await server.refusal(keyring)).fault is Fault.AUTH
        assert len(server.guard.shown) == 2


async def test_a_busy_server_has_accepted_nobody(tmp_path: Path) -> None:
    """Fault: a server is too busy to look at a login. dlcore shows the account on one connection
    afterwards, and not on all.
    """
    async with site(toy_guard(anna="another"), tmp_path) as server:
        server.guard.busy = 1
        keyring = server.keyring()
        await server.refusal(keyring)
        reads = [server.read(f"/{number}", keyring) for number in range(20)]
        await asyncio.gather(*reads, return_exceptions=True)
        assert len(server.guard.shown) == 1


async def test_a_corrected_password_is_tried(tmp_path: Path) -> None:
    async with site(toy_guard(anna="another"), tmp_path) as server:
        keyring = server.keyring()
        await server.refusal(keyring)
        server.change_password("another")
        assert await server.read(keyring=keyring)
        assert len(server.guard.shown) == 2


async def test_the_user_may_stand_in_the_url(tmp_path: Path) -> None:
    async with site(toy_guard(anna=PASSWORD), tmp_path) as server:
        web_access = WebAccess(
            authentication=Authentication.NTLM, password_file=server.password_file
        )
        users = users_of({server.url: "anna"})
        make = server.contexts.make
        keyring = Keyring(web_access, server.url, users=users, make_context=make)
        await server.read(keyring=keyring)
        assert server.guard.users == [("/o", "anna")]


async def test_the_login_of_the_process_comes_first(tmp_path: Path) -> None:
    async with site(toy_guard(robot="r", anna=PASSWORD), tmp_path) as server:
        server.contexts.own = AccountPassword("robot", "r")
        await server.read()
        assert server.guard.users == [("/o", "robot")]


async def test_the_named_account_comes_next(tmp_path: Path) -> None:
    """Fault: a server does not accept the machine's own login. dlcore shows the named account."""
    async with site(toy_guard(anna=PASSWORD), tmp_path) as server:
        server.contexts.own = AccountPassword("robot", "r")
        keyring = server.keyring()
        await server.read_all(["/a", "/b"], keyring)
        assert {user for _, user in server.guard.users} == {"anna"}
        assert [who for who in server.contexts.made if who is None] == [None]


async def test_nobody_to_log_in_is_said(tmp_path: Path) -> None:
    async with site(toy_guard(anna=PASSWORD), tmp_path) as server:
        error = await server.refusal(server.keyring(user=""))
        assert isinstance(error, AuthError)
        assert "no ticket" in str(error)
        assert "user and password_file" in error.remedy


async def test_a_server_that_offers_only_basic_is_shown_nothing(tmp_path: Path) -> None:
    """Fault: a server asks for the password itself. dlcore keeps it, and says what is offered."""
    async with site(toy_guard(anna=PASSWORD), tmp_path) as server:
        server.guard.schemes = ('Basic realm="Negotiate, NTLM"',)
        error = await server.refusal()
        assert isinstance(error, AuthError)
        assert "offers Basic, and not Negotiate or NTLM" in str(error)
        assert server.guard.received == []


async def test_ntlm_alone_leaves_negotiate(tmp_path: Path) -> None:
    async with site(toy_guard(anna=PASSWORD), tmp_path) as server:
        await server.read(keyring=server.keyring(authentication=Authentication.NTLM))
        assert {text.split(" ")[0] for text in server.guard.received} == {"NTLM"}


@pytest.mark.parametrize("drops", ["first", "second"])
async def test_a_connection_that_breaks_in_the_handshake(drops: str, tmp_path: Path) -> None:
    """Fault: a server breaks the connection in the middle of a login. dlcore sends no part of it
    over another one, and stops after two attempts.
    """
    async with site(toy_guard(anna=PASSWORD), tmp_path) as server:
        server.guard.drops = drops  # type: ignore[assignment]  # one of them
        keyring = server.keyring()
        errors = [await server.refusal(keyring) for _ in range(4)]
        assert errors[0].fault is Fault.CONNECT
        if drops == "second":
            assert "in the middle of the login" in str(errors[0])
            assert len(server.guard.shown) == 2
            assert errors[-1].fault is Fault.AUTH


async def test_a_handshake_ends(tmp_path: Path) -> None:
    """Fault: a server answers each token with a challenge. dlcore gives up after a few."""
    async with site(toy_guard(anna=PASSWORD), tmp_path) as server:
        server.guard.repeats = True
        error = await server.refusal()
        assert isinstance(error, AuthError)
        assert len(server.guard.received) == MAX_STEPS


@pytest.mark.wine_cannot(reason="leaves a server's socket open when its client breaks off")
async def test_a_login_that_hangs_does_not_hold_up_one_request_after_the_other(
    tmp_path: Path,
) -> None:
    """Fault: a server does not answer in the middle of a login. dlcore gives up all that wait."""
    policy = TransferPolicy(stall_s=0.1)
    async with site(toy_guard(anna=PASSWORD), tmp_path, policy=policy) as server:
        server.guard.hangs = True
        keyring = server.keyring()
        reads = [server.read(f"/{number}", keyring) for number in range(20)]
        errors = await asyncio.gather(*reads, return_exceptions=True)
        assert {error.fault for error in errors if isinstance(error, TransferError)} == {
            Fault.STALL
        }
        assert len(server.guard.received) <= 2
        async with asyncio.timeout(10):  # the server's side notices on its own time
            while server.guard.hanging:  # noqa: ASYNC110  # nothing tells it
                await asyncio.sleep(0)


def test_a_domain_controller_that_never_answers_holds_up_no_end(tmp_path: Path) -> None:
    """Fault: the system asks a domain controller for ever. dlcore leaves the thread behind."""
    may_end, ended = threading.Event(), threading.Event()

    class Hanging(ToyContexts):
        def make(self, *_: object) -> SecurityContext:
            may_end.wait(5)
            ended.set()
            raise ContextError("too late")

    async def main() -> TransferError:
        policy = TransferPolicy(stall_s=0.05)
        async with site(toy_guard(anna=PASSWORD), tmp_path, policy=policy) as server:
            server.contexts = Hanging()
            return await server.refusal()

    error = asyncio.run(main())
    assert not ended.is_set()
    may_end.set()
    assert "no domain controller answers in time" in error.message
    assert error.may_pass


@pytest.mark.parametrize("told", ["", "false"])
async def test_a_server_that_wants_a_login_for_each_request(told: str, tmp_path: Path) -> None:
    """Fault: a login counts for one request only. dlcore sends the first token along with each."""
    async with site(toy_guard(anna=PASSWORD), tmp_path) as server:
        server.guard.keeps, server.guard.told = False, told
        keyring = server.keyring()
        for _ in range(4):
            await server.read(keyring=keyring)
        # Unless the server says so, two requests in succession show it.
        with_both = 1 if told else 3
        expected = [*([401, 401, 206] * with_both), *([401, 206] * (4 - with_both))]
        assert server.guard.statuses == expected


async def test_one_login_that_a_server_forgets_changes_nothing(tmp_path: Path) -> None:
    async with site(toy_guard(anna=PASSWORD), tmp_path) as server:
        keyring = server.keyring()
        for _ in range(2):
            await server.read(keyring=keyring)
            for connection in server.guard.connections.values():
                connection.user = ""
            await server.read(keyring=keyring)
            await server.read(keyring=keyring)
        again = [401, 401, 206, 206]
        assert server.guard.statuses == [401, 401, 206, *again, 206, *again]


async def test_a_redirect_elsewhere_gets_no_login(tmp_path: Path) -> None:
    """Fault: a server redirects to another one, which wants a login. dlcore shows it none."""
    other = toy_guard(anna=PASSWORD)
    async with site(toy_guard(anna=PASSWORD), tmp_path) as server, site(other, tmp_path) as far:
        server.redirects["/o"] = f"{far.url}/o"
        assert (await server.refusal()).fault is Fault.AUTH
        assert other.received == []
        assert server.guard.users


async def test_a_proxy_that_may_mix_up_connections_is_not_logged_in_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: an HTTP proxy sends requests of several clients over one connection. dlcore logs in
    only if the proxy says that it does not.
    """
    monkeypatch.setattr(proxies, "is_direct", lambda scheme, host: False)
    async with site(toy_guard(anna=PASSWORD), tmp_path) as server:
        # The server stands for the proxy as well: it takes whole URLs.
        keyring = server.keyring(proxy=server.url)
        error = await server.refusal(keyring)
        assert "keeps the connections of clients apart" in str(error)
        assert server.guard.received == []
        server.guard.proxy_support = "Session-Based-Authentication"
        assert await server.read(keyring=keyring)


async def test_a_server_that_another_one_names_gets_no_login(tmp_path: Path) -> None:
    """Fault: a foreign list names a URL at the user's server. dlcore does not log in for it."""
    async with site(toy_guard(anna=PASSWORD), tmp_path) as server:
        with pytest.raises(AuthError):
            await read(f"{server.url}/o", server.keyring(), led_by="http://localhost:1/list")
        assert server.guard.received == []


async def test_a_login_is_bound_to_the_tls_connection(
    authority: trustme.CA, tmp_path: Path
) -> None:
    """Fault: somebody stands between client and server. dlcore's login is of no use to him."""
    certificate = authority.issue_cert("localhost")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(tls)
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "server.pem"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    ca_file = str(tmp_path / "ca.pem")
    bound = toy_guard(binding_of(tmp_path / "server.pem"), anna=PASSWORD)
    async with site(bound, tmp_path, tls, ca_file) as server:
        assert await server.read()
    foreign = toy_guard(binding_of(tmp_path / "ca.pem"), anna=PASSWORD)
    async with site(foreign, tmp_path, tls, ca_file) as server:
        assert (await server.refusal()).fault is Fault.AUTH


def test_no_login_without_tls_unless_that_is_wanted() -> None:
    negotiate = WebAccess(authentication=Authentication.NEGOTIATE)
    with pytest.raises(ConfigError, match="without TLS") as caught:
        Keyring(negotiate, "http://dp.example/", name="dp")
    assert "logs_in_without_tls" in caught.value.remedy
    allowed = WebAccess(authentication=Authentication.NEGOTIATE, logs_in_without_tls=True)
    Keyring(allowed, "http://dp.example/", make_context=ToyContexts().make)


async def test_basic_stays_as_it_was(tmp_path: Path) -> None:
    async with guarded() as server:
        assert isinstance(server, GuardedServer)
        keyring = Keyring(WebAccess(), server.url)
        client = keyring.client("web")
        await read_document(client, f"{server.url}/o", 1 << 20)
        await client.aclose()
        assert server.shown("Authorization") == [None]
