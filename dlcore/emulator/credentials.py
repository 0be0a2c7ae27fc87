"""Issues and checks the credentials of clients: access tokens and signed blob locations.

Guarantees: neither can be made or altered without a key that never leaves this process. Secrets
are compared in constant time and appear in no ``repr``.

Both are stateless: they state what they permit, protected by an HMAC. Each process has a new key,
so credentials from before a restart are refused and must be renewed.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import urllib.parse
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

SERVICE_VERSION = "2025-11-05"  # of the Blob service; part of signatures and responses

Clock = Callable[[], float]


def _bytes(text: str) -> bytes:
    """Text from a client as bytes; also works for lone surrogates."""
    return text.encode("utf-8", "backslashreplace")


def _mac(key: bytes, *fields: str) -> str:
    return base64.b64encode(hmac.digest(key, _bytes("\n".join(fields)), "sha256")).decode()


class Tokens:
    """Issues access tokens to registered clients and recognizes them.

    Args:
        registration: The registration token, which clients get out of band.
        lifetime_s: Time for which an access token is valid.
        clock: Seconds since 1970.
    """

    def __init__(self, registration: str, lifetime_s: float, clock: Clock) -> None:
        self._registration = registration
        self._lifetime_s = lifetime_s
        self._clock = clock
        self._key = secrets.token_bytes(32)

    def issue(self, registration: str) -> str | None:
        """A new access token; None if ``registration`` is not the registration token."""
        if not hmac.compare_digest(_bytes(registration), _bytes(self._registration)):
            return None
        claim = f"{_microseconds(self._clock() + self._lifetime_s)}-{secrets.token_hex(8)}"
        return f"{claim}.{_mac(self._key, claim)}"

    def accepts(self, token: str) -> bool:
        """Whether this process issued an access token that has not expired."""
        claim, _, mac = token.partition(".")
        if not hmac.compare_digest(_bytes(mac), _bytes(_mac(self._key, claim))):
            return False
        return _microseconds(self._clock()) < int(claim.partition("-")[0])


class Signatures:
    """Signs locations in the style of a shared access signature, and checks them.

    Source: Microsoft Learn, "Create a service SAS", for the names of the members. The string that
    is signed differs from Azure's.

    Args:
        lifetime_s: Time for which a location is valid.
        clock: Seconds since 1970.
    """

    def __init__(self, lifetime_s: float, clock: Clock) -> None:
        self._lifetime_s = lifetime_s
        self._clock = clock
        self._key = secrets.token_bytes(32)

    def sign(self, path: str) -> str:
        """The query string that permits reading ``path``; percent-encoded, to be used unchanged."""
        members = {
            "sv": SERVICE_VERSION,
            "sr": "b",
            "sp": "r",
            "se": _timestamp(self._clock() + self._lifetime_s),
        }
        members["sig"] = self._signature(path, members)
        return urllib.parse.urlencode(members, quote_via=urllib.parse.quote, safe="")

    def refusal(self, path: str, members: Mapping[str, str]) -> str | None:
        """Why a location is not valid, without its signature; None if it is valid."""
        expected = self._signature(path, members)
        if not hmac.compare_digest(_bytes(members.get("sig", "")), _bytes(expected)):
            return "Signature did not match."
        now_s = self._clock()
        if now_s >= datetime.fromisoformat(members["se"]).timestamp():
            return (
                "Signature not valid in the specified time frame: "
                f"Expiry [{members['se']}] - Current [{_timestamp(now_s)}]"
            )
        return None

    def _signature(self, path: str, members: Mapping[str, str]) -> str:
        return _mac(self._key, path, *(members.get(name, "") for name in ("sv", "sr", "sp", "se")))


def _microseconds(time_s: float) -> int:
    return int(time_s * 1e6)


def _timestamp(time_s: float) -> str:
    moment = datetime.fromtimestamp(time_s, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
