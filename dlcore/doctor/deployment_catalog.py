"""Checks the catalog that a deployment names: without it nothing can be fetched."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from dlcore.deployment import Check, CheckOutcome, Deployment
from dlcore.engine.documents.catalog import read_catalog
from dlcore.engine.documents.trusted import TrustedRoot
from dlcore.engine.numbers_for_people import counted
from dlcore.errors import DlcoreError

_NAME = "deployment-catalog"


async def deployment_catalog(
    deployment: Deployment, state: Path, usable: Collection[str]
) -> tuple[Check, ...]:
    """Read the catalog that the deployment has in a file, and verify it as a fetch does.

    Nothing is written. One that an endpoint has is read where the endpoint is examined.

    Args:
        deployment: The settings.
        state: The state directory, which remembers what was signed last.
        usable: Names of the endpoints that this client may use.

    Returns:
        One check; none if the catalog is read elsewhere, or none is named.
    """
    settings, root = deployment.catalog, deployment.trust.root
    if settings.endpoint and settings.endpoint not in usable:
        detail = f"it is to be read from endpoint {settings.endpoint}, which may not be used"
        remedy = "Name another endpoint or a path under [catalog]."
        return (Check(_NAME, CheckOutcome.FAILED, detail, remedy),)
    if not settings.path:
        return ()
    trust = TrustedRoot(Path(root), state / "trust", keeps=False) if root else None
    try:
        read = await read_catalog(path=Path(settings.path), sha256=settings.sha256, trust=trust)
    except DlcoreError as error:
        return (Check(_NAME, CheckOutcome.FAILED, error.message, error.remedy),)
    signed = ", signed" if root else ""
    detail = f"{counted(len(read.catalog.packages), 'package')} in {settings.path}{signed}"
    return (Check(_NAME, CheckOutcome.PASSED, detail),)
