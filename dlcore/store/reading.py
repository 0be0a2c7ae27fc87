"""Blocks read back from the files that they are extents of. Thread-safe."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

from dlcore.model import BlockExtent, FileExtent, Manifest
from dlcore.store.descriptors import Descriptors
from dlcore.store.files import Files, read_fully


class BlockReader:
    """The files of a package, seen as its objects.

    Args:
        files: The disk.
        manifest: The package.
        path_at: Path of the file with a number.
        open_file: Opens the file with a number.
    """

    def __init__(
        self,
        files: Files,
        manifest: Manifest,
        path_at: Callable[[int], Path],
        open_file: Callable[[int], int],
    ) -> None:
        self._files = files
        self._manifest = manifest
        self._path_at = path_at
        self.open_files = Descriptors(open_file, files.close)

    def extents(self, blocks: BlockExtent) -> Iterator[tuple[FileExtent, int]]:
        """The stretches of files that blocks are, each with its place among their bytes."""
        at = 0
        for extent in self._manifest.file_extents(
            blocks.object, *self._manifest.extent_span(blocks)
        ):
            yield extent, at
            at += extent.length_bytes

    def read(self, blocks: BlockExtent, buffer: memoryview, *, again: bool = False) -> memoryview:
        """Read the bytes of blocks into the front of ``buffer``.

        Args:
            blocks: What to read.
            buffer: At least as long as the blocks.
            again: Distrust the copy in memory: read from the medium where the system allows it.

        Returns:
            The part of ``buffer`` that was filled.

        Raises:
            OSError: ``EIO`` also if a file ends early.
        """
        start, end = self._manifest.extent_span(blocks)
        for extent, at in self.extents(blocks):
            with self.open_files.use(extent.file) as fd:
                if again:
                    self._files.read_again(fd, extent.offset_bytes, extent.length_bytes)
                view = buffer[at : at + extent.length_bytes]
                if read_fully(self._files, fd, view, extent.offset_bytes) < len(view):
                    raise OSError(errno.EIO, "the file ends early", str(self._path_at(extent.file)))
        return buffer[: end - start]
