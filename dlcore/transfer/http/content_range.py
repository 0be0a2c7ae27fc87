"""The ``Content-Range`` header, read strictly.

Guarantees: pure; a value that is not exactly one satisfied byte range with a known total gives
``None``, never an exception and never a guess.
"""

from __future__ import annotations

import re
from typing import NamedTuple

LIMIT = (1 << 63) - 1

_FORM = re.compile(r"(?i:bytes) ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19})", re.ASCII)


class ContentRange(NamedTuple):
    """Bytes ``[start, end)`` of ``total``."""

    start: int
    end: int
    total: int


def parse_content_range(value: str) -> ContentRange | None:
    """Read ``bytes 0-99/1000``.

    Source: RFC 9110, section 14.4; an unknown total (``*``) is refused here, since the length of
    every object is known beforehand.
    """
    match = _FORM.fullmatch(value)
    if match is None:
        return None
    first, last, total = (int(digits) for digits in match.groups())
    if not first <= last < total <= LIMIT:
        return None
    return ContentRange(first, last + 1, total)
