"""Fetches a package in this process, where no agent can be reached.

It looks at nothing but that package: this process ends with it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dlcore.agent.interface import PackageState, PackageStatus, StatedContent
from dlcore.deployment import StatedPackage

if TYPE_CHECKING:
    from dlcore.engine.client import Client


class OwnFetch:
    """Implements `obtaining.PackageSource` over a client.

    Args:
        client: Open.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def look(self) -> None:
        """Nothing: the client reads the site's catalog when the package is asked for."""

    async def obtain(self, package_id: str) -> Path:
        """Fetch a package and prove it; raises as `Client.fetch`."""
        return await self._client.fetch(package_id)

    async def package(self, package_id: str) -> PackageStatus:
        """Where a package stands now; raises as `Client.fetch`."""
        content = await self._client.content()
        entry = content.package_index.entry(package_id)
        downloads = content.downloads
        is_ready = downloads.is_finished(package_id)
        return PackageStatus(
            package_id,
            PackageState.READY if is_ready else PackageState.FETCHING,
            version=str(entry.version),
            manifest_digest=entry.manifest,
            verified_bytes=downloads.verified_bytes(package_id, entry.content_bytes),
            total_bytes=entry.content_bytes,
        )


@asynccontextmanager
async def own_fetch(
    config: Path, state: Path, stated: Mapping[str, StatedContent]
) -> AsyncIterator[OwnFetch]:
    """Open a client of a deployment file.

    Args:
        config: The deployment file.
        state: The state directory.
        stated: What the task sequence states of packages, by package id.

    Raises:
        ConfigError: The file cannot be read, or a setting in it cannot be used.
    """
    from dlcore.engine.client import Client  # takes long to load, and is seldom needed

    async with Client.from_config(config, state) as client:
        client.catalogs.stated.tell(
            {each: StatedPackage(own.content_hash, own.version) for each, own in stated.items()}
        )
        yield OwnFetch(client)
