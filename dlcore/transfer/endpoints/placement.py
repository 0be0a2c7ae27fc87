"""Which objects of a package an endpoint holds, and how it reads them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container

from dlcore.errors import Fault, TransferError
from dlcore.model import Manifest
from dlcore.transfer.http.faults import REMEDIES
from dlcore.transfer.interface import Sink
from dlcore.transfer.sink import SinkWriter

ReadSpan = Callable[[int, tuple[int, int], SinkWriter], Awaitable[None]]
"""Reads bytes ``[start, end)`` of the object with that index."""


class PackagePlacement:
    """The placement that every kind of endpoint returns.

    Args:
        held: Indices of the manifest's objects that can be read.
        read: Reads a span of one of them.
        read_from_beginning: Reads a span where the server may send the object from its beginning;
            None if the servers of this kind send parts.
        sends_ranges: Whether the server sends parts, as far as is known.
    """

    def __init__(
        self,
        held: frozenset[int],
        read: ReadSpan,
        read_from_beginning: ReadSpan | None = None,
        *,
        sends_ranges: bool = True,
    ) -> None:
        self.held = held
        self.sends_ranges = sends_ranges
        self._read = read
        self._read_from_beginning = read_from_beginning or read

    def narrowed(self, held: frozenset[int]) -> PackagePlacement:
        """The same placement, with only these of its objects."""
        return PackagePlacement(
            held, self._read, self._read_from_beginning, sends_ranges=self.sends_ranges
        )

    async def read_range(
        self, object_index: int, start: int, end: int, sink: Sink, *, from_beginning: bool = False
    ) -> None:
        """Read bytes ``[start, end)``; see `dlcore.transfer.interface.Placement.read_range`."""
        read = self._read_from_beginning if from_beginning else self._read
        await read(object_index, (start, end), SinkWriter(sink))


def all_objects(manifest: Manifest) -> frozenset[int]:
    """All objects: whether one exists is found out by reading it."""
    return frozenset(range(len(manifest.objects)))


def objects_named(manifest: Manifest, names: Container[str], endpoint: str) -> frozenset[int]:
    """The objects with one of these names.

    Args:
        manifest: The package.
        names: Names of the objects that an endpoint holds.
        endpoint: Name of the endpoint, for the error.

    Raises:
        TransferError: ``NOT_FOUND``: the package has objects, but none with such a name.
    """
    held = frozenset(i for i, wanted in enumerate(manifest.objects) if wanted.name in names)
    if manifest.objects and not held:
        raise TransferError(
            f"holds no object of package {manifest.package_id}",
            fault=Fault.NOT_FOUND,
            endpoint=endpoint,
            remedy=REMEDIES[Fault.NOT_FOUND],
        )
    return held
