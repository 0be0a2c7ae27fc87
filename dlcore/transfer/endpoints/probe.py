"""Finds out the length and the name of what is at a plain URL, before any of it is fetched.

Or together with its content, if that is short: then the question costs no request of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import unquote

import msgspec

from dlcore.endpoint_rules import is_loopback
from dlcore.errors import Fault
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.headers import (
    WANT_DIGEST,
    parse_content_range,
    parse_digest,
    parse_last_modified,
    parse_repr_digest,
    range_header,
)
from dlcore.transfer.http.links import Links, links_of
from dlcore.transfer.http.readers import announced_length, check_content_coding, read_short
from dlcore.transfer.http.response import Redirect, Response
from dlcore.transfer.http.sent_fields import repeats_secret, with_fields
from dlcore.transfer.http.suggested_name import suggested_name
from dlcore.transfer.http.urls import exact_url, origin_of


class Probed(msgspec.Struct, frozen=True):
    """What a server says about a URL.

    Attributes:
        length_bytes: Length of the whole; None if the server does not say.
        accepts_ranges: Whether the server can send parts of it.
        name: Last component of the URL's path. May be empty, and may be unsafe as a file name.
        suggested_name: The name that the server gives it; the same holds.
        sha256: Digest of the whole, as the server says; empty if it does not.
        metalinks: URLs of Metalinks that describe it, as the servers on the way say.
        mirrors: URLs of the same content elsewhere, as they say.
        modified_ns: When it was last modified, as the server says, in nanoseconds since 1970; None
            if it does not say.
    """

    length_bytes: int | None
    accepts_ranges: bool
    name: str
    suggested_name: str = ""
    sha256: bytes = b""
    metalinks: tuple[str, ...] = ()
    mirrors: tuple[str, ...] = ()
    modified_ns: int | None = None


class Beginning(msgspec.Struct, frozen=True):
    """What a server says about a URL, and the content if it is short.

    Attributes:
        probed: What it says; None if its answer does not tell, so that `probe` must ask.
        content: All of it; None if it is longer than was asked for. Nothing has verified it.
    """

    probed: Probed | None
    content: bytes | None = None


async def probe(url: str, client: HttpClient, headers: Mapping[str, str] | None = None) -> Probed:
    """Ask with ``HEAD``, and with ``GET`` for the first byte if that does not tell everything.

    Args:
        url: Sent exactly as given.
        client: Sends the requests.
        headers: Further request headers.

    Raises:
        TransferError: The server cannot be reached or refuses, or sends ranges of something whose
            length it does not say.
    """
    asked = with_fields(headers, WANT_DIGEST)
    with await client.request("HEAD", url, headers=asked) as response:
        if response.status == 200:
            check_content_coding(response)
        length_bytes = announced_length(response)
        if response.status == 200 and length_bytes is not None and _offers_ranges(response):
            return _probed(url, response, asked, length_bytes, accepts_ranges=True)
    return await probe_part(url, client, headers)


async def probe_part(
    url: str, client: HttpClient, headers: Mapping[str, str] | None = None
) -> Probed:
    """Ask with ``GET`` for the first byte, where ``HEAD`` is not allowed.

    Args:
        url: As in `probe`.
        client: As in `probe`.
        headers: As in `probe`.

    Raises:
        TransferError: As `probe`.
    """
    asked = with_fields(headers, {**WANT_DIGEST, **range_header(0, 1)})
    with await client.request("GET", url, headers=asked) as response:
        if response.status not in {200, 206, 416}:
            raise await response.status_error()
        check_content_coding(response)
        is_partial = response.status == 206
        length_bytes = _total(response) if is_partial else announced_length(response)
        if response.status == 416 or (is_partial and length_bytes is None):
            raise response.error(
                Fault.RANGE,
                "the server does not say how long this file is",
                remedy="Use a server that sends Content-Length or Content-Range.",
            )
        return _probed(url, response, asked, length_bytes, accepts_ranges=is_partial)


async def probe_beginning(
    url: str,
    client: HttpClient,
    headers: Mapping[str, str] | None,
    limit_bytes: int,
    received: Callable[[int], None],
) -> Beginning:
    """Ask for the first bytes, which are the whole content if that is short.

    Args:
        url: As in `probe`.
        client: As in `probe`.
        headers: As in `probe`.
        limit_bytes: How many.
        received: Told of bytes of the content as they arrive, also of those that turn out not to
            be all of it.

    Raises:
        TransferError: The server cannot be reached or refuses, or breaks off.
    """
    asked = with_fields(headers, {**WANT_DIGEST, **range_header(0, limit_bytes)})
    async with client.host_limit(url):
        with await client.request("GET", url, headers=asked) as response:
            if response.status == 416:  # of a file without bytes, or by a server without ranges
                return Beginning(None)
            if response.status not in {200, 206}:
                raise await response.status_error()
            try:
                return await _beginning(url, response, asked, limit_bytes, received)
            finally:
                if response.unread_bytes:
                    received(response.unread_bytes)


async def _beginning(
    url: str,
    response: Response,
    asked: Mapping[str, str],
    limit_bytes: int,
    received: Callable[[int], None],
) -> Beginning:
    """What an answer with content says, and that content if it is all of it."""
    is_partial = response.status == 206
    total_bytes = _total_from(response, limit_bytes) if is_partial else None
    if is_partial and total_bytes is None:
        return Beginning(None)
    is_long = total_bytes is not None and total_bytes > limit_bytes
    content = None if is_long else await read_short(response, limit_bytes, received)
    if content is not None and total_bytes not in {None, len(content)}:
        return Beginning(None)
    length_bytes = announced_length(response) if content is None else len(content)
    length_bytes = total_bytes if is_partial else length_bytes
    probed = _probed(url, response, asked, length_bytes, accepts_ranges=is_partial)
    return Beginning(probed, content)


def _total_from(response: Response, limit_bytes: int) -> int | None:
    """Length of the whole, as an answer with its first bytes says; None if it does not fit."""
    found = parse_content_range(response.headers.get("Content-Range", ""))
    if found is None or found.start != 0 or found.total is None:
        return None
    return found.total if found.end == min(limit_bytes, found.total) else None


def _probed(
    url: str,
    response: Response,
    asked: Mapping[str, str],
    length_bytes: int | None,
    *,
    accepts_ranges: bool,
) -> Probed:
    """What the responses say; a name or URL that repeats a secret of the request is left out."""
    said = [*response.redirects, Redirect(response.url, response.headers)]
    links = [_links(each, url) for each in said]
    disposition = response.headers.get("Content-Disposition", "")
    suggested = suggested_name(disposition) if disposition else ""  # reading it takes long
    return Probed(
        length_bytes=length_bytes,
        accepts_ranges=accepts_ranges,
        name=last_component(url),
        suggested_name="" if repeats_secret(suggested, asked) else suggested,
        sha256=next(filter(None, (_sha256(each) for each in said)), b""),
        metalinks=tuple(
            m for each in links for m in each.metalinks if not repeats_secret(m, asked)
        ),
        mirrors=tuple(m for each in links for m in each.duplicates if not repeats_secret(m, asked)),
        modified_ns=parse_last_modified(response.headers.get("Last-Modified", "")),
    )


def _links(said: Redirect, first: str) -> Links:
    """What a response names, as its own server may name it.

    Where a redirect has led elsewhere, links back to the first URL's server do not count, because
    it would be shown the user's login. Links from another machine to this one do not count either.
    """
    links = links_of(said.url, said.headers.getall("Link", []))
    own, server = origin_of(exact_url(first)), exact_url(said.url)
    if origin_of(server) == own:
        return links
    is_here = is_loopback(server.raw_host or "")

    def is_elsewhere(link: str) -> bool:
        target = exact_url(link)
        return origin_of(target) != own and (is_here or not is_loopback(target.raw_host or ""))

    return Links(*(tuple(filter(is_elsewhere, named)) for named in links))


def _sha256(said: Redirect) -> bytes:
    """The digest of the file, which a redirect to it may also tell."""
    headers = said.headers
    found = parse_repr_digest(headers.get("Repr-Digest", ""))
    return found or parse_digest(headers.get("Digest", "")) or b""


def _offers_ranges(response: Response) -> bool:
    return response.headers.get("Accept-Ranges", "").strip().lower() == "bytes"


def _total(response: Response) -> int | None:
    found = parse_content_range(response.headers.get("Content-Range", ""))
    return found.total if found and found.start == 0 and found.end == 1 else None


def last_component(url: str) -> str:
    """The last part of a URL's path, decoded; may be empty, and unsafe as a file name."""
    path = url.partition("#")[0].partition("?")[0].partition("://")[2]
    return unquote(path.partition("/")[2].rpartition("/")[2])
