"""Every wrong answer to a range is the right fault, and never a wrong byte."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import trustme

from dlcore.errors import AuthError, Fault, TlsError, TransferError
from dlcore.transfer.http_client import HttpClient
from dlcore.transfer.intake import Intake
from dlcore.transfer.range_reader import read_range
from dlcore.transfer.tls import _system_context
from tests.transfer.clock import Clock
from tests.transfer.hostile import CLOSE, HANG, RESET, Hostile, Script, hostile
from tests.transfer.sinks import Collector

pytestmark = pytest.mark.usefixtures("path")

TOTAL = 1000
START, END = 100, 150
CONTENT = bytes(i % 251 for i in range(TOTAL))
ASKED = CONTENT[START:END]
RIGHT = "bytes 100-149/1000"


def partial(
    content_range: str = RIGHT, body: bytes = ASKED, *, end: str = CLOSE, **more: str
) -> Script:
    """A 206 with a Content-Length that fits the body, unless another is given."""
    headers = {"Content_Range": content_range, "Content_Length": str(len(body)), **more}
    return Script.answer("206 Partial Content", body, end=end, **headers)


def endless(body: bytes, *, end: str = CLOSE) -> Script:
    """A 206 that only the end of the connection delimits."""
    return Script.answer("206 Partial Content", body, end=end, Content_Range=RIGHT)


def status(line: str, body: bytes = b"no", **headers: str) -> Script:
    return Script.answer(line, body, Content_Length=str(len(body)), **headers)


FAULTS: dict[str, tuple[Script, Fault]] = {
    "truncated by length": (partial(body=ASKED[:20], Content_Length="50"), Fault.TRUNCATED),
    "truncated at once": (partial(body=b"", Content_Length="50"), Fault.TRUNCATED),
    "truncated without length": (endless(ASKED[:20]), Fault.TRUNCATED),
    "truncated in a chunk": (
        Script.answer(
            "206 Partial Content",
            b"32\r\n" + ASKED[:9],
            Content_Range=RIGHT,
            Transfer_Encoding="chunked",
        ),
        Fault.TRUNCATED,
    ),
    "reset in the body": (
        partial(body=ASKED[:20], end=RESET, Content_Length="50"),
        Fault.TRUNCATED,
    ),
    "surplus without length": (endless(CONTENT[START:]), Fault.RANGE),
    "surplus by length": (partial(body=CONTENT[START:]), Fault.RANGE),
    "short by length": (partial(body=ASKED[:-1]), Fault.RANGE),
    "whole in place of range": (status("200 OK", CONTENT), Fault.REFUSED),
    "range in a 200": (status("200 OK", ASKED, Content_Range=RIGHT), Fault.REFUSED),
    "web page": (status("200 OK", b"<html>", Content_Type="text/html"), Fault.REFUSED),
    "other start": (partial("bytes 99-148/1000"), Fault.RANGE),
    "other end": (partial("bytes 100-150/1000"), Fault.RANGE),
    "shortened": (partial("bytes 100-148/1000", ASKED[:-1]), Fault.RANGE),
    "other total": (partial("bytes 100-149/1001"), Fault.RANGE),
    "unknown total": (partial("bytes 100-149/*"), Fault.RANGE),
    "unsatisfied range": (partial("bytes */1000"), Fault.RANGE),
    "no range": (
        Script.answer("206 Partial Content", ASKED, Content_Length="50"),
        Fault.RANGE,
    ),
    "two ranges": (
        Script(
            [
                b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 100-149/1000\r\n"
                b"Content-Range: bytes 100-149/1000\r\nContent-Length: 50\r\n\r\n" + ASKED
            ]
        ),
        Fault.RANGE,
    ),
    "overflowing range": (
        partial("bytes 0-18446744073709551616/18446744073709551617"),
        Fault.RANGE,
    ),
    "negative range": (partial("bytes -100-149/1000"), Fault.RANGE),
    "other digits": (partial("bytes \xb9\xb0\xb0-149/1000"), Fault.RANGE),
    "other unit": (partial("lines 100-149/1000"), Fault.RANGE),
    "garbage range": (partial("garbage"), Fault.RANGE),
    "multipart": (partial(Content_Type="multipart/byteranges; boundary=x"), Fault.REFUSED),
    "compressed": (partial(Content_Encoding="gzip"), Fault.REFUSED),
    "doubly compressed": (partial(Content_Encoding="identity, br"), Fault.REFUSED),
    "redirect": (status("302 Found", Location="http://elsewhere/?sig=s"), Fault.REFUSED),
    "permanent redirect": (status("308 Moved", Location="/there"), Fault.REFUSED),
    "login page": (status("511 Network Authentication Required"), Fault.REFUSED),
    "no content": (Script.answer("204 No Content"), Fault.REFUSED),
    "not modified": (Script.answer("304 Not Modified"), Fault.REFUSED),
    "bad request": (status("400 Bad Request"), Fault.REFUSED),
    "conflict": (status("409 Conflict"), Fault.REFUSED),
    "not satisfiable": (status("416 No", Content_Range="bytes */90"), Fault.RANGE),
    "unauthorized": (status("401 Unauthorized"), Fault.AUTH),
    "forbidden": (status("403 Forbidden"), Fault.AUTH),
    "not found": (status("404 Not Found"), Fault.NOT_FOUND),
    "gone": (status("410 Gone"), Fault.NOT_FOUND),
    "timed out": (status("408 Request Timeout"), Fault.SERVER),
    "too many": (status("429 Too Many Requests"), Fault.BUSY),
    "internal": (status("500 Internal Server Error"), Fault.SERVER),
    "not implemented": (status("501 Not Implemented"), Fault.REFUSED),
    "bad gateway": (status("502 Bad Gateway"), Fault.SERVER),
    "unavailable": (status("503 Service Unavailable"), Fault.BUSY),
    "gateway timeout": (status("504 Gateway Timeout"), Fault.SERVER),
    "status 999": (status("999 Whatever"), Fault.REFUSED),
    "header bomb": (
        partial(RIGHT, ASKED, end=CLOSE, **{f"X_{i}": "x" for i in range(5000)}),
        Fault.REFUSED,
    ),
    "long header": (partial(X_Long="x" * 100_000), Fault.REFUSED),
    "two lengths": (
        Script(
            [
                b"HTTP/1.1 206 P\r\nContent-Range: bytes 100-149/1000\r\n"
                b"Content-Length: 50\r\nContent-Length: 51\r\n\r\n" + ASKED
            ]
        ),
        Fault.REFUSED,
    ),
    "negative length": (partial(Content_Length="-50"), Fault.REFUSED),
    "not HTTP": (Script([b"SSH-2.0-OpenSSH_9.9\r\n\r\n"]), Fault.REFUSED),
    "silence": (Script([]), Fault.CONNECT),
    "half a header": (Script([b"HTTP/1.1 206 Par"]), Fault.CONNECT),
    "reset at once": (Script([], RESET), Fault.CONNECT),
    "stall before the headers": (Script([b"HTTP/1.1 206"], HANG), Fault.STALL),
    "stall before the body": (partial(body=b"", end=HANG, Content_Length="50"), Fault.STALL),
    "stall in the body": (partial(body=ASKED[:7], end=HANG, Content_Length="50"), Fault.STALL),
}


async def fetch(
    server: Hostile,
    sink: Collector,
    span: tuple[int, int] = (START, END),
    *,
    ca_file: str = "",
    url: str = "",
    stall_s: float = 5,
) -> None:
    client = HttpClient("edge", ca_file=ca_file, stall_s=stall_s)
    try:
        target = url or f"{server.url}/object?sig=canary"
        await read_range(client, target, span, TOTAL, Intake(sink))
    finally:
        await client.aclose()


async def fault_of(script: Script, sink: Collector, *, stall_s: float = 5) -> TransferError:
    async with hostile(script) as server:
        with pytest.raises(TransferError) as caught:
            await fetch(server, sink, stall_s=stall_s)
    return caught.value


@pytest.mark.parametrize("name", FAULTS)
async def test_a_wrong_answer_is_its_fault_and_never_a_wrong_byte(name: str) -> None:
    script, fault = FAULTS[name]
    sink = Collector(END - START, buffer_bytes=16)
    error = await fault_of(script, sink, stall_s=0.05 if script.end == HANG else 5)
    assert error.fault is fault, error
    assert error.endpoint == "edge"
    assert sink.received == ASKED[: sink.filled_bytes]
    if not any(word in name for word in ("truncated", "surplus without", "reset", "stall")):
        assert sink.filled_bytes == 0


@pytest.mark.parametrize(
    "script",
    [
        partial(),
        partial(end=HANG),
        partial(Content_Encoding="identity"),
        partial("Bytes 100-149/1000"),
        endless(ASKED),
        Script.answer(
            "206 Partial Content",
            b"14\r\n" + ASKED[:20] + b"\r\n1e\r\n" + ASKED[20:] + b"\r\n0\r\n\r\n",
            Content_Range=RIGHT,
            Transfer_Encoding="chunked",
        ),
    ],
    ids=["plain", "keepalive", "identity", "unit in capitals", "until the end", "chunked"],
)
async def test_a_right_answer_in_another_form_is_accepted(script: Script) -> None:
    sink = Collector(END - START, buffer_bytes=16)
    async with hostile(script) as server:
        await fetch(server, sink)
    assert sink.received == ASKED


async def test_a_200_with_the_whole_object_answers_the_range_that_is_the_whole() -> None:
    sink = Collector(TOTAL)
    async with hostile(status("200 OK", CONTENT)) as server:
        await fetch(server, sink, (0, TOTAL))
    assert sink.received == CONTENT


@pytest.mark.parametrize("length", [str(TOTAL - 1), str(TOTAL + 1)])
async def test_a_200_of_another_length_is_not_the_object(length: str) -> None:
    sink = Collector(TOTAL)
    script = Script.answer("200 OK", CONTENT[: int(length)], Content_Length=length)
    async with hostile(script) as server:
        with pytest.raises(TransferError) as caught:
            await fetch(server, sink, (0, TOTAL))
    assert caught.value.fault is Fault.RANGE
    assert sink.filled_bytes == 0


async def test_a_200_as_long_as_the_range_is_not_the_object_it_begins() -> None:
    sink = Collector(END)
    async with hostile(status("200 OK", CONTENT[:END])) as server:
        with pytest.raises(TransferError) as caught:
            await fetch(server, sink, (0, END))
    assert caught.value.fault is Fault.REFUSED
    assert sink.filled_bytes == 0


async def test_a_200_without_a_length_is_not_trusted_to_be_whole() -> None:
    sink = Collector(TOTAL)
    async with hostile(Script.answer("200 OK", CONTENT)) as server:
        with pytest.raises(TransferError) as caught:
            await fetch(server, sink, (0, TOTAL))
    assert caught.value.fault is Fault.REFUSED
    assert sink.filled_bytes == 0


async def test_nobody_listening_is_a_connect_fault() -> None:
    async with hostile(Script([])) as server:
        url = f"{server.url}/object"
    with pytest.raises(TransferError, match=r"edge: GET .*Connect call failed") as caught:
        await fetch(server, Collector(50), url=url)
    assert caught.value.fault is Fault.CONNECT


async def test_a_name_that_does_not_resolve_is_a_connect_fault() -> None:
    with pytest.raises(TransferError) as caught:
        await fetch(Hostile([]), Collector(50), url="https://host.invalid/object")
    assert caught.value.fault is Fault.CONNECT


@pytest.mark.parametrize(
    "url",
    ["http://localhost/a\r\nX: y", "ftp://localhost/a", "http://u:p@localhost/", "/a", "http://"],
)
async def test_a_url_that_cannot_be_sent_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(TransferError) as caught:
        await fetch(Hostile([]), Collector(50), url=url)
    assert caught.value.fault is Fault.REFUSED


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("99999999999", 300.0), ("soon", None), ("-5", None)]
)
@pytest.mark.parametrize("line", ["429 Too Many Requests", "503 Service Unavailable"])
async def test_retry_after_in_seconds_comes_with_the_error(
    line: str, header: str, seconds: float | None
) -> None:
    error = await fault_of(status(line, Retry_After=header), Collector(50))
    assert (error.fault, error.retry_after_s) == (Fault.BUSY, seconds)


@pytest.mark.parametrize(("offset_s", "seconds"), [(42, 42.0), (-600, 0.0), (86_400, 300.0)])
async def test_retry_after_as_a_date_is_counted_on_the_servers_clock(
    offset_s: int, seconds: float
) -> None:
    theirs = datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC)
    until = theirs + timedelta(seconds=offset_s)
    script = status(
        "503 Busy",
        Date=format_datetime(theirs, usegmt=True),
        Retry_After=format_datetime(until, usegmt=True),
    )
    assert (await fault_of(script, Collector(50))).retry_after_s == seconds


@pytest.mark.parametrize("name", ["redirect", "web page", "login page"])
async def test_a_captive_portal_is_called_by_its_name(name: str) -> None:
    error = await fault_of(FAULTS[name][0], Collector(50))
    assert "captive portal?" in error.message
    assert error.remedy


async def test_the_connection_of_a_refused_request_is_used_again() -> None:
    async with hostile(
        Script([b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno"], HANG)
    ) as server:
        client = HttpClient("edge", stall_s=0.05)
        for _ in range(2):
            with pytest.raises(TransferError):
                await read_range(client, f"{server.url}/o", (0, 1), 9, Intake(Collector(1)))
        await client.aclose()
    assert len(server.requests) == 1  # the second request went down the same connection


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


class TestTls:
    """Certificates that do not prove what they must."""

    @pytest.fixture
    def ca_file(self, authority: trustme.CA, tmp_path: Path) -> str:
        path = tmp_path / "ca.pem"
        authority.cert_pem.write_to_path(str(path))
        return str(path)

    async def error(self, certificate: trustme.LeafCert, ca_file: str) -> TransferError:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(context)
        sink = Collector(END - START)
        async with hostile(partial(), tls=context) as server:
            with pytest.raises(TransferError) as caught:
                await fetch(server, sink, ca_file=ca_file)
            assert server.requests == []
        return caught.value

    async def test_a_named_authority_is_trusted(self, authority: trustme.CA, ca_file: str) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost").configure_cert(context)
        sink = Collector(END - START)
        async with hostile(partial(), tls=context) as server:
            await fetch(server, sink, ca_file=ca_file)
        assert sink.received == ASKED

    async def test_the_systems_store_is_trusted(
        self, authority: trustme.CA, ca_file: str, monkeypatch: pytest.MonkeyPatch
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

    def test_a_python_that_knows_no_store_finds_the_distributions(
        self, tmp_path: Path, ca_file: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
            monkeypatch.setenv(variable, str(tmp_path / "nothing"))
        monkeypatch.setattr("dlcore.transfer.tls._BUNDLES", (tmp_path / "none", Path(ca_file)))
        _system_context.cache_clear()
        found = _system_context().get_ca_certs(binary_form=True)
        _system_context.cache_clear()
        assert found == [ssl.PEM_cert_to_DER_cert(Path(ca_file).read_text(encoding="ascii"))]

    async def test_an_unknown_authority_is_a_tls_error(self, ca_file: str) -> None:
        error = await self.error(trustme.CA().issue_cert("localhost"), ca_file)
        assert isinstance(error, TlsError)
        assert error.fault is Fault.TLS

    async def test_the_system_does_not_trust_a_private_authority(
        self, authority: trustme.CA
    ) -> None:
        assert isinstance(await self.error(authority.issue_cert("localhost"), ""), TlsError)

    async def test_another_hosts_certificate_is_a_tls_error(
        self, authority: trustme.CA, ca_file: str
    ) -> None:
        error = await self.error(authority.issue_cert("elsewhere.example"), ca_file)
        assert isinstance(error, TlsError)
        assert "localhost" in error.message

    async def test_an_expired_certificate_is_a_tls_error(
        self, authority: trustme.CA, ca_file: str
    ) -> None:
        past = datetime(2020, 1, 1, tzinfo=UTC)
        expired = authority.issue_cert("localhost", not_before=past, not_after=past + timedelta(1))
        error = await self.error(expired, ca_file)
        assert isinstance(error, TlsError)
        assert "expired" in error.message

    async def test_plain_http_at_an_https_url_is_a_tls_error(self, nginx_url: str) -> None:
        with pytest.raises(TlsError):
            await fetch(Hostile([]), Collector(50), url=nginx_url.replace("http:", "https:"))


async def test_a_rejection_says_what_to_check() -> None:
    error = await fault_of(
        status("403 Forbidden", x_ms_error_code="AuthenticationFailed"), Collector(50)
    )
    assert isinstance(error, AuthError)
    assert "403 AuthenticationFailed" in error.message
    assert error.remedy


async def test_a_slow_disk_is_not_taken_for_a_stalled_endpoint(clock: Clock) -> None:
    gate = asyncio.Event()
    sink = Collector(END - START, buffer_bytes=10, gate=gate)
    head = partial(body=b"", Content_Length="50").said
    async with hostile(Script([*head, ASKED[:20], gate, ASKED[20:]])) as server:
        reading = asyncio.ensure_future(fetch(server, sink, stall_s=5))
        await sink.waiting.wait()
        for _ in range(3):
            clock.pass_by(5)
        gate.set()
        await reading
    assert sink.received == ASKED
