"""Copies blocks that the scheduler need not have fetched, because an equal one is on disk.

A few blocks at a time, so that memory stays bounded. For one event loop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from dlcore.engine.download.package import PackageDownload
from dlcore.engine.download.tasks import Tasks
from dlcore.model import BlockInPackage
from dlcore.schedule import CopyBlocks

COPIED_BYTES: Final = 4 << 20  # at a time: several blocks, which are hashed side by side

Copied: TypeAlias = Callable[
    [PackageDownload, Sequence[BlockInPackage], int, Sequence[BlockInPackage]], None
]
"""Told a package, which of its blocks are on disk now, how many of their bytes did not count
before, and which blocks could not be copied."""


class _Copy(NamedTuple):
    """A block that is to be copied, and from where."""

    target: PackageDownload
    block: BlockInPackage
    source: PackageDownload
    source_block: BlockInPackage


class BlockCopier:
    """Copies blocks between the packages under way.

    Args:
        packages: Key -> package.
        tasks: Runs what takes time.
        copied: Hears what came of it.
    """

    def __init__(
        self, packages: Mapping[str, PackageDownload], tasks: Tasks, copied: Copied
    ) -> None:
        self._packages = packages
        self._tasks = tasks
        self._copied = copied
        self._queue: deque[_Copy] = deque()
        self._is_running = False

    def add(self, event: CopyBlocks) -> None:
        """Copy blocks when those before them have been."""
        target, source = self._packages[event.package], self._packages[event.source]
        self._queue.extend(_Copy(target, b, source, event.source_block) for b in event.blocks)
        if not self._is_running:
            self._is_running = True
            self._tasks.spawn(self._run())

    async def _run(self) -> None:
        try:
            while self._queue:
                await self._copy(self._next())
        finally:
            self._is_running = False

    def _next(self) -> list[_Copy]:
        """The first, and what follows of the same two packages."""
        first = self._queue.popleft()
        some = [first]
        block_bytes = first.target.manifest.block_bytes
        while self._queue and (len(some) + 1) * block_bytes <= COPIED_BYTES:
            if (
                self._queue[0].target is not first.target
                or self._queue[0].source is not first.source
            ):
                break
            some.append(self._queue.popleft())
        return some

    async def _copy(self, some: Sequence[_Copy]) -> None:
        target, source = some[0].target, some[0].source
        data = await source.read_blocks(list({copy.source_block for copy in some}))
        copies = [(c.block, data[c.source_block]) for c in some if c.source_block in data]
        found, gained_bytes = await target.write_blocks(copies)
        lost = [copy.block for copy in some if copy.block not in found]
        self._copied(target, found, gained_bytes, lost)
