"""A drive's part of a distribution point's content library: files by their SHA-256 digest.

Guarantees: those of `dlcore.transfer.interface`. An object is held only if ``FileLib`` has a file
with its digest and its length. A library that spans several drives is an endpoint for each drive.

Documents are the INI files of ``PkgLib`` and ``DataLib``, which only one of the drives has.

Source: Microsoft Learn, "The content library in Configuration Manager". That a file's name has
upper-case digits is observed.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final, Protocol

from dlcore.errors import Fault, TransferError
from dlcore.model import EndpointKind, Manifest
from dlcore.transfer.endpoints.folder import FolderEndpoint
from dlcore.transfer.endpoints.placement import PackagePlacement
from dlcore.transfer.interface import Endpoint
from dlcore.transfer.policy import TransferPolicy

OTHER_DRIVES: Final = (
    "A content library on several drives is an endpoint for each drive: name all of them, each with"
    " its own --from 'content-library+FOLDER', or in a deployment file with its own [[endpoint]]."
)
"""What to do if a content library lacks a file, because one of its drives was not named."""

LOOKED_AT_ONCE = 256  # files; enough to hide the start of a thread, and few for a slow share


class ContentLibrary(Endpoint, Protocol):
    """A content library, wherever it lies: an endpoint that can be asked for its folders.

    Its documents are INI files, by their paths in the library (``DataLib/ABC00012.3.INI``).
    """

    @property
    def versions_are_listed(self) -> bool:
        """Whether there is no ``PkgLib``, so that the names in ``DataLib`` tell the versions."""
        ...

    @property
    def questions_at_once(self) -> int:
        """How many folders and INI files to ask for at the same time."""
        ...

    async def entries(self, key: str) -> list[tuple[str, bool]]:
        """List a folder of the library: names, and whether each is a folder itself (no link).

        Args:
            key: Its path in the library, ``DataLib/ABC00012.3``.

        Raises:
            TransferError: It cannot be listed; ``NOT_FOUND`` if there is none.
        """
        ...


class ContentLibraryEndpoint:
    """The content library in a folder, local or UNC.

    Args:
        name: Name of the endpoint.
        root: The folder that has ``FileLib``: ``SCCMContentLib``, or the share of that.
        connections: Ranges to read at once, at most.
        policy: Gives the length of one read, and when a read is given up.
    """

    kind = EndpointKind.CONTENT_LIBRARY
    versions_are_listed = False
    questions_at_once = 16  # enough to hide the round trips of a share

    def __init__(
        self,
        name: str,
        root: Path,
        *,
        connections: int = 4,
        policy: TransferPolicy | None = None,
    ) -> None:
        self.name = name
        self._folder = FolderEndpoint(
            name, root, connections=connections, policy=policy, key_of=_file_key
        )

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        """Read an INI file; see `dlcore.transfer.interface.Endpoint.read_document`.

        Args:
            key: Its path in the library, ``PkgLib/ABC00012.INI``.
            limit_bytes: The longest file to accept.
        """
        return await self._folder.read_document(key, limit_bytes)

    async def entries(self, key: str) -> list[tuple[str, bool]]:
        """List a folder of the library: names, and whether each is a folder itself (no link).

        Args:
            key: Its path in the library, ``DataLib/ABC00012.3``.

        Raises:
            TransferError: It cannot be listed; ``NOT_FOUND`` if there is none.
        """
        return await self._folder.entries(key)

    async def locate(self, manifest: Manifest) -> PackagePlacement:
        """Look which objects are here: those that are whole files with a SHA-256 digest."""
        names = [item.sha256.hex() for item in manifest.objects if item.sha256]
        steps = range(0, len(names), LOOKED_AT_ONCE)
        parts = [names[at : at + LOOKED_AT_ONCE] for at in steps]
        looks = (self._folder.lengths([_file_key(name) for name in part]) for part in parts)
        found = [length for lengths in await asyncio.gather(*looks) for length in lengths]
        lengths = dict(zip(names, found, strict=True))
        held = frozenset(
            index
            for index, item in enumerate(manifest.objects)
            if item.sha256 and lengths[item.sha256.hex()] == item.length_bytes
        )
        if manifest.objects and not held:
            raise TransferError(
                f"holds no file of package {manifest.package_id}",
                fault=Fault.NOT_FOUND,
                endpoint=self.name,
                remedy=f"Distribute the package to it again. {OTHER_DRIVES}",
            )
        return (await self._folder.locate(manifest)).narrowed(held)

    async def aclose(self) -> None:
        """Do nothing: no file is open between reads."""


def _file_key(name: str) -> str:
    """Where a file is, by its digest in hex."""
    digest = name.upper()
    return f"FileLib/{digest[:4]}/{digest}"
