"""How far a request to an endpoint gets: name, proxy, connection, certificate, answer.

One request without a credential is sent, and whatever answers it is told, not judged.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from dlcore.errors import TransferError
from dlcore.printable import printable
from dlcore.transfer.http.auth_challenges import offers_of
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.clocks import ahead_s
from dlcore.transfer.http.urls import exact_url


class Contact(msgspec.Struct, frozen=True):
    """What became of one request.

    Attributes:
        scheme: ``http`` or ``https``.
        host: The host that it was for.
        proxy: The proxy that was to be used, without its password; empty to connect directly.
        proxy_source: Where that proxy is set: the name of a variable, or the system's settings.
        addresses: What the host's name stands for; empty if a proxy is to look it up.
        lookup_fault: Why the name stands for nothing; empty if it was found or not looked up.
        status: The status of the response; 0 if none came.
        offers: The schemes by which the server lets clients log in, if it asked for a login.
        ahead_s: Seconds by which this machine's clock is ahead of the server's; None if unknown.
        error: Why no response came; None if one came.
        unused_script: The proxy script that the system's settings name and why it is not used;
            empty for none.
    """

    scheme: str
    host: str
    proxy: str = ""
    proxy_source: str = ""
    addresses: tuple[str, ...] = ()
    lookup_fault: str = ""
    status: int = 0
    offers: tuple[str, ...] = ()
    ahead_s: float | None = None
    error: TransferError | None = None
    unused_script: str = ""


async def contact(
    url: str, client: HttpClient, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Contact:
    """Look the host up and send it one ``HEAD``.

    Args:
        url: Absolute, http or https.
        client: Sends the request.
        now: This machine's clock.
    """
    target = exact_url(url)
    host = target.raw_host or ""
    found = Contact(target.scheme, host, unused_script=client.unused_script)
    try:
        proxy = await client.proxy_for(target)
    except TransferError as error:
        return msgspec.structs.replace(found, error=error)
    if proxy:
        found = msgspec.structs.replace(found, proxy=proxy[0].url, proxy_source=proxy[1])
    else:
        found = await _looked_up(found, target.port or 0)
        if found.lookup_fault:
            return found
    try:
        response = await client.request("HEAD", url)
    except TransferError as error:
        return msgspec.structs.replace(found, error=error)
    with response:
        return msgspec.structs.replace(
            found,
            status=response.status,
            offers=offers_of(response.headers) if response.status == 401 else (),
            ahead_s=ahead_s(response.headers, now()),
        )


async def _looked_up(found: Contact, port: int) -> Contact:
    loop = asyncio.get_running_loop()
    try:
        answers = await loop.getaddrinfo(found.host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        fault = printable(error.strerror or type(error).__name__)
        return msgspec.structs.replace(found, lookup_fault=fault)
    addresses = dict.fromkeys(str(answer[4][0]) for answer in answers)
    return msgspec.structs.replace(found, addresses=tuple(addresses))
