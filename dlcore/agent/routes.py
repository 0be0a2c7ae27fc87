"""The calls of the local API, version 1: server and OpenAPI document are made of this table."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from dlcore.agent.interface import (
    API_VERSION,
    AgentStatus,
    ObtainTerms,
    PackageId,
    PackageStatus,
    Want,
    WantName,
)

BASE: Final = f"/v{API_VERSION}"
JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream"


class Route(NamedTuple):
    """A call.

    Attributes:
        method: Of HTTP.
        path: Below `BASE`; ``{name}`` is a parameter.
        operation: The name of the call, and of the method that answers it.
        summary: What it does.
        status: If all goes well.
        answer: Type of the answer's body; None: it has none.
        body: Type of the request's body; None: it has none.
        needs_body: Whether the body must be there.
        parameter: Type of the path's parameter.
        media_type: Of the answer.
        failures: Statuses that come with a `Trouble`, besides those of every call.
    """

    method: str
    path: str
    operation: str
    summary: str
    status: int = 200
    answer: Any = None
    body: Any = None
    parameter: Any = None
    media_type: str = JSON
    failures: tuple[int, ...] = ()
    needs_body: bool = True


ROUTES: Final = (
    Route(
        "GET",
        "/status",
        "status",
        "The state of the agent: what it wants and has.",
        200,
        AgentStatus,
    ),
    Route(
        "PUT",
        "/wants/{name}",
        "want",
        "Want something, in place of the want of that name.",
        204,
        body=Want,
        parameter=WantName,
        failures=(409, 413, 415, 422, 502, 507),
    ),
    Route(
        "DELETE",
        "/wants/{name}",
        "forget",
        "Forget a want; content that is there stays.",
        204,
        parameter=WantName,
        failures=(423, 507),
    ),
    Route(
        "PUT",
        "/run/want",
        "want_of_run",
        "What a run wants now; dlcore run alone tells it.",
        204,
        body=Want,
        failures=(409, 413, 415, 422, 502, 507),
    ),
    Route(
        "DELETE",
        "/run/want",
        "forget_run",
        "The run has ended; dlcore run alone tells it.",
        204,
        failures=(507,),
    ),
    Route(
        "GET",
        "/packages/{package_id}",
        "package",
        "Where a package stands now.",
        answer=PackageStatus,
        parameter=PackageId,
    ),
    Route(
        "POST",
        "/catalog/look",
        "look",
        "Look at the site's catalog, unless that was done a moment ago.",
        204,
    ),
    Route(
        "POST",
        "/packages/{package_id}/obtain",
        "obtain",
        "Wait for a package, before all others, and have it proven.",
        answer=PackageStatus,
        body=ObtainTerms,
        parameter=PackageId,
        needs_body=False,
        failures=(404, 413, 415, 422, 423, 502, 503, 507),
    ),
    Route(
        "GET",
        "/events",
        "events",
        "What happens from now on, or since the event that Last-Event-ID names.",
        media_type=EVENT_STREAM,
        answer=str,
        failures=(503,),
    ),
    Route("POST", "/stop", "stop", "End the agent; what is verified stays.", 202),
    Route("GET", "/openapi.json", "openapi", "This document.", answer=dict[str, Any]),
)
COMMON_FAILURES: Final = (400, 403, 500)
"""A call that cannot be understood; one that comes from elsewhere; a fault of dlcore."""
