"""Takes over what this machine has already of an unfinished package, whatever it came with.

Whole files first, then blocks of files that have changed. Both go the way of blocks from the
network: each is hashed, and written only if it matches.
"""

from __future__ import annotations

from collections.abc import Iterable

from dlcore.model import BlockExtent, BlockInPackage
from dlcore.store.cache.local_sources import FilePosition, LocalSource, Missing
from dlcore.store.checking import in_parallel
from dlcore.store.files import Files, read_fully
from dlcore.store.partial import Partial
from dlcore.store.seeding import take_over


def reuse(
    partial: Partial, sources: Iterable[LocalSource], *, is_under_way: bool
) -> list[BlockInPackage]:
    """Fill an unfinished package from what lies on this machine, with all cores.

    Args:
        partial: The package.
        sources: Where to look, in this order.
        is_under_way: Whether requests for it may be in flight.

    Returns:
        The numbers of the blocks that were taken over; they are on disk, and not synced yet.

    Raises:
        StorageError: The disk of the package failed.
    """
    before = bytes(partial.have)
    for source in sources:
        if partial.complete:
            break
        places = source.files(Missing.of(partial.key, partial.manifest, partial.have))
        if places:
            paths = [places.get(number) for number in range(len(partial.manifest.files))]
            take_over(partial, paths, has_whole_objects=not is_under_way)
        missing = Missing.of(partial.key, partial.manifest, partial.have)
        if missing.blocks:
            _take_blocks(partial, source.blocks(missing))
    pairs = enumerate(zip(before, partial.have, strict=True))
    return [BlockInPackage(number) for number, (old, new) in pairs if new and not old]


def _take_blocks(partial: Partial, places: dict[BlockInPackage, FilePosition]) -> None:
    manifest, files = partial.manifest, Files()

    def take(found: tuple[BlockInPackage, FilePosition], buffer: memoryview) -> None:
        number, place = found
        index, block = manifest.locate_block(number)
        start, end = manifest.extent_span(BlockExtent.of(index, block, block + 1))
        view = buffer[: end - start]
        try:
            fd = files.open_to_read(place.path)
            try:
                is_whole = read_fully(files, fd, view, place.offset_bytes) == len(view)
            finally:
                files.close(fd)
        except OSError:
            return
        if is_whole:
            partial.write_extent(index, block, view)

    in_parallel(places.items(), take, manifest.block_bytes)
