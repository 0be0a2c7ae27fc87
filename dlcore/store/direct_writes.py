"""Whether large files are better written past the page cache.

That is ``O_DIRECT`` on Linux and ``FILE_FLAG_NO_BUFFERING`` on Windows.

On a virtual machine the page cache can cost more than everything else: a copy of each byte, and
write-back in bursts. On other machines, and on file systems in memory, it is faster. So it is
measured for each large package when the package begins; that writes 8 to 24 MiB. One measurement
for a state directory would have to be kept, and would not notice that the disk's load changes.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterator
from pathlib import Path

from dlcore.errors import ConfigError
from dlcore.model import FileExtent
from dlcore.native import aligned_buffer
from dlcore.store.files import Files, write_fully

VARIABLE = "DLCORE_WRITE"  # direct, buffered or auto
DEFAULT_WISH = "buffered" if os.name == "nt" else "auto"  # not measured on Windows so far
PAGE_BYTES = 4096  # no known disk needs a coarser alignment
MIN_MEASURED_BYTES = 64 << 20  # below, measuring costs more than the difference
MAX_SLOWER_X = 1.5  # direct writes save the CPU a copy, so they may take a little longer
PROBES = 3  # a disk that is busy for a moment must not decide
PROBE_BYTES = 4 << 20
PROBE_WRITE_BYTES = 2 << 20


def is_paged(extent: FileExtent, data: memoryview) -> bool:
    """Whether bytes are whole pages at page boundaries, in memory and in their file."""
    if extent.offset_bytes % PAGE_BYTES or extent.length_bytes % PAGE_BYTES or data.readonly:
        return False
    return ctypes.addressof(ctypes.c_char.from_buffer(data)) % PAGE_BYTES == 0


def in_pages(extent: FileExtent) -> Iterator[FileExtent]:
    """Split an extent that begins at a page boundary into its whole pages and the rest."""
    rest = extent.length_bytes % PAGE_BYTES
    pages = extent.length_bytes - rest
    if extent.offset_bytes % PAGE_BYTES or not rest or not pages:
        yield extent
    else:
        yield extent._replace(length_bytes=pages)
        yield extent._replace(offset_bytes=extent.offset_bytes + pages, length_bytes=rest)


def prefers_direct(files: Files, folder: Path, content_bytes: int) -> bool:
    """Whether a package's large files should be written directly.

    Args:
        files: The disk.
        folder: Where a temporary file for the measurement may be made.
        content_bytes: Length of the package.

    Raises:
        ConfigError: ``DLCORE_WRITE`` has an unknown value.
        OSError: The disk failed.
    """
    wish = os.environ.get(VARIABLE, DEFAULT_WISH)
    if wish not in {"direct", "buffered", "auto"}:
        raise ConfigError(
            f"{VARIABLE}={wish}: this way to write does not exist",
            remedy="Set it to direct, buffered or auto, or unset it.",
        )
    if wish == "buffered" or (wish == "auto" and content_bytes < MIN_MEASURED_BYTES):
        return False
    path = folder / "probe"
    buffered = files.open(path, create=True)
    direct = None
    try:
        direct = files.open_direct(path)
        if direct is None or wish == "direct":
            return direct is not None
        return any(
            _time_s(files, direct) < MAX_SLOWER_X * _time_s(files, buffered) for _ in range(PROBES)
        )
    except OSError:
        return False  # a file system that opens files for direct writes and then refuses the writes
    finally:
        if direct is not None:
            files.close(direct)
        files.close(buffered)
        files.remove(path)


def _time_s(files: Files, fd: int) -> float:
    """Measure how many seconds it takes to write some bytes durably."""
    buffer = aligned_buffer(PROBE_WRITE_BYTES)
    files.truncate(fd, 0)
    files.allocate(fd, PROBE_BYTES)
    began_s = time.perf_counter()
    for offset in range(0, PROBE_BYTES, PROBE_WRITE_BYTES):
        write_fully(files, fd, buffer, offset)
    files.sync_data(fd)
    return time.perf_counter() - began_s
