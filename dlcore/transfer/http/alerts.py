"""What a server says about the certificate of this client: in a TLS alert, or on a page. Pure.

With TLS 1.3 an alert arrives after the handshake, as a failed read, so it may come wrapped in any
exception of a connection.

nginx does not send an alert: it answers 400, and only the title of the page tells why.

Source: RFC 8446, section 6.2, "Error Alerts"; RFC 5246, section 7.2.2; the names are OpenSSL's.
The titles are those of nginx, ``ngx_http_special_response.c``.
"""

from __future__ import annotations

import ssl
from typing import Final

from dlcore.errors import AuthError, Fault

_NAME_ANOTHER: Final = "Name a certificate that the server accepts, with client_cert."
_DEMANDED: Final = (
    "the server demands a client certificate",
    "Name the certificate and its key, with client_cert and client_key.",
)
_NOT_ACCEPTED: Final = ("the server does not accept the client certificate", _NAME_ANOTHER)
_MEANINGS: Final = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _DEMANDED,
    "TLSV1_ALERT_UNKNOWN_CA": (
        "the server does not know the authority that issued the client certificate",
        f"{_NAME_ANOTHER} Its file must also hold the authorities between both, if there are any.",
    ),
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": (
        "the server says that the client certificate has expired",
        "Renew the certificate; check this machine's clock and the server's.",
    ),
    "SSLV3_ALERT_CERTIFICATE_REVOKED": (
        "the server says that the client certificate was revoked",
        _NAME_ANOTHER,
    ),
    "SSLV3_ALERT_BAD_CERTIFICATE": _NOT_ACCEPTED,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _NOT_ACCEPTED,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": (
        "the server cannot use a client certificate of this kind",
        "Name a certificate that is for clients (its extended key usage says so).",
    ),
    "TLSV1_ALERT_ACCESS_DENIED": (
        "the server does not let this client certificate in",
        _NAME_ANOTHER,
    ),
    "SSLV3_ALERT_HANDSHAKE_FAILURE": (
        "the server refused the TLS handshake; perhaps it demands a client certificate",
        "Name the certificate and its key, with client_cert and client_key, if it does.",
    ),
}
_TITLES: Final = {
    b"<title>400 No required SSL certificate was sent</title>": _DEMANDED,
    b"<title>400 The SSL certificate error</title>": _NOT_ACCEPTED,
}


def error_of_page(endpoint: str, request: str, page: bytes) -> AuthError | None:
    """The error for a page with status 400 about this client's certificate; None for others.

    Args:
        endpoint: Name of the endpoint.
        request: Method and redacted URL.
        page: Its beginning.
    """
    meaning = next((told for title, told in _TITLES.items() if title in page), None)
    return _error(endpoint, request, meaning) if meaning else None


def error_of_alert(endpoint: str, request: str, error: BaseException) -> AuthError | None:
    """The error for an alert about this client; None if there was no such alert.

    Args:
        endpoint: Name of the endpoint.
        request: Method and redacted URL.
        error: What a connection failed with.
    """
    meaning = _MEANINGS.get(_reason(error))
    return _error(endpoint, request, meaning) if meaning else None


def _error(endpoint: str, request: str, meaning: tuple[str, str]) -> AuthError:
    what, remedy = meaning
    return AuthError(f"{request}: {what}", fault=Fault.AUTH, endpoint=endpoint, remedy=remedy)


def _reason(error: BaseException) -> str:
    """OpenSSL's name of the alert, from the exception or from those that led to it."""
    link: BaseException | None = error
    for _ in range(8):
        if link is None:
            break
        inner = getattr(link, "os_error", None)
        for found in (link, inner):
            # aiohttp has subclasses of SSLError that lack the attribute.
            reason = getattr(found, "reason", None)
            if isinstance(found, ssl.SSLError) and isinstance(reason, str):
                return reason.upper()
        link = link.__cause__ or link.__context__
    return ""
