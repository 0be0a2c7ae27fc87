"""A deployment and facts with which every check passes, for tests to break one thing at a time."""

from __future__ import annotations

from pathlib import Path

import msgspec

from dlcore.deployment import (
    CatalogSettings,
    Check,
    ClientSettings,
    Deployment,
    DeploymentOptions,
    Facts,
    Need,
    checks,
)
from dlcore.model import EndpointKind, EndpointSettings

CMG = EndpointSettings(
    "cmg1", EndpointKind.CMG, "https://cmg1.contoso.com", token_file="/etc/dlcore/token"
)
CLOUD_DP = EndpointSettings(
    "cdp1", EndpointKind.CLOUD_DP, "https://cdp1.contoso.com", token_env="CDP_TOKEN"
)
DP = EndpointSettings("dp1", EndpointKind.DP, "http://dp1.corp.contoso.com")
BUCKET = EndpointSettings("bucket1", EndpointKind.BUCKET, "s3://content/site")
BLOB = EndpointSettings("blob1", EndpointKind.BLOB, "https://x.blob.core.windows.net/content")
HTTP = EndpointSettings("mirror", EndpointKind.HTTP, "https://mirror.contoso.com")
FOLDER = EndpointSettings("usb", EndpointKind.FILE, "/media/usb")

GOOD_CLIENT = ClientSettings(on_internet=True, use_cmg=True, allow_cloud_dp=True)
GOOD_DEPLOYMENT = Deployment(
    catalog=CatalogSettings(path="/etc/dlcore/catalog.json"),
    endpoints=(CMG, HTTP),
    options=DeploymentOptions(allow_on_internet=True),
    client=GOOD_CLIENT,
)
GOOD_FACTS = Facts(
    deployment=GOOD_DEPLOYMENT,
    upgrade_steps=("Upgrade Windows",),
    needs=(Need("ABC00001", "Upgrade Windows"), Need("ABC00002", "Drivers")),
    unresolved=(),
    catalog=frozenset({"ABC00001", "ABC00002"}),
    holdings={"cmg1": frozenset({"ABC00001"}), "mirror": frozenset({"ABC00001", "ABC00002"})},
    fetch_bytes=5_000_000_000,
    free_bytes=6_000_000_000,
    reserve_bytes=1_000_000_000,
    state_path=Path("/var/lib/dlcore"),
    obstacles=(),
)


def client(facts: Facts, **changes: bool) -> Facts:
    """The facts, with other client settings."""
    settings = msgspec.structs.replace(facts.deployment.client, **changes)
    return deployed(facts, client=settings)


def deployed(facts: Facts, **changes: object) -> Facts:
    """The facts, with another deployment."""
    return msgspec.structs.replace(
        facts, deployment=msgspec.structs.replace(facts.deployment, **changes)
    )


def check_named(name: str, facts: Facts) -> Check:
    """The one check of that name."""
    (found,) = (check for check in checks(facts) if check.name == name)
    return found
