"""The local API over HTTP: the calls of `ContentAgent`, answered by the service."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final, TypeVar, get_args

import msgspec
from aiohttp import web

from dlcore.agent.admission import HOST, admitting, refusal, telling_errors
from dlcore.agent.event_stream import write_events
from dlcore.agent.interface import (
    MAX_BODY_BYTES,
    ContentHash,
    Digest,
    DigestOrNone,
    ObtainTerms,
    PackageId,
    Want,
    WantName,
    WantNameOrNone,
)
from dlcore.agent.openapi import openapi_document
from dlcore.agent.routes import BASE, JSON, ROUTES
from dlcore.agent.run_want import NAME as NAME_OF_RUN
from dlcore.agent.service import AgentService

S = TypeVar("S", bound=msgspec.Struct)
MAX_NUMBER: Final = 2**53 - 1  # what every JSON library reads as it is written


def application(
    service: AgentService, version: str, hosts: Collection[str] = (HOST,)
) -> web.Application:
    """The application that a server of aiohttp serves.

    Args:
        service: Answers.
        version: Of dlcore.
        hosts: What may stand in the field ``Host``.
    """
    app = web.Application(
        middlewares=[admitting(hosts), telling_errors], client_max_size=MAX_BODY_BYTES
    )
    calls = _Calls(service, version)
    for route in ROUTES:
        # An id with a slash in it is refused by its pattern, and not taken for another path.
        app.router.add_route(route.method, BASE + route.path, getattr(calls, route.operation))
    return app


class _Calls:
    """A method for each call, named as its operation is."""

    def __init__(self, service: AgentService, version: str) -> None:
        self._service = service
        self._version = version

    async def status(self, request: web.Request) -> web.Response:
        return _answer(self._service.status())

    async def want(self, request: web.Request) -> web.Response:
        name = _parameter(request, "name", WantName)
        if name == NAME_OF_RUN:
            return refusal(409, f"the name {name} belongs to dlcore run", "Choose another name.")
        return await self._want(request, name)

    async def forget(self, request: web.Request) -> web.Response:
        name = _parameter(request, "name", WantName)
        if name == NAME_OF_RUN:
            await self._service.check_run_has_gone()
        await self._service.forget(name)
        return web.Response(status=204)

    async def want_of_run(self, request: web.Request) -> web.Response:
        return await self._want(request, NAME_OF_RUN)

    async def forget_run(self, request: web.Request) -> web.Response:
        await self._service.forget(NAME_OF_RUN)
        return web.Response(status=204)

    async def package(self, request: web.Request) -> web.Response:
        return _answer(self._service.package(_parameter(request, "package_id", PackageId)))

    async def look(self, request: web.Request) -> web.Response:
        await self._service.look()
        return web.Response(status=204)

    async def obtain(self, request: web.Request) -> web.Response:
        package_id = _parameter(request, "package_id", PackageId)
        if not request.can_read_body:
            return _answer(await self._service.obtain(package_id))
        if request.content_type != JSON:
            return refusal(415, f"the body is not {JSON}")
        terms = _decoded(await request.read(), ObtainTerms, "how a package is obtained")
        _check(terms.want, WantNameOrNone)
        return _answer(await self._service.obtain(package_id, terms))

    async def events(self, request: web.Request) -> web.StreamResponse:
        ring = self._service.events
        after = _event_number(request, ring.latest)
        if not self._service.begin_reading():
            return refusal(503, "too many clients read events", "Close some of them.", "agent")
        try:
            return await write_events(request, ring, after, self._service.policy)
        finally:
            self._service.end_reading()

    async def stop(self, request: web.Request) -> web.Response:
        self._service.stop()
        return web.Response(status=202)

    async def openapi(self, request: web.Request) -> web.Response:
        return _answer(openapi_document(self._version))

    async def _want(self, request: web.Request, name: str) -> web.Response:
        if request.content_type != JSON:
            return refusal(415, f"the body is not {JSON}")
        want = decode_want(await request.read())
        if want.name != name:
            raise web.HTTPConflict(reason="the name of the want is not that of the path")
        await self._service.want(want)
        return web.Response(status=204)


def _number(text: str) -> float | int:
    """JSON knows one kind of number: 3.0 is an integer, as JSON Schema says."""
    number = float(text)
    return int(number) if number.is_integer() else number


_DECODER: Final = msgspec.json.Decoder(float_hook=_number)


def _answer(body: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type=JSON)


def _decoded(body: bytes, kind: type[S], what: str) -> S:
    try:
        return msgspec.convert(_DECODER.decode(body), kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise web.HTTPBadRequest(reason=_one_line(f"it is not {what}: {error}")) from None


def decode_want(body: bytes) -> Want:
    """Read what a client wants.

    Raises:
        HTTPBadRequest: It is malformed; the client's fault.
    """
    want = _decoded(body, Want, "a want")
    _check(want.name, WantName)
    for package_id in (*want.packages, *want.maybe_packages, *want.kept, *want.in_use):
        _check(package_id, PackageId)
    for package_id, stated in want.stated.items():
        _check(package_id, PackageId)
        _check(stated.content_hash, ContentHash)
    if want.pin:
        _check(want.pin.catalog, Digest)
        _check(want.pin.evidence, DigestOrNone)
    return want


def _parameter(request: web.Request, name: str, kind: object) -> str:
    text = request.match_info[name]
    _check(text, kind)
    return text


def _check(text: str, kind: object) -> None:
    """Refuse what the pattern of a type does not match to its end: ``$`` allows a line break."""
    (meta,) = (each for each in get_args(kind) if isinstance(each, msgspec.Meta))
    if not re.fullmatch(meta.pattern or "", text) or text.endswith("\n"):
        raise web.HTTPBadRequest(reason=f"a name or an id does not match {meta.pattern}")


def _event_number(request: web.Request, latest: int) -> int:
    text = request.headers.get("Last-Event-ID")
    if text is None:
        return latest
    if not re.fullmatch(r"[0-9]{1,16}", text) or int(text) > MAX_NUMBER:
        raise web.HTTPBadRequest(reason="Last-Event-ID is not the number of an event")
    return int(text)


def _one_line(text: str) -> str:
    return " ".join(text.split())
