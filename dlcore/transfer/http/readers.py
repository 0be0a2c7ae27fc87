"""Reads one range of one object over HTTP, trusting nothing the server says.

Guarantees: the sink gets exactly bytes ``[start, end)`` in order or an error is raised; no byte
beyond ``end`` reaches it; an answer to another question (other status, range, total, length or
body coding) is an error before its first byte is used.

Not here: how the body gets into the sink (`receive`); whether the bytes are the right ones.
Blocks are verified behind the sink.
"""

from __future__ import annotations

from collections.abc import Mapping

from dlcore.errors import Fault, TransferError
from dlcore.transfer.http.asking import range_header
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.content_range import parse_content_range
from dlcore.transfer.http.faults import PORTAL_REMEDY
from dlcore.transfer.http.receive import receive
from dlcore.transfer.http.response import Answer
from dlcore.transfer.sink import Intake

_NO_RANGES = "The server must support byte ranges; use another endpoint."


async def read_range(
    client: HttpClient,
    url: str,
    span: tuple[int, int],
    total_bytes: int,
    intake: Intake,
    *,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Read bytes ``[start, end)`` of the object at ``url``.

    Args:
        client: The endpoint's connections.
        url: The object, exact.
        span: ``start`` and ``end``, at least one byte.
        total_bytes: Length of the whole object, known beforehand.
        intake: Where the bytes go.
        headers: More request headers.

    Raises:
        TransferError: See `dlcore.errors.Fault`.
    """
    start, end = span
    asked = {**(headers or {}), **range_header(start, end)}
    with await client.request("GET", url, headers=asked, in_turn=True) as answer:
        if answer.status not in {200, 206}:
            raise await answer.refusal()
        if answer.status == 206:
            _check_partial(answer, start, end, total_bytes)
        else:
            _check_whole(answer, start, end, total_bytes)
        check_coding(answer)
        await receive(answer, end - start, intake)


def _check_partial(answer: Answer, start: int, end: int, total_bytes: int) -> None:
    if answer.headers.get("Content-Type", "").strip().lower().startswith("multipart/"):
        raise answer.error(Fault.REFUSED, "answered with several ranges", remedy=_NO_RANGES)
    values = answer.headers.getall("Content-Range", [])
    found = parse_content_range(values[0]) if len(values) == 1 else None
    if found != (start, end, total_bytes):
        got = "no readable range" if found is None else f"{found.start}-{found.end}/{found.total}"
        raise answer.error(
            Fault.RANGE, f"asked for bytes {start}-{end}/{total_bytes} (half-open), got {got}"
        )
    _check_length(answer, end - start)


def _check_whole(answer: Answer, start: int, end: int, total_bytes: int) -> None:
    """A 200 is the answer to a range only if that range is the whole object."""
    length = answer.headers.get("Content-Length")
    if (start, end) != (0, total_bytes) or length is None:
        raise _not_a_range(answer)
    _check_length(answer, end)


def _not_a_range(answer: Answer) -> TransferError:
    html = answer.headers.get("Content-Type", "").strip().lower().startswith("text/html")
    return answer.error(
        Fault.REFUSED,
        f"answered a range with {answer.status}{' and a web page; captive portal?' * html}",
        remedy=PORTAL_REMEDY if html else _NO_RANGES,
    )


def _check_length(answer: Answer, expected_bytes: int) -> None:
    length = answer.headers.get("Content-Length", str(expected_bytes))
    if length != str(expected_bytes):
        raise answer.error(
            Fault.RANGE, f"announced {length} bytes where {expected_bytes} were asked for"
        )


def check_coding(answer: Answer) -> None:
    """Refuse a body that is not the object's own bytes.

    Raises:
        TransferError: ``REFUSED``.
    """
    coding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in {"", "identity"}:
        raise answer.error(
            Fault.REFUSED,
            "sent a compressed body although none was asked for",
            remedy="Switch compression off for these URLs at the server or the proxy.",
        )
