"""Fetches a package into a folder by the agent, and verifies what the agent hands out."""

from __future__ import annotations

from pathlib import Path

from dlcore import manifest as documents
from dlcore.agent.client import AgentClient
from dlcore.agent.interface import AgentStatus, PackageStatus
from dlcore.engine.delivery.apart import check_apart
from dlcore.engine.delivery.copying import Copying
from dlcore.engine.delivery.deliveries import Deliveries
from dlcore.engine.delivery.delivering import deliver
from dlcore.engine.delivery.own_folder import OwnFolder
from dlcore.engine.documents.content_library import StatedHash
from dlcore.engine.fetching.fetch_into import Fetched
from dlcore.engine.fetching.truth import Truth
from dlcore.errors import IntegrityError
from dlcore.long_path import plain_path
from dlcore.store import Package, Store
from dlcore.waiting import in_thread

BY_AGENT = "agent"
"""What stands in the place of an endpoint's name."""


async def fetch_by_agent(
    agent: AgentClient, package_id: str, *, to: Path, deliveries: Deliveries, wait_s: float = 0.0
) -> Fetched:
    """Have the agent obtain a package, and copy it; each block is verified while it is copied.

    The agent decides which version counts: it belongs to this user or to an administrator.

    Args:
        agent: Open.
        package_id: What to fetch.
        to: Folder that becomes the package, complete or not at all.
        deliveries: Knows what dlcore has delivered before.
        wait_s: How long to wait while another process fetches to the same place.

    Raises:
        AgentError: The agent cannot be reached.
        ConfigError: The folder is in a state directory, or has the agent's in it.
        IntegrityError: What the agent handed out does not match its manifest. The folder is as it
            was before.
        DlcoreError: As `dlcore.fetch`.
    """
    status = await agent.status()
    check_apart(to, Path(status.state))
    life, before = _life(status), await agent.package(package_id)
    obtained = await agent.obtained(package_id)
    status = await agent.status()
    state = Path(status.state)
    package = await in_thread(_described, state, obtained)
    goal = OwnFolder(to, deliveries)
    look = await deliver(goal, package, Copying(Path(obtained.folder), package), wait_s)
    content_bytes = package.manifest.content_bytes
    fetched_bytes = obtained.received_bytes
    if _life(status) == life:  # else another agent has answered, which counts from 0
        fetched_bytes -= before.received_bytes
    return Fetched(
        package_id,
        str(plain_path(goal.path)),
        content_bytes,
        fetched_bytes,
        max(0, content_bytes - fetched_bytes),
        {BY_AGENT: fetched_bytes},
        repaired=tuple(dict.fromkeys(item.path for item in look.bad)),
        version=package.manifest.version,
        truth=Truth(obtained.truth),
        stated_hash=_stated_hash(obtained),
        kept_catalog=obtained.catalog_trouble.message if obtained.catalog_trouble else "",
    )


def _stated_hash(obtained: PackageStatus) -> StatedHash:
    """The agent describes only content that has the stated hash."""
    is_described = obtained.truth == Truth.CONTENT_LIBRARY
    return StatedHash.EQUAL if is_described else StatedHash.NOT_COMPARED


def _life(status: AgentStatus) -> tuple[int, float]:
    """Tells one life of the agent from the next."""
    return status.process_id, status.began_s


def _described(state: Path, obtained: PackageStatus) -> Package:
    """The manifest that the agent keeps with the package; its digest is compared."""
    digest, package_id = obtained.manifest_digest, obtained.package_id
    document = Store.look(state).read_manifest(package_id, int(obtained.version), digest)
    if document is None:
        raise IntegrityError(
            f"the manifest of package {package_id} in {state} was altered",
            remedy="Run it once more: the agent proves the package again.",
        )
    return Package(documents.decode(document, source=f"manifest of {package_id}"), document)
