"""The service of a content-enabled gateway: issues tokens, documents and locations.

Implements steps 1 to 3 of the protocol in ``docs/protocols.md``. `storage` implements step 4.
"""

from __future__ import annotations

import asyncio
import logging
import urllib.parse

import msgspec
from aiohttp import web

from dlcore.emulator.counters import Counters
from dlcore.emulator.credentials import Signatures, Tokens
from dlcore.emulator.published_folder import PublishedFolder
from dlcore.emulator.sender import Sender, Span
from dlcore.emulator.settings import Settings
from dlcore.emulator.storage import blob_path
from dlcore.model import Manifest

log = logging.getLogger("dlcore.emulator")


class Service:
    """Answers clients that present a registration token or an access token."""

    def __init__(
        self,
        settings: Settings,
        published: PublishedFolder,
        tokens: Tokens,
        signatures: Signatures,
        sender: Sender,
        counters: Counters,
    ) -> None:
        self._settings = settings
        self._published = published
        self._tokens = tokens
        self._signatures = signatures
        self._sender = sender
        self._counters = counters

    def routes(self) -> list[web.RouteDef]:
        """The routes of the service."""
        service = "/downloadrestservice.svc"
        return [
            web.post("/ccm_system_TokenAuth/token", self.token),
            web.get(f"{service}/document", self.document),
            web.get(f"{service}/getcontentxmlsecure", self.locations),
        ]

    async def token(self, request: web.Request) -> web.Response:
        """Exchange the registration token for an access token."""
        token = self._tokens.issue(_bearer(request))
        if token is None:
            return _unauthorised("this service does not know the registration token")
        self._counters.token_issued()
        return _json({"access_token": token, "expires_in_s": self._settings.token_life_s})

    async def document(self, request: web.Request) -> web.StreamResponse:
        """Send the catalog or a manifest."""
        if not self._tokens.accepts(_bearer(request)):
            return _unauthorised("the access token has expired or is not from this service")
        path = await asyncio.to_thread(self._published.document, request.query.get("key", ""))
        if path is None:
            return _refusal(404, "the document does not exist")
        length = (await asyncio.to_thread(path.stat)).st_size
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        span = Span(path, 0, length)
        await self._sender.send(request, response, span, self._counters.document_sent)
        return response

    async def locations(self, request: web.Request) -> web.Response:
        """Send the signed locations of a package's objects."""
        if not self._tokens.accepts(_bearer(request)):
            return _unauthorised("the access token has expired or is not from this service")
        if not self._settings.serve_content:
            return _refusal(503, "this service is not configured to serve content from storage")
        package_id = request.query.get("pid", "")
        digest = request.query.get("cid", "")
        manifest = await asyncio.to_thread(self._published.manifest, digest)
        if manifest is None or manifest.package_id != package_id:
            return _refusal(404, "the package is not on this service")
        lengths = await asyncio.to_thread(self._published.lengths, manifest.objects)
        self._counters.locations_issued()
        return _json(self._located(manifest, lengths, f"https://{request.host}"))

    def _located(
        self, manifest: Manifest, lengths: dict[str, int], origin: str
    ) -> dict[str, object]:
        missing = len({item.name for item in manifest.objects} - lengths.keys())
        if missing:
            log.error("%s: %d objects are missing on disk", manifest.package_id, missing)
        return {
            "package_id": manifest.package_id,
            "expires_in_s": self._settings.location_life_s,
            "objects": {
                name: {"url": self._url(origin, manifest.package_id, name), "length_bytes": length}
                for name, length in lengths.items()
            },
        }

    def _url(self, origin: str, package_id: str, name: str) -> str:
        path = blob_path(package_id, name)
        return f"{origin}{urllib.parse.quote(path)}?{self._signatures.sign(path)}"


def _bearer(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(
        status=status, body=msgspec.json.encode(body), content_type="application/json"
    )


def _refusal(status: int, reason: str) -> web.Response:
    return _json({"error": reason}, status)


def _unauthorised(reason: str) -> web.Response:
    response = _refusal(401, reason)
    response.headers["WWW-Authenticate"] = "Bearer"
    return response
