"""A package under way: what it consists of, where it is written, who has it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from dlcore.errors import TransferError
from dlcore.model import Manifest
from dlcore.store import Partial
from dlcore.transfer.interface import Placement

Located = Mapping[str, Placement | TransferError]
"""Endpoint name -> the package's objects there, or why they could not be located."""


class PackageDownload:
    """The state of one package's download.

    Attributes:
        attempts: Download retries begun.
        causes: The last failure of each endpoint.
        unsynced: Whether blocks were written since the last sync.
        location: Name of the endpoint that was last asked, and the package's id.
        ending: Whether it is being finished, retried or has failed: leave it alone.
    """

    def __init__(
        self, package_id: str, manifest: Manifest, partial: Partial, located: Located
    ) -> None:
        self.package_id = package_id
        self.manifest = manifest
        self.partial = partial
        self.attempts = 0
        self.causes: dict[str, TransferError] = {}
        self.placements: dict[str, Placement] = {}
        self.location = ""
        self.unsynced = False
        self.ending = False
        self.verified_bytes = partial.reused_bytes
        self.path: asyncio.Future[Path] = asyncio.get_running_loop().create_future()
        self.located(located)

    def located(self, located: Located) -> None:
        """Take note of where the objects are."""
        for endpoint, result in located.items():
            if isinstance(result, TransferError):
                self.causes[endpoint] = result
            else:
                self.placements[endpoint] = result
