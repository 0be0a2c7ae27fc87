"""Reads a whole small document over HTTP, with a limit on its length."""

from __future__ import annotations

from collections.abc import Mapping

from dlcore.errors import Fault
from dlcore.transfer.http.client import HttpClient
from dlcore.transfer.http.readers import check_coding


async def read_document(
    client: HttpClient,
    url: str,
    limit_bytes: int,
    *,
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
    status: int = 200,
) -> bytes:
    """The body of one answer.

    Args:
        client: The endpoint's connections.
        url: The document, exact.
        limit_bytes: Most bytes to accept.
        headers: More request headers.
        method: The method.
        status: The only status that is an answer.

    Raises:
        TransferError: ``RANGE`` if longer than the limit; else see `dlcore.errors.Fault`.
    """
    with await client.request(method, url, headers=headers) as answer:
        if answer.status != status:
            raise await answer.refusal()
        check_coding(answer)
        announced = answer.headers.get("Content-Length", "")
        body = bytearray()
        while data := await answer.read():
            body += data
            if len(body) > limit_bytes:
                raise answer.error(Fault.RANGE, f"the document is over {limit_bytes} bytes long")
        if announced and len(body) != int(announced):
            raise answer.error(Fault.TRUNCATED, f"{len(body)} of {announced} bytes arrived")
        return bytes(body)
