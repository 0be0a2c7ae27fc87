"""Reads one range or one document over HTTP, and trusts nothing that the server says.

Guarantees: the sink gets exactly bytes ``[start, end)`` in order, or an error is raised. No byte
after ``end`` reaches it; of other content that was read from the connection it learns the length
(`Sink.dropped`). A response that does not fit the request (status, range, total, length or content
coding) is an error before its first byte is used. Where something on the way has compressed
the body (gzip), its decoded bytes count, and there must be exactly as many as were asked for.

How the body gets into the sink is in `receive`. Whether the bytes are the right ones is checked
behind the sink, block by block.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from dlcore.errors import Fault
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.content_coding import GZIP
from dlcore.transfer.http.faults import PORTAL_REMEDY
from dlcore.transfer.http.headers import parse_content_length, parse_content_range, range_header
from dlcore.transfer.http.receive import receive, receive_within
from dlcore.transfer.http.response import Response
from dlcore.transfer.http.sent_fields import repeats_secret, with_fields
from dlcore.transfer.http.version import Version
from dlcore.transfer.sink import SinkWriter


async def read_range(
    client: HttpClient,
    url: str,
    span: tuple[int, int],
    total_bytes: int,
    writer: SinkWriter,
    *,
    headers: Mapping[str, str] | None = None,
    from_beginning: bool = False,
    version: Version | None = None,
) -> None:
    """Read bytes ``[start, end)`` of the object at ``url``.

    Args:
        client: Sends the request.
        url: The object; sent exactly as given.
        span: ``start`` and ``end``; at least one byte.
        total_bytes: Length of the whole object, known beforehand.
        writer: Where the bytes go.
        headers: Further request headers.
        from_beginning: Whether to accept the whole object in place of the range: what comes before
            the range is received and dropped.
        version: What is known of the object as a whole; None if its blocks have digests.

    Raises:
        TransferError: Any fault that `dlcore.errors.Fault` lists; ``CORRUPT`` and ``CHANGED`` as
            `Version.check` says. What was written before it has the right position and count.
    """
    start, end = span
    if_range = version.headers() if version else {}
    range_headers = with_fields(headers, {**range_header(start, end), **if_range})
    async with client.host_limit(url):
        with await client.request("GET", url, headers=range_headers) as response:
            if response.status not in {200, 206}:
                raise await response.status_error()
            try:
                check_content_coding(response)
                if version:
                    version.check(response)
                if response.status == 206:
                    _check_partial(response, start, end, total_bytes)
                    await receive(response, end - start, writer)
                elif _is_whole(response, total_bytes) and span == (0, total_bytes):
                    await receive(response, total_bytes, writer)
                elif from_beginning:
                    await receive_within(response, span, total_bytes, writer)
                else:
                    raise response.error(
                        Fault.NO_RANGES, "answered a range request with the whole object"
                    )
            finally:
                writer.drop(response.unread_bytes)


async def read_document(
    client: HttpClient,
    url: str,
    limit_bytes: int,
    *,
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
    expected_status: int = 200,
) -> bytes:
    """Read the whole body of one response.

    Args:
        client: Sends the request.
        url: The document; sent exactly as given.
        limit_bytes: Longest body to accept, in bytes.
        headers: Further request headers.
        method: The HTTP method.
        expected_status: Any other status is an error.

    Raises:
        TransferError: ``RANGE`` if longer than the limit; ``REFUSED`` if it repeats a secret among
            the headers, which would get into messages; otherwise any fault that
            `dlcore.errors.Fault` lists, except ``CORRUPT``.
    """
    with await client.request(method, url, headers=headers) as response:
        if response.status != expected_status:
            raise await response.status_error()
        check_content_coding(response)
        announced_bytes = announced_length(response)
        longest_bytes = limit_bytes if announced_bytes is None else announced_bytes
        max_s = client.policy.max_document_s(longest_bytes)
        body = await _document_body(response, limit_bytes, announced_bytes, max_s)
        if announced_bytes is not None and len(body) != announced_bytes:
            raise response.error(Fault.TRUNCATED, f"{len(body)} of {announced_bytes} bytes arrived")
        if repeats_secret(bytes(body), headers):
            raise response.error(
                Fault.REFUSED,
                "the document repeats a credential that was sent to the server",
                remedy="Check that the URL is that of the document, and not of a page for tests.",
            )
        return bytes(body)


def announced_length(response: Response) -> int | None:
    """Length of the body that the headers announce; None if they do not, or of its coded form."""
    if response.is_coded:
        return None
    return parse_content_length(response.headers.get("Content-Length", ""))


async def read_short(
    response: Response, limit_bytes: int, received: Callable[[int], None]
) -> bytes | None:
    """Read the rest of a body that may turn out to be too long; None if it does.

    Args:
        response: Has the right status.
        limit_bytes: Longest body to accept, in bytes.
        received: Told of bytes as they arrive.

    Raises:
        TransferError: ``TRUNCATED`` or ``STALL``; ``REFUSED``: it cannot be decoded. A body of
            unknown length that ends with its connection may be cut short without an error.
    """
    check_content_coding(response)
    announced_bytes = announced_length(response)
    if announced_bytes is not None and announced_bytes > limit_bytes:
        return None
    body = bytearray()
    while data := await response.read():
        received(len(data))
        body += data
        if len(body) > limit_bytes:
            return None
    if announced_bytes is not None and len(body) != announced_bytes:
        raise response.error(Fault.TRUNCATED, f"{len(body)} of {announced_bytes} bytes arrived")
    return bytes(body)


async def read_stream(
    client: HttpClient,
    url: str,
    write: Callable[[bytes], Awaitable[None]],
    received: Callable[[int], None],
    *,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Read a whole body of unknown length, as it arrives.

    Args:
        client: Sends the request.
        url: Sent exactly as given.
        write: Gets the bytes, in order; it decides how many are too many.
        received: Told of bytes as they arrive, also of those that nobody gets.
        headers: Further request headers.

    Raises:
        TransferError: Any fault that `dlcore.errors.Fault` lists, except ``CORRUPT``. A body that
            ends with its connection, as with HTTP/1.0, may be cut short without an error.
    """
    async with client.host_limit(url):
        with await client.request("GET", url, headers=headers) as response:
            if response.status != 200:
                raise await response.status_error()
            try:
                check_content_coding(response)
                while data := await response.read():
                    received(len(data))
                    await write(data)
            finally:
                received(response.unread_bytes)


async def _document_body(
    response: Response, limit_bytes: int, announced_bytes: int | None, max_s: float
) -> bytearray:
    """Read the body as it arrives. No memory is reserved for its announced length.

    Raises:
        TransferError: ``RANGE`` if it is too long, ``STALL`` if it takes too long for its length.
    """
    too_long = response.error(
        Fault.RANGE,
        f"the document is longer than {limit_bytes} bytes",
        remedy="Check that the URL is that of the document.",
    )
    if announced_bytes is not None and announced_bytes > limit_bytes:
        raise too_long
    body = bytearray()
    try:
        async with asyncio.timeout(max_s):
            while data := await response.read():
                body += data
                if len(body) > limit_bytes:
                    raise too_long
    except TimeoutError:
        raise response.error(
            Fault.STALL, f"only {len(body)} bytes of the document arrived within {max_s:.0f} s"
        ) from None
    return body


def check_content_coding(response: Response) -> None:
    """Have a body decoded that something on the way has compressed; refuse every other coding.

    Raises:
        TransferError: ``REFUSED``.
    """
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding in GZIP:
        response.decode_gzip()
    elif coding not in {"", "identity"}:
        raise response.error(
            Fault.REFUSED,
            "sent a compressed body, which was not asked for",
            remedy="Switch compression off for these URLs at the server or the proxy.",
        )


def _check_partial(response: Response, start: int, end: int, total_bytes: int) -> None:
    if response.headers.get("Content-Type", "").strip().lower().startswith("multipart/"):
        raise response.error(Fault.REFUSED, "answered with several ranges")
    values = response.headers.getall("Content-Range", [])
    found = parse_content_range(values[0]) if len(values) == 1 else None
    if found not in {(start, end, total_bytes), (start, end, None)}:
        got = "no readable range" if found is None else f"{found.start}-{found.end}/{found.total}"
        raise response.error(
            Fault.RANGE, f"asked for bytes {start}-{end}/{total_bytes} (half-open), got {got}"
        )
    if not response.is_coded:
        _check_length(response, end - start)


def _is_whole(response: Response, total_bytes: int) -> bool:
    """Whether a 200 is the whole object by its length; False if it does not say that.

    Raises:
        TransferError: ``RANGE`` or ``REFUSED``: it is something else.
    """
    if response.is_coded:
        return True  # if it is not, it decodes to another length
    length = response.headers.get("Content-Length")
    if length != str(total_bytes) and _is_web_page(response):
        raise response.error(
            Fault.REFUSED,
            f"answered a range request with {response.status} and a web page; captive portal?",
            remedy=PORTAL_REMEDY,
        )
    if length is not None:
        _check_length(response, total_bytes)
    return length is not None


def _is_web_page(response: Response) -> bool:
    return response.headers.get("Content-Type", "").strip().lower().startswith("text/html")


def _check_length(response: Response, expected_bytes: int) -> None:
    length = response.headers.get("Content-Length", str(expected_bytes))
    if length != str(expected_bytes):
        raise response.error(
            Fault.RANGE,
            f"announced {_length_in_words(length)} where {expected_bytes} bytes were asked for",
        )


def _length_in_words(length: str) -> str:
    count = parse_content_length(length)
    return "no readable length" if count is None else f"{count} bytes"
