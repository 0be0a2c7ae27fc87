"""Memory of whole pages for buffers that are used again and again."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import mmap
import sys


def aligned_buffer(length_bytes: int) -> memoryview:
    """Zeroed memory that begins at a page boundary, as direct writes (``O_DIRECT``) require.

    The first use of each page costs a page fault, so it is meant to be used again and again; on
    Linux the pages are huge (2 MiB) where they fit. It returns to the system with its last view.

    Args:
        length_bytes: At least 1.

    Raises:
        ValueError: ``length_bytes`` is less than 1: the caller's fault.
        OSError: There is not enough memory.
    """
    if length_bytes < 1:
        raise ValueError(f"length_bytes is {length_bytes}, must be at least 1")
    if sys.platform == "win32":
        return memoryview(mmap.mmap(-1, length_bytes))
    pages = mmap.mmap(-1, length_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without huge pages
            pages.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(pages)


def discard(buffer: memoryview) -> None:
    """Return the pages of an `aligned_buffer` to the system, even while views of it exist.

    Its content is lost. Where the system cannot do that, they return with the last view.
    """
    if sys.platform != "win32" and isinstance(buffer.obj, mmap.mmap):
        if hasattr(mmap, "MADV_DONTNEED"):
            buffer.obj.madvise(mmap.MADV_DONTNEED)


def return_free_memory() -> None:
    """Return to the system what this process has freed, as far as the system can take it back.

    For a process that rests. It takes some tens of milliseconds.

    Source: man 3 malloc_trim, of the GNU C library; other libraries do it by themselves.
    """
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim:
            trim(0)
