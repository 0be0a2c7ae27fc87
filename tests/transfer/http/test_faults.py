"""Every wrong response to a range request gives the right fault, and never a wrong byte."""

from __future__ import annotations

import errno
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from dlcore.errors import AuthError, Fault, TransferError
from dlcore.transfer.http.faults import error_of_exception, error_of_status
from tests.transfer.hostile import HANG, Hostile, Script, hostile
from tests.transfer.responses import ASKED, END, FAULTS, START, fault_of, fetch, status
from tests.transfer.sinks import Collector

pytestmark = pytest.mark.usefixtures("path")


@pytest.mark.parametrize("name", FAULTS)
async def test_a_wrong_response_is_its_fault_and_never_a_wrong_byte(name: str) -> None:
    """Fault H1, H2, H3, H4, H5, H6, H7, H8, H9, H11, H12, H13, H15, H16, H18, H19, N3, N4, N9: a
    response is not exactly what was asked for. dlcore names the kind of fault and writes no byte
    outside the range.
    """
    script, fault = FAULTS[name]
    sink = Collector(END - START, buffer_bytes=16)
    error = await fault_of(script, sink, stall_s=0.05 if script.end == HANG else 5)
    assert error.fault is fault, error
    assert error.endpoint == "edge"
    assert sink.received == ASKED[: sink.filled_bytes]
    if not any(word in name for word in ("truncated", "surplus without", "reset", "stall")):
        assert sink.filled_bytes == 0


async def test_a_closed_port_is_a_connect_fault() -> None:
    """Fault N1: an endpoint refuses the connection. dlcore calls it a connect fault, and others
    serve.
    """
    async with hostile(Script([])) as server:
        url = f"{server.url}/object"
    with pytest.raises(
        TransferError, match=r"edge: GET .*(Connect call failed|Connection refused)"
    ) as caught:
        await fetch(server, Collector(50), url=url)
    assert caught.value.fault is Fault.CONNECT


async def test_a_name_that_does_not_resolve_is_a_connect_fault() -> None:
    """Fault N2: a name does not resolve. dlcore calls it a connect fault, and others serve."""
    with pytest.raises(TransferError) as caught:
        await fetch(Hostile([]), Collector(50), url="https://host.invalid/object")
    assert caught.value.fault is Fault.CONNECT


@pytest.mark.parametrize(
    "url",
    ["http://localhost/a\r\nX: y", "ftp://localhost/a", "http://u:p@localhost/", "/a", "http://"],
)
async def test_a_url_that_cannot_be_sent_is_refused_before_anything_is_sent(url: str) -> None:
    """Fault H17: a URL holds control characters. dlcore sends nothing."""
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
    """Fault C4: the clock of the client is wrong and the server names a date. dlcore counts on the
    server's clock.
    """
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
    """Fault N8: a captive portal answers in place of the server. dlcore refuses the answer and says
    so.
    """
    error = await fault_of(FAULTS[name][0], Collector(50))
    assert "captive portal?" in error.message
    assert error.remedy


async def test_a_rejection_says_what_to_check() -> None:
    """Fault H14: an endpoint rejects the client. dlcore says what to check."""
    error = await fault_of(
        status("403 Forbidden", x_ms_error_code="AuthenticationFailed"), Collector(50)
    )
    assert isinstance(error, AuthError)
    assert "403 AuthenticationFailed" in error.message
    assert error.remedy


class WindowsSocketError(OSError):
    """An error of a socket as Windows gives it; the number is its own."""

    def __init__(self, code: int) -> None:
        super().__init__(code, "in the language of the system")
        self.winerror = code


BROKEN = {
    "connection reset": (errno.ECONNRESET, 10054),
    "connection aborted": (errno.ECONNABORTED, 10053),
    "timed out": (errno.ETIMEDOUT, 10060),
    "refused": (errno.ECONNREFUSED, 10061),
    "refused, of ConnectEx": (errno.ECONNREFUSED, 1225),
    "network down": (errno.ENETDOWN, 10050),
    "network out of reach": (errno.ENETUNREACH, 10051),
    "network out of reach, of ConnectEx": (errno.ENETUNREACH, 1231),
    "host out of reach": (errno.EHOSTUNREACH, 10065),
    "host out of reach, of ConnectEx": (errno.EHOSTUNREACH, 1232),
    "semaphore timeout": (errno.ETIMEDOUT, 121),
    "name deleted": (errno.ECONNRESET, 64),
    "aborted by the system": (errno.ECONNABORTED, 1236),
    "no buffers": (errno.ENOBUFS, 10055),
    "too many sockets": (errno.EMFILE, 10024),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("has_headers", [False, True])
@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: aiohttp.ClientOSError(*e.args)])
def test_an_error_of_a_socket_means_the_same_on_windows(
    name: str, has_headers: bool, wrap: Callable[[OSError], OSError]
) -> None:
    number, code = BROKEN[name]
    posix, windows = (
        error_of_exception("edge", "GET u", wrap(error), has_headers=has_headers)
        for error in (OSError(number, "in the language of the system"), WindowsSocketError(code))
    )
    assert windows.fault is (Fault.TRUNCATED if has_headers else Fault.CONNECT)
    assert (windows.fault, windows.message, windows.remedy) == (
        posix.fault,
        posix.message,
        posix.remedy,
    )


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), Fault.CONNECT),
        (ssl.SSLZeroReturnError(6, "TLS/SSL connection has been closed"), Fault.CONNECT),
        (ssl.SSLError(1, "wrong version number"), Fault.TLS),
    ],
)
def test_a_handshake_that_is_broken_off_is_no_word_about_trust(
    error: ssl.SSLError, fault: Fault
) -> None:
    """Fault: a server restarts, and closes connections in the TLS handshake. dlcore asks again."""
    key = ConnectionKey("host", 443, True, True, None, None, None)
    wrapped = aiohttp.ClientConnectorSSLError(key, error)
    assert error_of_exception("edge", "GET u", wrapped, has_headers=False).fault is fault


def test_a_server_that_may_want_a_client_certificate_is_told_as_such() -> None:
    """Fault: nginx answers 400 to a client without a certificate. The remedy names that, too."""
    assert "client_cert" in error_of_status("edge", "GET https://host/", 400, {}).remedy
    assert "client certificate" in error_of_status("edge", "GET https://host/", 403, {}).remedy
    assert "client_cert" not in error_of_status("edge", "GET https://host/", 418, {}).remedy
