"""A certificate of this client opens the server that it is for, and is shown to no other."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from dlcore.errors import AuthError, ConfigError, Fault, TransferError
from dlcore.model import WebAccess
from dlcore.transfer import Keyring
from tests import nginx
from tests.transfer.access import read, secret_file
from tests.transfer.access_servers import BODY, asking_late, guarded, handshaking

LONG_AGO = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


class Pki:
    """Authorities of a server and of clients, as files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.of_clients = trustme.CA()
        self.ca_file = secret_file(folder, "ca.pem", self.authority.cert_pem.bytes().decode())

    def demanding(self, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        """What a server needs that lets in clients with a certificate only."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.maximum_version = version
        context.verify_mode = ssl.CERT_REQUIRED
        self.of_clients.configure_trust(context)
        self.authority.issue_cert("localhost").configure_cert(context)
        return context

    def client(self, issued: trustme.LeafCert, name: str = "client") -> tuple[str, str]:
        chain = "".join(pem.bytes().decode() for pem in issued.cert_chain_pems)
        key = issued.private_key_pem.bytes().decode()
        return (
            secret_file(self.folder, f"{name}.pem", chain),
            secret_file(self.folder, f"{name}.key", key),
        )

    def keyring(self, url: str, **web: str) -> Keyring:
        return Keyring(WebAccess(**web), url, ca_file=self.ca_file)  # type: ignore[arg-type]


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_the_certificate_opens_the_server(pki: Pki, version: ssl.TLSVersion) -> None:
    cert, key = pki.client(pki.of_clients.issue_cert("client"))
    async with guarded(pki.demanding(version)) as server:
        keyring = pki.keyring(server.url, client_cert=cert, client_key=key)
        assert await read(f"{server.url}/o", keyring) == BODY


async def test_certificate_and_key_may_be_in_one_file(pki: Pki) -> None:
    issued = pki.of_clients.issue_cert("client")
    one = secret_file(pki.folder, "one.pem", issued.private_key_and_cert_chain_pem.bytes().decode())
    async with guarded(pki.demanding()) as server:
        assert await read(f"{server.url}/o", pki.keyring(server.url, client_cert=one)) == BODY


@pytest.mark.parametrize("place", ["file", "env"])
async def test_an_encrypted_key_is_opened_by_its_passphrase(
    pki: Pki, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cert, key = encrypted(pki, "open sésame")
    monkeypatch.setenv("KEY_PASSPHRASE", "open sésame")
    told = {
        "file": {
            "client_key_passphrase_file": secret_file(pki.folder, "passphrase", "open sésame\n")
        },
        "env": {"client_key_passphrase_env": "KEY_PASSPHRASE"},
    }[place]
    async with guarded(pki.demanding()) as server:
        keyring = pki.keyring(server.url, client_cert=cert, client_key=key, **told)
        assert await read(f"{server.url}/o", keyring) == BODY


def encrypted(pki: Pki, passphrase: str) -> tuple[str, str]:
    issued = pki.of_clients.issue_cert("client")
    cert, key = pki.client(issued)
    private = load_pem_private_key(issued.private_key_pem.bytes(), None)
    how = BestAvailableEncryption(passphrase.encode())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)
    return cert, secret_file(pki.folder, Path(key).name, pem.decode())


async def refusal(pki: Pki, version: ssl.TLSVersion, **web: str) -> AuthError:
    """Why a server that demands a certificate does not let this client in."""
    with handshaking(pki.demanding(version)) as port:
        url = f"https://localhost:{port}"
        with pytest.raises(AuthError) as caught:
            await read(f"{url}/o", pki.keyring(url, **web))
    return caught.value


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_server_that_demands_a_certificate_is_named_as_such(
    pki: Pki, version: ssl.TLSVersion
) -> None:
    """Fault: a server demands a certificate, and none is named. dlcore says so and how."""
    error = await refusal(pki, version)
    assert error.fault is Fault.AUTH
    assert "demands a client certificate" in error.message
    assert "client_cert" in error.remedy


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_certificate_of_another_authority_is_refused(
    pki: Pki, version: ssl.TLSVersion
) -> None:
    """Fault: the certificate is not one that the server knows. dlcore says so."""
    cert, key = pki.client(trustme.CA().issue_cert("client"))
    error = await refusal(pki, version, client_cert=cert, client_key=key)
    assert "the server does not know the authority that issued the" in error.message


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_an_expired_certificate_is_named_as_such(pki: Pki, version: ssl.TLSVersion) -> None:
    """Fault: the client's certificate has expired. dlcore says so."""
    issued = pki.of_clients.issue_cert("client", not_before=LONG_AGO, not_after=LONG_AGO)
    cert, key = pki.client(issued)
    error = await refusal(pki, version, client_cert=cert, client_key=key)
    assert "has expired" in error.message


@pytest.fixture(scope="module")
def nginx_pki(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pki, str]]:
    """Authorities, and the URL of an nginx that demands a certificate."""
    folder = tmp_path_factory.mktemp("nginx")
    (folder / "root").mkdir()
    (folder / "root" / "o").write_bytes(BODY)
    pki = Pki(folder)
    server = pki.authority.issue_cert("localhost").private_key_and_cert_chain_pem
    server.write_to_path(str(folder / "server.pem"))
    pki.of_clients.cert_pem.write_to_path(str(folder / "clients.pem"))
    certificate, clients = folder / "server.pem", folder / "clients.pem"
    with nginx.running(folder / "root", certificate=certificate, clients=clients) as url:
        yield pki, url


async def test_the_certificate_opens_nginx(nginx_pki: tuple[Pki, str]) -> None:
    pki, url = nginx_pki
    cert, key = pki.client(pki.of_clients.issue_cert("client"))
    keyring = pki.keyring(url, client_cert=cert, client_key=key)
    assert await read(f"{url}/o", keyring) == BODY


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        ("none", "demands a client certificate"),
        ("expired", "does not accept the client certificate"),
        ("of another", "does not accept the client certificate"),
    ],
)
async def test_nginx_says_on_a_page_that_it_does_not_accept_the_certificate(
    shown: str, told: str, nginx_pki: tuple[Pki, str]
) -> None:
    """Fault: nginx answers 400 to a client whose certificate it does not accept. dlcore says so,
    and ends with the status of logins.
    """
    pki, url = nginx_pki
    web = {}
    if shown != "none":
        authority = pki.of_clients if shown == "expired" else trustme.CA()
        ends = LONG_AGO if shown == "expired" else None
        cert, key = pki.client(authority.issue_cert("client", not_before=ends, not_after=ends))
        web = {"client_cert": cert, "client_key": key}
    with pytest.raises(AuthError) as caught:
        await read(f"{url}/o", pki.keyring(url, **web))
    assert told in caught.value.message
    assert "client_cert" in caught.value.remedy
    assert caught.value.exit_status == 5


async def test_a_server_may_ask_for_the_certificate_when_it_has_read_the_request(pki: Pki) -> None:
    """Fault: IIS asks for a certificate only when it knows the path, which TLS 1.3 allows to those
    who have offered that. dlcore shows it.
    """
    cert, key = pki.client(pki.of_clients.issue_cert("client"))
    context = pki.demanding()
    context.post_handshake_auth = True
    with asking_late(context) as port:
        url = f"https://localhost:{port}"
        keyring = pki.keyring(url, client_cert=cert, client_key=key)
        assert await read(f"{url}/o", keyring) == BODY


async def test_the_certificate_is_not_shown_to_the_target_of_a_redirect(pki: Pki) -> None:
    cert, key = pki.client(pki.of_clients.issue_cert("client"))
    with handshaking(pki.demanding()) as other:
        async with guarded(pki.demanding()) as server:
            server.redirects["/o"] = f"https://localhost:{other}/o"
            keyring = pki.keyring(server.url, client_cert=cert, client_key=key)
            with pytest.raises(AuthError) as caught:
                await read(f"{server.url}/o", keyring)
            assert len(server.requests) == 1
    assert "demands a client certificate" in caught.value.message


class TestFilesThatCannotBeUsed:
    def refused(self, pki: Pki, **web: str) -> ConfigError:
        with pytest.raises(ConfigError) as caught:
            pki.keyring("https://localhost", **web).client("edge")
        assert caught.value.remedy
        return caught.value

    def test_the_key_of_another_certificate(self, pki: Pki) -> None:
        cert, _ = pki.client(pki.of_clients.issue_cert("client"))
        _, key = pki.client(pki.of_clients.issue_cert("client"), "other")
        error = self.refused(pki, client_cert=cert, client_key=key)
        assert f"client_key {key} is not the key of client_cert {cert}" in error.message

    def test_an_encrypted_key_without_a_passphrase(self, pki: Pki) -> None:
        """Fault: OpenSSL asks the terminal for a passphrase. dlcore asks nobody and says why."""
        cert, key = encrypted(pki, "canary")
        error = self.refused(pki, client_cert=cert, client_key=key)
        assert "is encrypted, and no passphrase is named" in error.message

    def test_another_passphrase(self, pki: Pki) -> None:
        cert, key = encrypted(pki, "other")
        wrong = secret_file(pki.folder, "wrong", "canary")
        error = self.refused(
            pki, client_cert=cert, client_key=key, client_key_passphrase_file=wrong
        )
        assert "cannot be decrypted" in error.message
        assert "canary" not in f"{error!r}{error.remedy}"

    def test_what_is_no_certificate(self, pki: Pki) -> None:
        text = secret_file(pki.folder, "text", "hello")
        error = self.refused(pki, client_cert=text)
        assert "not a certificate and its key" in error.message

    def test_a_file_that_does_not_exist(self, pki: Pki) -> None:
        error = self.refused(pki, client_cert=str(pki.folder / "none"))
        assert "cannot be read" in error.message

    def test_a_key_without_a_certificate(self, pki: Pki) -> None:
        assert "no client_cert" in self.refused(pki, client_key="key").message

    @pytest.mark.posix_only(reason="sets a mode")
    def test_a_key_that_others_can_read(self, pki: Pki) -> None:
        cert, key = pki.client(pki.of_clients.issue_cert("client"))
        Path(key).chmod(0o644)
        error = self.refused(pki, client_cert=cert, client_key=key)
        assert "open to other users" in error.message


@pytest.mark.parametrize("is_redirect", [True, False])
async def test_another_server_leads_nobody_there_with_the_certificate(
    pki: Pki, *, is_redirect: bool
) -> None:
    """Fault: a server redirects to, or names a mirror at, the server that this client has a
    certificate for. What it names is not asked for with the certificate.
    """
    cert, key = pki.client(pki.of_clients.issue_cert("client"))
    async with guarded(pki.demanding()) as own, guarded() as stranger:
        keyring = pki.keyring(own.url, client_cert=cert, client_key=key)
        stranger.redirects["/o"] = f"{own.url}/delete"
        at, led_by = (stranger.url, "") if is_redirect else (own.url, stranger.url)
        with pytest.raises(TransferError):
            await read(f"{at}/o", keyring, led_by=led_by)
        assert own.requests == []
        assert await read(f"{own.url}/o", keyring) == BODY
