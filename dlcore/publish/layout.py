"""Decides which file goes into which object. Pure arithmetic."""

from __future__ import annotations

import msgspec

from dlcore.model import File, Manifest, Object
from dlcore.publish.source import Source

MAX_PACK_BYTES = 64 << 20  # a rule of docs/formats.md
SCHEMA = 2  # of the manifests that are published without programs


def lay_out(
    source: Source, *, package_id: str, version: int, block_bytes: int, pack: bool
) -> Manifest:
    """Place every file in an object.

    Files shorter than a block share pack objects of at most `MAX_PACK_BYTES`, in path order. Each
    longer file is an object of its own. Objects are in the order of their first file.

    Args:
        source: The files.
        package_id: Id of the package.
        version: Its version.
        block_bytes: Length of a block.
        pack: Whether short files share objects.

    Returns:
        The manifest. Its objects have lengths, but neither names nor digests yet; its files have
        no digests yet.
    """
    lengths: list[int] = []
    files: list[File] = []
    pack_index: int | None = None  # of the pack object that is being filled
    for file in source.files:
        if file.length_bytes == 0:
            files.append(File(file.path, 0))
            continue
        is_short = pack and file.length_bytes < block_bytes
        if (
            is_short
            and pack_index is not None
            and lengths[pack_index] + file.length_bytes <= MAX_PACK_BYTES
        ):
            index = pack_index
        else:
            index = len(lengths)
            lengths.append(0)
        if is_short:
            pack_index = index
        files.append(File(file.path, file.length_bytes, index, lengths[index]))
        lengths[index] += file.length_bytes
    objects = tuple(Object("", length) for length in lengths)
    return Manifest(SCHEMA, package_id, version, block_bytes, objects, tuple(files), source.folders)


def without_digests_of_files(manifest: Manifest) -> Manifest:
    """The same content in schema 1, as earlier versions of dlcore published it."""
    files = tuple(msgspec.structs.replace(file, sha256=b"") for file in manifest.files)
    return msgspec.structs.replace(manifest, schema=1, files=files, stated_programs=msgspec.UNSET)
