"""What a core offers: the one interface of the compiled and the portable implementation.

One suite of tests (``tests/native``) runs over both. They differ in speed only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

Buffer = bytes | bytearray | memoryview
DIGEST_BYTES = 32  # SHA-256
CHECKSUM_BYTES = 16  # XXH3-128


class Run(NamedTuple):
    """An extent of whole blocks in memory, and the stretches of files that it goes to.

    Attributes:
        data: The blocks; the last one may be shorter. Any contiguous buffer.
        block_bytes: Length of a block, at least 1.
        digests: The expected SHA-256 of each block in order, concatenated; may be a view of a
            manifest. If empty, the blocks are written unverified: for objects that have only one
            digest as a whole.
        extents: Open file, offset and length in bytes of each stretch of ``data``, in order.
            Together they are as long as ``data``. An extent may hold several blocks, and a block
            several extents. The files stay open until the run is written.
    """

    data: Buffer
    block_bytes: int
    digests: Buffer
    extents: Iterable[tuple[int, int, int]]


class Written(NamedTuple):
    """The outcome of a run.

    Attributes:
        bad: Numbers, in the run, of the blocks that do not match. Nothing of them was written.
        on_disk: Numbers, in the run, of the blocks that were written completely (not yet synced),
            in order: all that are not bad, if ``error`` is None.
        error: Why writing ended early, or None. It ended at the first block that is neither bad
            nor on disk; a part of that block may be on disk. Other runs are not affected.
    """

    bad: tuple[int, ...]
    on_disk: tuple[int, ...]
    error: OSError | None


class Core(Protocol):
    """An implementation: the module ``compiled`` or ``portable``.

    Attributes:
        NAME: ``compiled`` or ``portable``.
    """

    NAME: str

    def backends(self) -> tuple[str, ...]:
        """Names of the SHA-256 backends that this CPU can run, the best guess first.

        The last one is ``openssl``: hashlib, which every core can use.
        """

    def backend(self) -> str:
        """Name of the SHA-256 backend in use."""

    def use_backend(self, name: str) -> None:
        """Use one of `backends` from now on, in all threads.

        Raises:
            ValueError: There is no such backend.
        """

    def fastest_backend(self) -> str:
        """Find out, by a measurement if need be, which of `backends` is the fastest one here."""

    def block_digests(self, data: Buffer, block_bytes: int) -> bytes:
        """Hash every block of ``data`` with SHA-256. Releases the GIL for 2 KiB or more.

        Args:
            data: Any contiguous buffer.
            block_bytes: Length of a block, at least 1; the last block may be shorter.

        Returns:
            The digests (32 bytes each) in order, concatenated; empty if there is no data.

        Raises:
            ValueError: ``block_bytes`` is less than 1: the caller's fault.
            BufferError: ``data`` is not contiguous: the caller's fault.
        """

    def verify_and_write(self, runs: Iterable[Run]) -> Iterator[Written]:
        """Verify the blocks of all runs now, and write the good ones as the result is iterated.

        The GIL is released while blocks are hashed and written. After a run's outcome was
        returned, its data and digests are not read any more: its buffer may be filled again while
        the other runs are written. A disk fault of one run does not affect the others. An outcome
        that is not asked for may mean a run that is not written.

        Args:
            runs: What to verify and write. Usually one run for each stretch of blocks that adjoin
                in memory and are not on disk yet.

        Returns:
            The outcome of each run, in order. For one thread.

        Raises:
            ValueError: A run is inconsistent: block_bytes is less than 1, the digests are not 32
                bytes a block, or the extents are not as long as the data. The caller's fault;
                nothing was written.
            OverflowError: A descriptor, offset or length is out of range. The caller's fault;
                nothing was written.
            BufferError: A buffer is not contiguous. The caller's fault; nothing was written.
        """


def blocks_on_disk(
    length_bytes: int, block_bytes: int, bad: tuple[int, ...], written_bytes: int
) -> tuple[int, ...]:
    """Numbers of the blocks of a run that were written completely, in order.

    Args:
        length_bytes: Of the run.
        block_bytes: Length of a block; the last one may be shorter.
        bad: Numbers of the blocks that do not match.
        written_bytes: How far the run was written: all good blocks that end there or before.
    """
    whole = written_bytes // block_bytes
    if written_bytes == length_bytes:
        whole = -(-length_bytes // block_bytes)
    if not bad:
        return tuple(range(whole))
    not_written = set(bad)
    return tuple(block for block in range(whole) if block not in not_written)


def check_block_bytes(block_bytes: int) -> None:
    """Raise ValueError unless ``block_bytes`` is at least 1."""
    if block_bytes < 1:
        raise ValueError(f"block_bytes is {block_bytes}, must be at least 1")


def flat_view(data: Buffer) -> memoryview:
    """A view of a buffer's bytes; raises BufferError if it is not contiguous."""
    view = memoryview(data)
    if not view.c_contiguous:
        raise BufferError("the buffer is not contiguous")
    return view.cast("B")
