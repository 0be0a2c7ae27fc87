"""Decides how to answer a ``Range`` header.

Pure. Understands a single range of the form ``bytes=first-last`` or ``bytes=first-``, as Azure
Blob Storage does. Any other header is ignored, as RFC 9110 section 14.2 permits, and the whole
resource is sent. For servers only: a client must be strict about ``Content-Range``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_RANGE = re.compile(r"bytes=([0-9]{1,19})-([0-9]{0,19})")


class RangeAnswer(NamedTuple):
    """Status and headers of a response, and the bytes ``[start, end)`` of its body."""

    status: int
    headers: dict[str, str]
    start: int
    end: int


def answer_range(header: str | None, length_bytes: int) -> RangeAnswer:
    """Answer a request for a resource.

    Args:
        header: The value of ``Range``; None if the request has no such header.
        length_bytes: Length of the resource.

    Source: RFC 9110 sections 14.1 to 14.4, 15.3.7 and 15.5.17.

    Returns:
        Status 206 and the range, cut to the length; 416 and nothing; or 200 and the whole
        resource.
    """
    match = _RANGE.fullmatch(header or "")
    start = int(match[1]) if match else 0
    last = int(match[2]) if match and match[2] else max(start, length_bytes - 1)
    if match is None or last < start:
        return RangeAnswer(200, {"Accept-Ranges": "bytes"}, 0, length_bytes)
    if start >= length_bytes:
        return RangeAnswer(416, {"Content-Range": f"bytes */{length_bytes}"}, 0, 0)
    end = min(last + 1, length_bytes)
    content_range = f"bytes {start}-{end - 1}/{length_bytes}"
    headers = {"Accept-Ranges": "bytes", "Content-Range": content_range}
    return RangeAnswer(206, headers, start, end)
