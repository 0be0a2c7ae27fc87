"""What a pre-cache would fetch, found out without fetching content.

Guarantees: nothing on this machine is changed. What is reported as present was read and compared
with its digests. The figure of what is to be fetched is an upper bound: what other packages, seeds
and patches save is only known when it is fetched.
"""

from __future__ import annotations

from dlcore.engine.client import Client
from dlcore.engine.download.package_index import PackageIndex
from dlcore.engine.precache import Precached, PrecachedPackage, SequenceContent
from dlcore.errors import DlcoreError
from dlcore.model import CatalogEntry
from dlcore.store.present import missing_bytes, present_in_state
from dlcore.waiting import in_thread


async def preview_precache(client: Client, wanted: SequenceContent) -> Precached:
    """Tell what `precache` would fetch; nothing is changed, and no content is fetched.

    What is on disk is hashed, which takes as long as reading it. A package whose manifest cannot
    be described has the error, and counts as missing.

    Args:
        client: Open.
        wanted: Packages, in the order of need.

    Raises:
        DlcoreError: The catalog cannot be read.
    """
    package_index = await client.package_index()
    found = [
        await _previewed(client, package_index, package_id, is_certain=package_id in wanted.needed)
        for package_id in wanted.packages
    ]
    return Precached(tuple(found), 0.0, 0, sum(each.verified_bytes for each in found))


async def _previewed(
    client: Client, package_index: PackageIndex, package_id: str, *, is_certain: bool
) -> PrecachedPackage:
    entry: CatalogEntry | None = None
    there_bytes, code, message = 0, "", ""
    try:
        entry = package_index.entry(package_id)
        there_bytes = await _verified_bytes(client, package_index, package_id, entry)
    except DlcoreError as error:
        code, message = error.code, error.message
    return PrecachedPackage(
        package=package_id,
        version=entry.version if entry else None,
        content_bytes=entry.content_bytes if entry else 0,
        verified_bytes=there_bytes,
        is_ready=False,
        is_certain=is_certain,
        code=code,
        message=message,
    )


async def _verified_bytes(
    client: Client, package_index: PackageIndex, package_id: str, entry: CatalogEntry
) -> int:
    """How much of a package is right on disk."""
    begun = client.store.reserved_bytes
    if not await in_thread(begun, package_id, entry.version, entry.manifest):
        return 0  # its manifest is not needed to know that
    manifest, _ = await package_index.manifest(package_id)
    present = await in_thread(present_in_state, manifest, entry.manifest, client.state)
    return max(0, entry.content_bytes - missing_bytes(manifest, present))
