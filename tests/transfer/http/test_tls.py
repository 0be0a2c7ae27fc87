"""A certificate proves the host, or no request is sent."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from dlcore.errors import Fault, TlsError, TransferError
from dlcore.transfer.http.tls import _system_context, authorities
from tests.transfer.hostile import Hostile, hostile
from tests.transfer.responses import ASKED, END, START, fetch, partial
from tests.transfer.sinks import Collector

pytestmark = pytest.mark.usefixtures("path")


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


async def tls_error(certificate: trustme.LeafCert, ca_file: str) -> TransferError:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    sink = Collector(END - START)
    async with hostile(partial(), tls=context) as server:
        with pytest.raises(TransferError) as caught:
            await fetch(server, sink, ca_file=ca_file)
        assert server.requests == []
    return caught.value


async def test_a_named_authority_is_trusted(authority: trustme.CA, ca_file: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    sink = Collector(END - START)
    async with hostile(partial(), tls=context) as server:
        await fetch(server, sink, ca_file=ca_file)
    assert sink.received == ASKED


async def test_the_systems_store_is_trusted(
    authority: trustme.CA, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)  # where OpenSSL looks for that store
    _system_context.cache_clear()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    sink = Collector(END - START)
    async with hostile(partial(), tls=context) as server:
        await fetch(server, sink)
    _system_context.cache_clear()
    assert sink.received == ASKED


@pytest.mark.posix_only(reason="Windows itself has the store")
def test_a_python_that_knows_no_store_finds_the_distributions(
    tmp_path: Path, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / "nothing"))
    monkeypatch.setattr("dlcore.transfer.http.tls._BUNDLES", (tmp_path / "none", Path(ca_file)))
    _system_context.cache_clear()
    found = _system_context().get_ca_certs(binary_form=True)
    _system_context.cache_clear()
    assert found == [ssl.PEM_cert_to_DER_cert(Path(ca_file).read_text(encoding="ascii"))]


async def test_an_unknown_authority_is_a_tls_error(ca_file: str) -> None:
    """Fault N7: nobody trusted has signed a certificate. dlcore refuses the endpoint."""
    error = await tls_error(trustme.CA().issue_cert("localhost"), ca_file)
    assert isinstance(error, TlsError)
    assert error.fault is Fault.TLS
    assert "the certificate was not accepted" in error.message


@pytest.mark.wine_cannot(reason="trusts every certificate")
async def test_the_system_does_not_trust_a_private_authority(authority: trustme.CA) -> None:
    assert isinstance(await tls_error(authority.issue_cert("localhost"), ""), TlsError)


async def test_another_hosts_certificate_is_a_tls_error(
    authority: trustme.CA, ca_file: str
) -> None:
    """Fault N7: a certificate is another host's. dlcore refuses the endpoint."""
    error = await tls_error(authority.issue_cert("elsewhere.example"), ca_file)
    assert isinstance(error, TlsError)
    assert "localhost" in error.message
    assert error.remedy.startswith("Name the server as its certificate does")


async def test_an_expired_certificate_is_a_tls_error(authority: trustme.CA, ca_file: str) -> None:
    """Fault N7: a certificate has expired. dlcore refuses the endpoint."""
    past = datetime(2020, 1, 1, tzinfo=UTC)
    expired = authority.issue_cert("localhost", not_before=past, not_after=past + timedelta(1))
    error = await tls_error(expired, ca_file)
    assert isinstance(error, TlsError)
    assert "expired" in error.message
    assert "clock" in error.remedy


async def test_the_remedy_for_a_certificate_that_is_not_valid_yet_is_the_clock(
    authority: trustme.CA, ca_file: str
) -> None:
    """Fault C2: a certificate is not valid yet by this machine's clock. dlcore refuses it, and says
    what time this clock shows.
    """
    coming = datetime.now(UTC) + timedelta(1)
    early = authority.issue_cert("localhost", not_before=coming, not_after=coming + timedelta(1))
    error = await tls_error(early, ca_file)
    assert isinstance(error, TlsError)
    assert "not yet valid" in error.message
    assert error.remedy.startswith("This machine's clock says 20")


async def test_the_remedy_for_an_unknown_authority_is_to_name_it(ca_file: str) -> None:
    error = await tls_error(trustme.CA().issue_cert("localhost"), ca_file)
    assert "name it with --ca-file (ca_file in a deployment file)" in error.remedy


async def test_plain_http_at_an_https_url_is_a_tls_error(nginx_url: str) -> None:
    """Fault N7: a server speaks plain HTTP at an https URL. dlcore refuses it and does not fall
    back.
    """
    with pytest.raises(TlsError) as refused:
        await fetch(Hostile([]), Collector(50), url=nginx_url.replace("http:", "https:"))
    assert "no TLS connection" in refused.value.message
    assert "certificate" not in refused.value.message


@pytest.mark.posix_only(reason="Windows itself checks certificates")
def test_it_is_told_where_the_authorities_are(
    ca_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)
    assert authorities() == ca_file
    folder = tmp_path / "authorities"
    folder.mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing"))
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    assert authorities() == ""
    (folder / "one.pem").touch()
    assert authorities() == str(folder)
