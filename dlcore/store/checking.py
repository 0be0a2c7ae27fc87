"""Hashing what lies on disk with all cores: shared by resume and verify.

Work is handed out in extents of blocks. Each worker has a buffer of its own; there are more workers
than cores, so that some read while others hash. The number of workers bounds the memory.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from dlcore.model import BlockExtent, Manifest
from dlcore.work_threads import WorkThreads

EXTENT_BYTES = 4 << 20  # arbitrary: several blocks, which are hashed side by side
_T = TypeVar("_T")


def buffer_bytes(manifest: Manifest) -> int:
    """Length of a worker's buffer."""
    return max(EXTENT_BYTES, manifest.block_bytes)


def block_extents(manifest: Manifest, wanted: bytes | bytearray) -> Iterator[BlockExtent]:
    """The wanted blocks as extents that fit a worker's buffer, in order.

    Args:
        manifest: The package.
        wanted: One byte for each block of the package, 1 if wanted. It must not change while
            the result is iterated.
    """
    max_blocks = buffer_bytes(manifest) // manifest.block_bytes
    for index, (base, end) in enumerate(
        zip(manifest.first_blocks, manifest.first_blocks[1:], strict=False)
    ):
        at = wanted.find(1, base, end)
        while at >= 0:
            limit = min(at + max_blocks, end)
            stop = wanted.find(0, at, limit)
            stop = limit if stop < 0 else stop
            yield BlockExtent.of(index, at - base, stop - base)
            at = wanted.find(1, stop, end)


def in_parallel(
    items: Iterable[_T], work: Callable[[_T, memoryview], None], buffer_length: int
) -> None:
    """Call ``work(item, buffer)`` for every item, from several threads.

    Raises:
        Exception: The first that ``work`` raised, after all threads have ended.
    """
    source = iter(items)
    first = list(itertools.islice(source, 1))
    if not first:
        return  # a new package: no thread is worth starting
    source = itertools.chain(first, source)
    lock = threading.Lock()
    stopped = threading.Event()

    def drain() -> None:
        buffer = memoryview(bytearray(buffer_length))
        while not stopped.is_set():
            try:
                with lock:
                    item = next(source, None)
                if item is None:
                    return
                work(item, buffer)
            except BaseException:
                stopped.set()
                raise

    workers = 2 * (os.cpu_count() or 1)
    with WorkThreads(workers, thread_name_prefix="dlcore-check") as pool:
        for future in [pool.submit(drain) for _ in range(workers)]:
            future.result()
