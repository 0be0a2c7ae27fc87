"""The OpenAPI document of the local API, made of the types that it speaks in.

Source: OpenAPI Specification 3.1.0, https://spec.openapis.org/oas/v3.1.0.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from dlcore.agent.interface import Trouble
from dlcore.agent.routes import BASE, COMMON_FAILURES, EVENT_STREAM, JSON, ROUTES, Route

_REFERENCE: Final = "#/components/schemas/{name}"
_REASONS: Final = {
    400: "It cannot be understood.",
    403: "It comes from another user, or from a browser.",
    404: "There is no such package, or no such want.",
    409: "The name is another one than that of the path, or belongs to dlcore run; or the catalog"
    " of its run is lost.",
    413: "It is too long.",
    415: "Its body is not JSON.",
    422: "What it holds cannot be used.",
    423: "A step of a task sequence works in it, or a run goes on.",
    500: "This is a fault of dlcore.",
    502: "No endpoint serves what is missing, or what they serve is not right.",
    503: "The agent is ending, or has too many readers.",
    507: "The local disk failed, or is full.",
}


def openapi_document(version: str) -> dict[str, Any]:
    """The document.

    Args:
        version: Of dlcore.
    """
    types = [each for route in ROUTES for each in (route.answer, route.body) if each]
    _, components = msgspec.json.schema_components([*types, Trouble], ref_template=_REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(BASE + route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "dlcore agent",
            "version": version,
            "description": "The local API of the agent, for the same user and administrators.",
        },
        "servers": [{"url": "http://dlcore", "description": "By the agent's socket or pipe."}],
        "paths": paths,
        "components": {"schemas": components},
    }


def _operation(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": route.operation,
        "summary": route.summary,
        "responses": _responses(route),
    }
    parameters = _parameters(route)
    if parameters:
        found["parameters"] = parameters
    if route.body:
        found["requestBody"] = {
            "required": route.needs_body,
            "content": {JSON: {"schema": _schema(route.body)}},
        }
    return found


def _parameters(route: Route) -> list[dict[str, Any]]:
    if route.parameter:
        name = route.path.partition("{")[2].partition("}")[0]
        schema = _schema(route.parameter)
        return [{"name": name, "in": "path", "required": True, "schema": schema}]
    if route.media_type == EVENT_STREAM:
        schema = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
        return [{"name": "Last-Event-ID", "in": "header", "required": False, "schema": schema}]
    return []


def _responses(route: Route) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done."}
    if route.answer:
        good["content"] = {route.media_type: {"schema": _schema(route.answer)}}
    trouble = {JSON: {"schema": _schema(Trouble)}}
    failures = sorted({*COMMON_FAILURES, *route.failures})
    return {
        str(route.status): good,
        **{
            str(status): {"description": _REASONS[status], "content": trouble}
            for status in failures
        },
    }


def _schema(kind: Any) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=_REFERENCE)
    return schema
