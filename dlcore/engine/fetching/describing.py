"""What a package consists of, by a site or a content library that the user names."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack

from dlcore.engine.fetching.finding import check_version
from dlcore.engine.fetching.site import NamedSite, OpenedSite
from dlcore.engine.fetching.sources import Access
from dlcore.model import Manifest
from dlcore.package_ids import asked_id, content_version, package_id


async def manifest_of(
    what: str, endpoints: Sequence[str], access: Access | None = None
) -> Manifest:
    """Read the manifest of a package, and nothing of its content.

    Args:
        what: A package id, or a content id of a content library.
        endpoints: Where from, as of `dlcore.fetch`.
        access: What opens them.

    Raises:
        NotFoundError: There is no such package.
        ConfigError: It is not an id, nothing vouches for the catalog, or an endpoint is not
            usable.
        DlcoreError: It cannot be read.
    """
    wanted_id = package_id(what)
    async with AsyncExitStack() as stack:
        site = OpenedSite(NamedSite(endpoints), access or Access(), stack, lambda _: None)
        if (wanted_id or content_version(what)) and site.has_libraries:
            return (await site.describe(wanted_id or what)).manifest
        at_site = asked_id(what)
        package_index = await site.package_index()
        manifest = (await package_index.manifest(at_site))[0]
        check_version(manifest, what)
        return manifest
