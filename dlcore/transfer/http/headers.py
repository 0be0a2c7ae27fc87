"""Header fields: those that every request sends, and strict readers of those that responses bring.

Guarantees: pure. A value that cannot be read gives None, never an exception and never a guess.
"""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple

COMMON_HEADERS = {
    "Accept-Encoding": "identity",
    "Cache-Control": "no-transform",
    "User-Agent": "dlcore",
}
"""Sent with every request.

Source: RFC 9111, section 5.2.1.6: ``no-transform`` asks intermediaries not to change the content.
"""

WANT_DIGEST = {"Want-Repr-Digest": "sha-256=1"}
"""Asks for the SHA-256 of the whole object. Source: RFC 9530, section 4."""

MAX_LENGTH_BYTES = (1 << 63) - 1  # the largest file offset that the operating systems know
NS_PER_S = 1_000_000_000
MAX_RETRY_AFTER_S = 300.0  # waiting longer than 5 minutes is worse than asking once more

_CONTENT_RANGE = re.compile(r"(?i:bytes) ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19}|\*)", re.ASCII)
_REPR_DIGEST = re.compile(r"(?:^|,)[ \t]*sha-256=:([A-Za-z0-9+/]{43}=):[ \t]*(?=,|$)", re.ASCII)
_DIGEST = re.compile(r"(?:^|,)[ \t]*(?i:sha-256)=([A-Za-z0-9+/]{43}=)[ \t]*(?=,|$)", re.ASCII)
_EPOCH = datetime.fromtimestamp(0, UTC)
_SECONDS = re.compile(r"[0-9]+", re.ASCII)


class ContentRange(NamedTuple):
    """Bytes ``[start, end)`` of an object of ``total`` bytes; None if the server does not know."""

    start: int
    end: int
    total: int | None


def range_header(start: int, end: int) -> dict[str, str]:
    """The ``Range`` header that asks for bytes ``[start, end)``.

    Source: RFC 9110, section 14.2; its last position is inclusive.
    """
    return {"Range": f"bytes={start}-{end - 1}"}


def parse_content_range(value: str) -> ContentRange | None:
    """Read the ``Content-Range`` of one satisfied range: ``bytes 0-99/1000``, ``bytes 0-99/*``.

    Source: RFC 9110, section 14.4.
    """
    match = _CONTENT_RANGE.fullmatch(value)
    if match is None:
        return None
    first, last = int(match[1]), int(match[2])
    total = None if match[3] == "*" else int(match[3])
    longest = MAX_LENGTH_BYTES if total is None else total
    if not first <= last < longest <= MAX_LENGTH_BYTES:
        return None
    return ContentRange(first, last + 1, total)


def parse_repr_digest(value: str) -> bytes | None:
    """Read the SHA-256 in a ``Repr-Digest``: that of the whole object, whatever part was asked for.

    Source: RFC 9530, section 3, "The Repr-Digest Field".
    """
    found = _REPR_DIGEST.findall(value)
    return base64.b64decode(found[0]) if len(found) == 1 else None


def parse_digest(value: str) -> bytes | None:
    """Read the SHA-256 in a ``Digest``, the forerunner of ``Repr-Digest``.

    Source: RFC 3230, section 4.3.2; RFC 5843 for ``SHA-256``.
    """
    found = _DIGEST.findall(value)
    return base64.b64decode(found[0]) if len(found) == 1 else None


def parse_content_length(value: str) -> int | None:
    """Read a ``Content-Length``; None unless it is a number of bytes that a file can have."""
    if not (value.isascii() and value.isdigit()) or len(value) > len(str(MAX_LENGTH_BYTES)):
        return None
    length = int(value)
    return length if length <= MAX_LENGTH_BYTES else None


def parse_retry_after_s(value: str, now: datetime) -> float | None:
    """Read ``Retry-After``: the seconds to wait, at most `MAX_RETRY_AFTER_S`.

    Args:
        value: The header's value: seconds, or a date.
        now: The server's own time, so that a difference between the clocks does not matter.

    Source: RFC 9110, section 10.2.3.
    """
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text[:20]), MAX_RETRY_AFTER_S)
    date = parse_date(text)
    if date is None:
        return None
    return min(max((date - now).total_seconds(), 0.0), MAX_RETRY_AFTER_S)


def parse_last_modified(value: str) -> int | None:
    """Read a ``Last-Modified``: nanoseconds since 1970; None if it is not a date since then.

    Source: RFC 9110, section 8.8.2.
    """
    date = parse_date(value)
    if date is None:
        return None
    seconds = (date - _EPOCH) // timedelta(seconds=1)
    return seconds * NS_PER_S if seconds >= 0 else None


def parse_date(value: str) -> datetime | None:
    """Read an HTTP date. A date without a zone is in UTC."""
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
