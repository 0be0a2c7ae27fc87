"""What a ``Range`` header asks for and how the head of the answer says it.

Pure. Understands one range of the forms ``bytes=first-last`` and ``bytes=first-``, as Azure Blob
Storage does; anything else is ignored, as RFC 9110 section 14.2 allows, and the whole is answered.
Not a client's parser: a client has to be strict about ``Content-Range``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_RANGE = re.compile(r"bytes=([0-9]{1,19})-([0-9]{0,19})")


class Ranged(NamedTuple):
    """The head of an answer, and the bytes ``[start, end)`` that are its body."""

    status: int
    headers: dict[str, str]
    start: int
    end: int


def ranged(header: str | None, length_bytes: int) -> Ranged:
    """Answer a ``Range`` header, or none, about something of a length.

    Source: RFC 9110 sections 14.1 to 14.4, 15.3.7 and 15.5.17.

    Returns:
        Status 206 and the range, cut to the length; 416 and nothing; or 200 and the whole.
    """
    match = _RANGE.fullmatch(header or "")
    start = int(match[1]) if match else 0
    last = int(match[2]) if match and match[2] else max(start, length_bytes - 1)
    if match is None or last < start:
        return Ranged(200, {"Accept-Ranges": "bytes"}, 0, length_bytes)
    if start >= length_bytes:
        return Ranged(416, {"Content-Range": f"bytes */{length_bytes}"}, 0, 0)
    end = min(last + 1, length_bytes)
    content_range = f"bytes {start}-{end - 1}/{length_bytes}"
    headers = {"Accept-Ranges": "bytes", "Content-Range": content_range}
    return Ranged(206, headers, start, end)
