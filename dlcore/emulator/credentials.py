"""What a client shows to be let in: access tokens and signed blob locations.

Guarantees: neither can be made or altered without a key that never leaves this process; every
comparison takes the same time wherever the difference lies; nothing secret is in any ``repr``.
Both are stateless: what they are good for is written in them, under an HMAC. A new process has a
new key, so whatever was issued before a restart is refused and has to be renewed.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import urllib.parse
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

SERVICE_VERSION = "2025-11-05"  # of the Blob service, in signatures and answers

Clock = Callable[[], float]


def _bytes(text: str) -> bytes:
    """The bytes of whatever a client sent, stray surrogates included."""
    return text.encode("utf-8", "backslashreplace")


def _mac(key: bytes, *fields: str) -> str:
    return base64.b64encode(hmac.digest(key, _bytes("\n".join(fields)), "sha256")).decode()


class Tokens:
    """Gives access tokens to registered clients and knows its own again.

    Args:
        registration: The registration token, handed to clients out of band.
        life_s: Seconds for which an access token is valid.
        clock: Seconds since 1970.
    """

    def __init__(self, registration: str, life_s: float, clock: Clock) -> None:
        self._registration = registration
        self._life_s = life_s
        self._clock = clock
        self._key = secrets.token_bytes(32)

    def issue(self, registration: str) -> str | None:
        """A new access token, or None if this is not the registration token."""
        if not hmac.compare_digest(_bytes(registration), _bytes(self._registration)):
            return None
        claim = f"{_microseconds(self._clock() + self._life_s)}-{secrets.token_hex(8)}"
        return f"{claim}.{_mac(self._key, claim)}"

    def accepts(self, token: str) -> bool:
        """Whether an access token is ours and has not expired."""
        claim, _, mac = token.partition(".")
        if not hmac.compare_digest(_bytes(mac), _bytes(_mac(self._key, claim))):
            return False
        return _microseconds(self._clock()) < int(claim.partition("-")[0])


class Signatures:
    """Signs locations the way a shared access signature does, and checks them.

    Source: "Create a service SAS", for the names of the members; the string that is signed is
    not Azure's.

    Args:
        life_s: Seconds for which a location is valid.
        clock: Seconds since 1970.
    """

    def __init__(self, life_s: float, clock: Clock) -> None:
        self._life_s = life_s
        self._clock = clock
        self._key = secrets.token_bytes(32)

    def sign(self, path: str) -> str:
        """The query string that opens ``path`` for reading, percent-encoded and exact."""
        members = {
            "sv": SERVICE_VERSION,
            "sr": "b",
            "sp": "r",
            "se": _timestamp(self._clock() + self._life_s),
        }
        members["sig"] = self._signature(path, members)
        return urllib.parse.urlencode(members, quote_via=urllib.parse.quote, safe="")

    def refusal(self, path: str, members: Mapping[str, str]) -> str | None:
        """Why a location is not valid now, in words without its signature; None if it is."""
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
