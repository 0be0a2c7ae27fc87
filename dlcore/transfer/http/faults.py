"""What a status or an exception means: the map from HTTP, aiohttp, ssl and the OS to `Fault`.

Guarantees: pure. No message repeats the text of an aiohttp error, because some of them hold the URL
with its signature. No message repeats what a server put into its headers or its reason phrase: it
may have put a credential there that it had received.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from dlcore.errors import AuthError, Fault, TlsError, TransferError
from dlcore.printable import printable
from dlcore.transfer.http.addresses import AddressRefusedError
from dlcore.transfer.http.alerts import error_of_alert
from dlcore.transfer.http.auth_challenges import offers_of
from dlcore.transfer.http.clocks import CLOCK_REMEDY, difference
from dlcore.transfer.http.headers import parse_date, parse_retry_after_s
from dlcore.transfer.http.pinned_connections import LoginInterruptedError

NETWORK_ERRORS = (aiohttp.ClientError, HttpProcessingError, OSError, ValueError)
"""What aiohttp raises when a request or a body fails."""

PORTAL_REMEDY = "Sign in to the network, or correct the URL."

REMEDIES = {
    Fault.CONNECT: "Check the address, the network, and the proxy that the environment names.",
    Fault.TRUNCATED: "Try again; if that does not help, check the network and the server's log.",
    Fault.STALL: "Check whether the server or its network is overloaded.",
    Fault.BUSY: "Try again later, or allow fewer connections to this endpoint.",
    Fault.SERVER: "Try again later; look into the server's log.",
    Fault.REFUSED: "Check the URL, and that no proxy changes the server's responses.",
    Fault.NO_RANGES: "An endpoint with byte ranges is faster, and goes on where it was broken off.",
    Fault.RANGE: "Check that this endpoint holds the package's current version.",
    Fault.CHANGED: "Fetch again when the publisher has finished.",
    Fault.CORRUPT: "Check where the digest comes from, or use another endpoint.",
    Fault.NOT_FOUND: "Put the package on this endpoint, or use another one.",
}
"""What the reader can do, where nothing more precise is known."""

_BY_STATUS = {
    404: Fault.NOT_FOUND,
    408: Fault.SERVER,
    410: Fault.NOT_FOUND,
    416: Fault.RANGE,
    429: Fault.BUSY,
    501: Fault.REFUSED,
    503: Fault.BUSY,
    505: Fault.REFUSED,
    511: Fault.REFUSED,
}
"""All others are `Fault.SERVER` from 500 to 599, else `Fault.REFUSED`.

Source: RFC 9110, section 15: a status that is not known means what x00 of its class does.
"""

_OF_SERVER = range(500, 600)


_ERROR_CODES = frozenset(
    """
    AccountIsDisabled AuthenticationFailed AuthorizationFailure AuthorizationPermissionMismatch
    AuthorizationProtocolMismatch AuthorizationResourceTypeMismatch AuthorizationServiceMismatch
    AuthorizationSourceIPMismatch BlobArchived BlobBeingRehydrated BlobNotFound ConditionNotMet
    ContainerBeingDeleted ContainerNotFound InsufficientAccountPermissions InternalError
    InvalidAuthenticationInfo InvalidHeaderValue InvalidQueryParameterValue InvalidRange
    InvalidResourceName InvalidUri NoAuthenticationInformation OperationTimedOut
    OutOfRangeInput PublicAccessNotPermitted ResourceNotFound ServerBusy UnsupportedHeader
    """.split()  # noqa: SIM905  # words in order are easier to compare
)
"""What a message may repeat of ``x-ms-error-code``: a server could put anything there.

Source: Microsoft Learn, "Common REST API error codes" and "Blob service error codes".
"""


class RejectedError(AuthError):
    """A 401 or 403: a renewed credential may be accepted.

    Attributes:
        status: 401 or 403.
        detail: Value of ``x-ms-error-code`` if it is a known one; else empty.
        wants_windows_login: Whether the server offers Windows authentication only.
        clocks: How this machine's clock differs from the server's, for people; empty if it hardly
            does. A signature may be "not valid yet" because of that.
    """

    def __init__(
        self,
        message: str,
        *,
        endpoint: str,
        status: int,
        detail: str,
        wants_windows_login: bool = False,
        clocks: str = "",
    ) -> None:
        remedy = (
            'The server wants Windows authentication: set authentication = "negotiate" for this'
            " endpoint."
            if wants_windows_login
            else "Check the credentials of this endpoint, and what they may read."
        )
        if status == 403:
            remedy += " Some servers answer so when they want another client certificate, or one."
        super().__init__(
            f"{message}; {clocks}" if clocks else message,
            fault=Fault.AUTH,
            endpoint=endpoint,
            remedy=f"{CLOCK_REMEDY} {remedy}" if clocks else remedy,
        )
        self.status = status
        self.detail = detail
        self.wants_windows_login = wants_windows_login
        self.clocks = clocks


_WRONG_TIME = frozenset({9, 10})
"""OpenSSL's codes for a certificate that is not valid yet, and for one that has expired.

Source: OpenSSL, ``x509_vfy.h``: X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED.
"""

_OTHER_NAME = frozenset({62, 64})
"""OpenSSL's codes for a certificate of another host name, and of another IP address.

Source: the same: X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH.
"""


def error_of_status(
    endpoint: str, request: str, status: int, headers: Mapping[str, str]
) -> TransferError:
    """The error for a response with an unexpected status.

    Args:
        endpoint: Name of the endpoint.
        request: Method and redacted URL.
        status: The status.
        headers: The response's headers.
    """
    detail = headers.get("x-ms-error-code", "")
    detail = detail if detail in _ERROR_CODES else ""
    message = f"{request} was answered {status}{' ' + detail if detail else ''}"
    if status in {401, 403}:
        offers = offers_of(headers) if status == 401 else ()
        return RejectedError(
            message,
            endpoint=endpoint,
            status=status,
            detail=detail,
            wants_windows_login=bool(offers) and set(offers) <= {"Negotiate", "NTLM"},
            clocks=difference(headers, datetime.now(UTC)),
        )
    fault = _BY_STATUS.get(status, Fault.SERVER if status in _OF_SERVER else Fault.REFUSED)
    remedy = REMEDIES[fault]
    if status == 400:
        remedy += " Some servers answer so when they want a client certificate (client_cert)."
    is_portal = 300 <= status < 400 or status == 511
    if is_portal:
        message += ", a redirect: captive portal?"
    return TransferError(
        message,
        fault=fault,
        endpoint=endpoint,
        retry_after_s=_retry_after_s(headers) if fault in {Fault.BUSY, Fault.SERVER} else None,
        remedy=PORTAL_REMEDY if is_portal else remedy,
    )


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    now = parse_date(headers.get("Date", "")) or datetime.now(UTC)
    return parse_retry_after_s(headers.get("Retry-After", ""), now)


def _tls_error(endpoint: str, request: str, error: OSError) -> TlsError:
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
        what = "the certificate was not accepted"
        remedy = _certificate_remedy(error)
    else:
        what = "no TLS connection came about"
        remedy = "Check that the server, and a proxy before it, speak https at this port."
    return TlsError(
        f"{request}: {what}: {_reason(error)}", fault=Fault.TLS, endpoint=endpoint, remedy=remedy
    )


def _certificate_remedy(error: OSError) -> str:
    cause = getattr(error, "certificate_error", error)
    code = getattr(cause, "verify_code", None)
    if code in _OTHER_NAME:
        return "Name the server as its certificate does; or the server needs another certificate."
    if code in _WRONG_TIME:
        return (
            f"This machine's clock says {datetime.now(UTC):%Y-%m-%d %H:%M} UTC: set it if that is"
            " wrong. Else the server needs another certificate."
        )
    return "If the authority is your own, name it with --ca-file (ca_file in a deployment file)."


def error_of_exception(
    endpoint: str, request: str, error: BaseException, *, has_headers: bool
) -> TransferError:
    """The error for a failure below HTTP.

    Args:
        endpoint: Name of the endpoint.
        request: Method and redacted URL.
        error: One of `NETWORK_ERRORS`.
        has_headers: Whether the headers of the response had arrived.
    """
    if alert := error_of_alert(endpoint, request, error):
        return alert
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLCertVerificationError):
        cause = getattr(error, "os_error", error)
        if not isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return _tls_error(endpoint, request, error)
    fault, what = _classify(error, has_headers=has_headers)
    reason = "" if isinstance(error, LoginInterruptedError) else _reason(error)
    return TransferError(
        f"{request}: {what}{': ' + reason if reason else ''}",
        fault=fault,
        endpoint=endpoint,
        remedy=REMEDIES[fault],
    )


def _classify(error: BaseException, *, has_headers: bool) -> tuple[Fault, str]:
    if has_headers:
        return Fault.TRUNCATED, "the connection broke in the body"
    if isinstance(error, LoginInterruptedError):
        return Fault.CONNECT, "the server closed the connection in the middle of the login"
    if isinstance(getattr(error, "os_error", error), AddressRefusedError):
        return Fault.REFUSED, "no connection"
    if isinstance(error, aiohttp.ClientResponseError | HttpProcessingError):
        return Fault.REFUSED, "the response is not valid HTTP"
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        return Fault.REFUSED, "the URL or a header cannot be sent"
    return Fault.CONNECT, "no connection"


def _reason(error: BaseException) -> str:
    """The operating system's or OpenSSL's own text, which never holds a URL; else the type."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause: object = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
    else:
        cause = error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return printable(cause.verify_message)
    if isinstance(cause, OSError) and cause.strerror:
        return printable(cause.strerror)
    return type(cause).__name__
