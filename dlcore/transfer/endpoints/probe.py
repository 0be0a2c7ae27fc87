"""Finds out the length of what lies at a plain URL, before anything of it is fetched."""

from __future__ import annotations

from urllib.parse import unquote

import msgspec

from dlcore.errors import Fault
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.content_range import LIMIT, parse_content_range
from dlcore.transfer.http.readers import check_coding
from dlcore.transfer.http.response import Answer


class Probed(msgspec.Struct, frozen=True):
    """What a server says about a URL.

    Attributes:
        length_bytes: Length of the whole.
        accepts_ranges: Whether parts of it can be asked for.
        name: Last component of the URL's path; may be empty, and is not safe as a file name.
    """

    length_bytes: int
    accepts_ranges: bool
    name: str


async def probe(url: str, client: HttpClient) -> Probed:
    """Ask with ``HEAD``; where that does not tell all, with ``GET`` for the first byte.

    Raises:
        TransferError: The server cannot be asked, or does not say how long it is.
    """
    with await client.request("HEAD", url) as answer:
        length = _length(answer)
        if answer.status == 200 and length is not None and _offers_ranges(answer):
            check_coding(answer)
            return Probed(length, True, _name(url))
    with await client.request("GET", url, headers={"Range": "bytes=0-0"}) as answer:
        if answer.status not in {200, 206, 416}:
            raise await answer.refusal()
        check_coding(answer)
        partial = answer.status == 206
        length = _total(answer) if partial else _length(answer)
        if length is None or answer.status == 416:
            raise answer.error(Fault.RANGE, "the server does not say how long this is")
        return Probed(length, partial, _name(url))


def _offers_ranges(answer: Answer) -> bool:
    return answer.headers.get("Accept-Ranges", "").strip().lower() == "bytes"


def _length(answer: Answer) -> int | None:
    text = answer.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() and int(text) <= LIMIT else None


def _total(answer: Answer) -> int | None:
    found = parse_content_range(answer.headers.get("Content-Range", ""))
    return found.total if found and found.start == 0 and found.end == 1 else None


def _name(url: str) -> str:
    path = url.partition("#")[0].partition("?")[0].partition("://")[2]
    return unquote(path.partition("/")[2].rpartition("/")[2])
