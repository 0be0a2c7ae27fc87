"""Fetches some files of a package: which ones, and from where in the package's objects.

Guarantees: a selection is never taken for the package. It has a name of its own wherever the fetch
tells of it, and the folder that it goes into loses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dlcore import manifest as documents
from dlcore.engine.fetching.fetch_into import Fetched, SelectionSize
from dlcore.engine.fetching.finding import FoundContent
from dlcore.engine.fetching.sources import Source
from dlcore.engine.fetching.truth import Origin
from dlcore.errors import ConfigError, Fault, TransferError
from dlcore.manifest import Patterns, Selection
from dlcore.model import EndpointKind, Manifest
from dlcore.transfer import Endpoint, Placement, Sink


def patterns_of(include: Sequence[str], exclude: Sequence[str]) -> Patterns:
    """The patterns that the user gives.

    Raises:
        ConfigError: One of them means nothing.
    """
    for pattern in (*include, *exclude):
        if not pattern.strip("/\\ "):
            raise ConfigError(
                f"'{pattern}' is not a pattern of files",
                remedy="Name files as in '*.inf', 'drivers/**' or 'sources/install.wim'.",
            )
    return Patterns(tuple(include), tuple(exclude))


def selection_of(found: FoundContent, patterns: Patterns, what: str) -> Selection | None:
    """What the patterns select; None for all of it.

    Args:
        found: The package.
        patterns: The user's; there may be none.
        what: What the user called the package.

    Raises:
        ConfigError: They select nothing, or it is a single file.
        ManifestError: A file cannot be fetched alone.
    """
    if not (patterns.include or patterns.exclude):
        return None
    if found.is_file_at_url:
        raise ConfigError(
            f"{what} is a single file, of which patterns select nothing",
            remedy="Leave --include and --exclude (include, exclude) out.",
        )
    selection = documents.select(found.manifest, patterns)
    if selection and not (selection.manifest.files or selection.manifest.folders):
        raise ConfigError(
            f"no file of {what} matches the patterns",
            remedy="See what it holds with dlcore tree. '*.inf' means files in every folder,"
            " 'a/*.inf' only those in the folder a; case does not count.",
        )
    return selection


def name_of_selection(name: str) -> str:
    """What a selection is called in events and logs, where the package is called ``name``."""
    return f"{name} (selected files)"


def size_of(selection: Selection | None) -> SelectionSize | None:
    """How much of a package is selected; None if nothing is left out."""
    if selection is None:
        return None
    package = selection.package
    return SelectionSize(len(selection.manifest.files), len(package.files), package.content_bytes)


def with_origin(
    fetched: Fetched, selection: Selection | None, origin: Origin, wasted_early_bytes: int = 0
) -> Fetched:
    """The result of a fetch, with how much of the package it is and what vouches for it.

    Args:
        fetched: The result of its download.
        selection: How much of the package it is.
        origin: What vouches for it, and what was received before the download began.
        wasted_early_bytes: What was received then and not used.
    """
    told = msgspec.structs.replace(
        fetched,
        bytes_fetched=fetched.bytes_fetched + wasted_early_bytes,
        bytes_wasted=fetched.bytes_wasted + wasted_early_bytes,
        package=origin.called or fetched.package,
        selection=size_of(selection),
        truth=origin.truth,
        stated_hash=origin.stated_hash,
    )
    if origin.received is None:
        return told
    received_bytes = sum(origin.received.values())
    return msgspec.structs.replace(
        told,
        endpoints={name: count for name, count in origin.received.items() if count},
        bytes_fetched=received_bytes,
        bytes_reused=max(0, told.content_bytes - (received_bytes - wasted_early_bytes)),
        sources={},
    )


def selected(found: FoundContent, selection: Selection) -> FoundContent:
    """What is to be fetched, without the files that are not selected."""
    document = documents.encode(selection.manifest)
    return found._replace(manifest=selection.manifest, document=document)


def sources_of(sources: Sequence[Source], selection: Selection) -> list[Source]:
    """The endpoints of a package, as endpoints of the selected files."""
    return [(_PackageEndpoint(endpoint, selection), terms) for endpoint, terms in sources]


class _PackageEndpoint:
    """An endpoint of a package, asked for the selected files only. Implements `Endpoint`."""

    def __init__(self, endpoint: Endpoint, selection: Selection) -> None:
        self._endpoint = endpoint
        self._selection = selection

    @property
    def name(self) -> str:
        """The endpoint's."""
        return self._endpoint.name

    @property
    def kind(self) -> EndpointKind:
        """The endpoint's."""
        return self._endpoint.kind

    async def read_document(self, key: str, limit_bytes: int) -> bytes:
        """Read a document of the endpoint."""
        return await self._endpoint.read_document(key, limit_bytes)

    async def locate(self, manifest: Manifest) -> Placement:
        """The selected files that are in objects of the endpoint.

        Raises:
            TransferError: ``NOT_FOUND``: there are none.
        """
        placement = await self._endpoint.locate(self._selection.package)
        found = _PartPlacement(placement, self._selection)
        if manifest.objects and not found.held:
            raise TransferError(
                f"holds none of the selected files of package {manifest.package_id}",
                fault=Fault.NOT_FOUND,
                endpoint=self.name,
            )
        return found

    async def aclose(self) -> None:
        """Do nothing: who opened the endpoint closes it."""


class _PartPlacement:
    """The objects of a package, read as those of a selection. Implements `Placement`."""

    def __init__(self, placement: Placement, selection: Selection) -> None:
        self._placement = placement
        self._origins = selection.origins
        held = placement.held
        self.held = frozenset(i for i, origin in enumerate(self._origins) if origin.object in held)

    @property
    def sends_ranges(self) -> bool:
        """As of the package's objects."""
        return self._placement.sends_ranges

    async def read_range(
        self, object_index: int, start: int, end: int, sink: Sink, *, from_beginning: bool = False
    ) -> None:
        """Read a range where it is in the package's object."""
        origin = self._origins[object_index]
        await self._placement.read_range(
            origin.object,
            origin.offset_bytes + start,
            origin.offset_bytes + end,
            sink,
            from_beginning=from_beginning,
        )
