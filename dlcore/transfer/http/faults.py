"""What a status or an exception means: the map from HTTP, aiohttp, ssl and the OS to `Fault`.

Guarantees: pure; no message repeats the text of an aiohttp error, for some of them print the URL
with its signature.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import UTC, datetime

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from dlcore.errors import AuthError, Fault, TlsError, TransferError
from dlcore.transfer.http.redaction import printable, redact
from dlcore.transfer.http.retry_after import parse_date, retry_after_s

NETWORK_ERRORS = (aiohttp.ClientError, HttpProcessingError, OSError, ValueError)

_SERVER_MAY_RECOVER = frozenset({408, 500, 502, 504})
_BY_STATUS = {
    404: Fault.NOT_FOUND,
    410: Fault.NOT_FOUND,
    416: Fault.RANGE,
    429: Fault.BUSY,
    503: Fault.BUSY,
}
_CONNECT_REMEDY = "Check the address, the network, and the proxy that the environment names."
PORTAL_REMEDY = "Sign in to the network, or correct the URL."


class RejectedError(AuthError):
    """A 401 or 403: perhaps a renewed credential is accepted.

    Attributes:
        status: 401 or 403.
        detail: Value of ``x-ms-error-code``, if any.
    """

    def __init__(self, message: str, *, endpoint: str, status: int, detail: str) -> None:
        super().__init__(
            message,
            fault=Fault.AUTH,
            endpoint=endpoint,
            remedy="Check the credentials of this endpoint, and what they may read.",
        )
        self.status = status
        self.detail = detail


def error_of_status(
    endpoint: str, request: str, status: int, headers: Mapping[str, str]
) -> TransferError:
    """What an answer that is not the one asked for means.

    Args:
        endpoint: Name of the endpoint.
        request: Method and redacted URL.
        status: The status.
        headers: The answer's headers.
    """
    detail = printable(headers.get("x-ms-error-code", ""), limit=60)
    message = f"{request} was answered {status}{' ' + detail if detail else ''}"
    if status in {401, 403}:
        return RejectedError(message, endpoint=endpoint, status=status, detail=detail)
    fault = _BY_STATUS.get(status, Fault.SERVER if status in _SERVER_MAY_RECOVER else Fault.REFUSED)
    portal = 300 <= status < 400 or status == 511
    if portal:
        message += f", a way to {redact(headers.get('Location', '')) or 'nowhere'}: captive portal?"
    return TransferError(
        message,
        fault=fault,
        endpoint=endpoint,
        retry_after_s=_retry_after_s(headers) if fault in {Fault.BUSY, Fault.SERVER} else None,
        remedy=PORTAL_REMEDY if portal else "",
    )


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    now = parse_date(headers.get("Date", "")) or datetime.now(UTC)
    return retry_after_s(headers.get("Retry-After", ""), now)


def error_of_exception(
    endpoint: str, request: str, error: BaseException, *, answered: bool
) -> TransferError:
    """What a failure below HTTP means.

    Args:
        endpoint: Name of the endpoint.
        request: Method and redacted URL.
        error: One of `NETWORK_ERRORS`.
        answered: Whether the headers of the answer had arrived.
    """
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLCertVerificationError):
        return TlsError(
            f"{request}: the certificate was not accepted: {_reason(error)}",
            fault=Fault.TLS,
            endpoint=endpoint,
            remedy="Name the authority with ca_file if it is your own; check the clock.",
        )
    if answered:
        fault, what = Fault.TRUNCATED, "the connection broke in the body"
    elif isinstance(error, aiohttp.ClientHttpProxyError):
        fault, what = Fault.CONNECT, f"the proxy answered {error.status}"
    elif isinstance(error, aiohttp.ClientResponseError | HttpProcessingError):
        fault, what = Fault.REFUSED, "the answer is not valid HTTP"
    elif isinstance(error, aiohttp.InvalidURL | ValueError):
        fault, what = Fault.REFUSED, "the URL or a header cannot be sent"
    else:
        fault, what = Fault.CONNECT, "no connection"
    remedy = _CONNECT_REMEDY if fault is Fault.CONNECT else ""
    message = f"{request}: {what}{_because(error)}"
    return TransferError(message, fault=fault, endpoint=endpoint, remedy=remedy)


def _because(error: BaseException) -> str:
    reason = _reason(error)
    return f": {reason}" if reason else ""


def _reason(error: BaseException) -> str:
    """The system's own words, which never hold a URL."""
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
