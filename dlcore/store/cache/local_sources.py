"""Where content that a package needs may lie: what the cache asks its sources."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from dlcore.model import DIGEST_BYTES, BlockInPackage, Manifest
from dlcore.store.cache.contents import owns_object


class FilePosition(NamedTuple):
    """Where a block may lie.

    Attributes:
        path: The file.
        offset_bytes: Where it begins there.
    """

    path: Path
    offset_bytes: int


class Missing(NamedTuple):
    """What an unfinished package lacks.

    Attributes:
        key: The package's key, for sources that must not answer with the package itself.
        manifest: The package.
        files: Numbers of the files that lack a block, in order.
        blocks: Numbers of the missing blocks that have a digest of their own and belong to one
            file, which has several.
    """

    key: str
    manifest: Manifest
    files: Sequence[int]
    blocks: Sequence[BlockInPackage]

    @classmethod
    def of(cls, key: str, manifest: Manifest, have: bytes | bytearray) -> Missing:
        """What is missing.

        Args:
            key: The package's key.
            manifest: The package.
            have: One byte a block: 1 if it is there.
        """
        missing = cls(key, manifest, [], [])
        files, blocks = [], []
        for number, file in enumerate(manifest.files):
            if file.is_empty:
                continue
            base = manifest.first_blocks[file.object]
            first = base + file.offset_bytes // manifest.block_bytes
            last = base + (file.offset_bytes + file.length_bytes - 1) // manifest.block_bytes
            if have.find(0, first, last + 1) < 0:
                continue
            files.append(number)
            if (
                owns_object(manifest, file)
                and manifest.objects[file.object].digests
                and last > first
            ):
                blocks += [BlockInPackage(at) for at in range(first, last + 1) if not have[at]]
        return missing._replace(files=files, blocks=blocks)

    def digest(self, number: BlockInPackage) -> bytes:
        """SHA-256 of a missing block."""
        index, block = self.manifest.locate_block(number)
        digests = self.manifest.objects[index].digests
        return digests[block * DIGEST_BYTES : (block + 1) * DIGEST_BYTES]


class LocalSource(Protocol):
    """A source of content on this machine. Nothing that it says is believed."""

    def files(self, missing: Missing) -> dict[int, Path]:
        """By number of the file: where its content may lie."""
        ...

    def blocks(self, missing: Missing) -> dict[BlockInPackage, FilePosition]:
        """By number of the block: where its bytes may lie."""
        ...
