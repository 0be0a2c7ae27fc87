"""Which endpoints a client may use, and what forbids the others."""

from __future__ import annotations

from typing import NamedTuple

from dlcore.deployment.settings import ClientSettings, Deployment
from dlcore.model import EndpointKind, EndpointSettings

USE_CMG = 'the client setting "Enable clients to use a cloud management gateway"'
ALLOW_CLOUD_DP = 'the client setting "Allow access to cloud distribution point"'
SERVE_CONTENT = (
    'the CMG setting "Allow CMG to function as a cloud distribution point'
    ' and serve content from Azure storage"'
)
CLOUD_KINDS = frozenset(
    {EndpointKind.CMG, EndpointKind.CLOUD_DP, EndpointKind.BLOB, EndpointKind.BUCKET}
)


class Candidate(NamedTuple):
    """An endpoint, and why this client may not use it: empty if it may."""

    endpoint: EndpointSettings
    obstacle: str


def usable_endpoints(deployment: Deployment) -> tuple[Candidate, ...]:
    """All endpoints in preference order, each with the reason if this client may not use it.

    With boundary groups, they say where an on-premises distribution point can be reached.
    """
    has_groups = bool(deployment.boundary)
    return tuple(
        Candidate(
            endpoint, "; ".join(_obstacles(endpoint, deployment.client, has_groups=has_groups))
        )
        for endpoint in deployment.endpoints
    )


def _obstacles(
    endpoint: EndpointSettings, client: ClientSettings, *, has_groups: bool
) -> list[str]:
    """Every reason why this client may not use an endpoint."""
    is_cmg = endpoint.kind is EndpointKind.CMG
    reasons = {
        f"{USE_CMG} is off": is_cmg and not client.use_cmg,
        f"{SERVE_CONTENT} is off": is_cmg and not endpoint.serves_content,
        f"{ALLOW_CLOUD_DP} is off": endpoint.kind in CLOUD_KINDS and not client.allow_cloud_dp,
        "an on-premises distribution point cannot be reached from the internet": (
            endpoint.kind in {EndpointKind.DP, EndpointKind.CONTENT_LIBRARY}
            and not endpoint.is_folder
            and client.on_internet
            and not has_groups
        ),
    }
    return [reason for reason, applies in reasons.items() if applies]
