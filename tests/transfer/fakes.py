"""A content service and its storage, which speak the documented protocol as a test tells them.

Unlike the emulator, they can send false responses, and they keep every request.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import web

from dlcore.model import EndpointKind, EndpointSettings

REGISTRATION = "registration-canary-0001"


@dataclass
class FakeCloud:
    """Service and storage on two origins, each with a list of its requests.

    ``tokens`` and ``signatures`` count what was given out; only the last one is accepted.
    """

    contents: dict[str, bytes]
    url: str = ""
    storage_url: str = ""
    token_life_s: float = 3600
    location_life_s: float = 3600
    tokens: int = 0
    signatures: int = 0
    accept_token: bool = True
    accept_signature: bool = True
    token_status: int = 200
    location_status: int = 200
    refusal_headers: dict[str, str] = field(default_factory=dict)
    location_reply: bytes | None = None
    asked_service: list[web.Request] = field(default_factory=list)
    asked_storage: list[web.Request] = field(default_factory=list)

    def settings(self, name: str, token_env: str) -> EndpointSettings:
        """Settings of a client; storage is private, so they name it."""
        return EndpointSettings(
            name, EndpointKind.CMG, self.url, token_env=token_env, content_hosts=("127.0.0.1",)
        )

    async def service(self, request: web.Request) -> web.Response:
        self.asked_service.append(request)
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if request.path == "/ccm_system_TokenAuth/token":
            if request.method != "POST" or bearer != REGISTRATION:
                return web.Response(status=401)
            if self.token_status != 200:
                return web.Response(status=self.token_status, headers=self.refusal_headers)
            self.tokens += 1
            reply = {"access_token": self.token, "expires_in_s": self.token_life_s}
            return web.json_response(reply)
        if bearer != self.token or not self.accept_token:
            return web.Response(status=401)
        if self.location_status != 200:
            return web.Response(status=self.location_status, headers=self.refusal_headers)
        self.signatures += 1
        if self.location_reply is not None:
            return web.Response(body=self.location_reply, content_type="application/json")
        return web.json_response(self.locations(request.query["pid"]))

    async def storage(self, request: web.Request) -> web.StreamResponse:
        self.asked_storage.append(request)
        if request.query.get("sig") != self.signature or not self.accept_signature:
            return web.Response(status=403, headers={"x-ms-error-code": "AuthenticationFailed"})
        data = self.contents[request.path.strip("/")]
        asked = request.http_range
        start, end = asked.start, asked.stop
        return web.Response(
            status=206,
            body=data[start:end],
            headers={"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"},
        )

    @property
    def token(self) -> str:
        return f"token-canary-{self.tokens}"

    @property
    def signature(self) -> str:
        return f"signature/canary+{self.signatures}"

    def locations(self, package_id: str) -> dict[str, object]:
        quoted = self.signature.replace("/", "%2F").replace("+", "%2B")
        return {
            "package_id": package_id,
            "expires_in_s": self.location_life_s,
            "objects": {
                name: {"url": f"{self.storage_url}/{name}?sig={quoted}", "length_bytes": len(data)}
                for name, data in self.contents.items()
            },
        }

    def reply_with(self, **changes: object) -> None:
        """Answer for locations with these members changed."""
        self.location_reply = json.dumps(self.locations("ABC00012") | changes).encode()


@contextlib.asynccontextmanager
async def fake_cloud(contents: dict[str, bytes]) -> AsyncIterator[FakeCloud]:
    """Run both origins on free loopback ports."""
    cloud = FakeCloud(contents)
    async with contextlib.AsyncExitStack() as stack:
        for handler, name in [(cloud.service, "url"), (cloud.storage, "storage_url")]:
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", handler)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            setattr(cloud, name, f"http://127.0.0.1:{runner.addresses[0][1]}")
        yield cloud
