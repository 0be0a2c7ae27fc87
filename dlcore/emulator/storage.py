"""The blob storage behind a gateway: serves ranges of objects to holders of a signed location.

Follows Azure Blob Storage as its clients see it: statuses, ``Content-Range``, ``ETag``,
``x-ms-error-code`` and the XML of errors. The signature is the only credential. It is checked when
the request arrives, so a response may go on after it has expired.

Source: "Get Blob", "Status and error codes" and "Blob service error codes" of the REST reference.
"""

from __future__ import annotations

import asyncio
import email.utils
import logging
import uuid
from xml.sax.saxutils import escape

from aiohttp import web

from dlcore.emulator.counters import Counters
from dlcore.emulator.credentials import SERVICE_VERSION, Signatures
from dlcore.emulator.published_folder import PublishedFolder, StoredObject
from dlcore.emulator.ranges import answer_range
from dlcore.emulator.sender import Sender, Span
from dlcore.file_times import moment_of

log = logging.getLogger("dlcore.emulator")


def blob_path(package_id: str, name: str) -> str:
    """The path of an object; each package has its own container, named after its id."""
    return f"/storage/{package_id.lower()}/objects/{name}"


class Storage:
    """Answers clients that present a signature."""

    def __init__(
        self, published: PublishedFolder, signatures: Signatures, sender: Sender, counters: Counters
    ) -> None:
        self._published = published
        self._signatures = signatures
        self._sender = sender
        self._counters = counters

    def routes(self) -> list[web.RouteDef]:
        """The routes of the storage; ``web.get`` also answers HEAD."""
        return [web.get("/storage/{container}/objects/{name}", self.blob)]

    async def blob(self, request: web.Request) -> web.StreamResponse:
        """Send a range of an object, or the whole object."""
        if "Authorization" in request.headers:
            message = "A signature and an Authorization header must not be used together."
            return _error(400, "InvalidAuthenticationInfo", message)
        refusal = self._signatures.refusal(request.path, request.query)
        if refusal is not None:
            message = "Server failed to authenticate the request."
            return _error(403, "AuthenticationFailed", message, detail=refusal)
        name = request.match_info["name"]
        stored = await asyncio.to_thread(self._published.stored, name)
        if stored is None:
            log.error("object %s is missing on disk", name)
            return _error(404, "BlobNotFound", "The specified blob does not exist.")
        return await self._send(request, name, stored)

    async def _send(
        self, request: web.Request, name: str, stored: StoredObject
    ) -> web.StreamResponse:
        header = request.headers.get("x-ms-range", request.headers.get("Range"))
        head = answer_range(header, stored.length_bytes)
        if head.status == 416:
            message = "The range specified is invalid for the current size of the resource."
            response: web.StreamResponse = _error(416, "InvalidRange", message)
            response.headers.update(head.headers)
            return response
        response = web.StreamResponse(
            status=head.status,
            headers={
                "Content-Type": "application/octet-stream",
                "ETag": f'"0x{name[:16].upper()}"',
                "Last-Modified": email.utils.format_datetime(
                    moment_of(stored.modified_s), usegmt=True
                ),
                "x-ms-blob-type": "BlockBlob",
                **head.headers,
                **_identification(),
            },
        )
        span = Span(stored.path, head.start, head.end)
        if await self._sender.send(request, response, span, self._counters.content_sent):
            self._counters.range_served()
        return response


def _identification() -> dict[str, str]:
    return {"x-ms-request-id": str(uuid.uuid4()), "x-ms-version": SERVICE_VERSION}


def _error(status: int, code: str, message: str, *, detail: str = "") -> web.Response:
    headers = {"x-ms-error-code": code, **_identification()}
    more = f"<AuthenticationErrorDetail>{escape(detail)}</AuthenticationErrorDetail>"
    text = (
        '<?xml version="1.0" encoding="utf-8"?>'
        f"<Error><Code>{code}</Code><Message>{escape(message)}\n"
        f"RequestId:{headers['x-ms-request-id']}</Message>{more if detail else ''}</Error>"
    )
    return web.Response(status=status, text=text, content_type="application/xml", headers=headers)
