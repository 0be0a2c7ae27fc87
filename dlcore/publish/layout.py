"""Which file goes into which object. Pure arithmetic."""

from __future__ import annotations

from dlcore.model import File, Manifest, Object
from dlcore.publish.source import Source

PACK_BYTES = 64 << 20


def lay_out(
    source: Source, *, package_id: str, version: int, block_bytes: int, pack: bool
) -> Manifest:
    """Place every file in an object.

    Files shorter than a block share pack objects of at most 64 MiB, in path order; each longer
    one is an object of its own. Objects stand in the order of their first file.

    Returns:
        The manifest, whose objects have lengths and neither names nor digests yet.
    """
    lengths: list[int] = []
    files: list[File] = []
    shared = -1
    for file in source.files:
        if file.length_bytes == 0:
            files.append(File(file.path, 0))
            continue
        small = pack and file.length_bytes < block_bytes
        fits = small and shared >= 0 and lengths[shared] + file.length_bytes <= PACK_BYTES
        if not fits:
            lengths.append(0)
        index = shared if fits else len(lengths) - 1
        if small:
            shared = index
        files.append(File(file.path, file.length_bytes, index, lengths[index]))
        lengths[index] += file.length_bytes
    objects = tuple(Object("", length) for length in lengths)
    return Manifest(1, package_id, version, block_bytes, objects, tuple(files), source.folders)
