"""What becomes of each byte of content that was received: it is used once, or it is wasted.

A byte that has arrived is *open* while nobody knows yet whether it will be of use. It is *used*
when it is part of a block that is on disk, verified, and was not there before. Otherwise it is
*wasted*. Open bytes belong to the request that brought them, or to the block that is put together
from parts. They only move from one to another, and when a request or a block has come to its end,
none of its bytes is left open. So when nothing is in flight, what was received is what was used and
what was wasted: no third kind can be forgotten.

Only content counts, as its endpoint sent it and this process has read it. Documents, listings,
answers to questions and the pages of errors are something else. What the system had received of a
connection that was closed is not known here.
"""

from __future__ import annotations

from collections import Counter
from typing import TypeAlias

ObjectKey: TypeAlias = tuple[str, int]
"""Package, and number of the object in it."""


class Ledger:
    """The bytes of one download that were used, and those that were wasted."""

    def __init__(self) -> None:
        self._used_bytes = 0
        self._wasted_bytes = 0
        self._unproven: Counter[ObjectKey] = Counter()

    @property
    def used_bytes(self) -> int:
        """Bytes of blocks that are on disk, verified; each block counts once."""
        return self._used_bytes

    @property
    def wasted_bytes(self) -> int:
        """Bytes that arrived twice, or were not used."""
        return self._wasted_bytes

    def open(self) -> OpenBytes:
        """For a request or a block before anything of it has arrived."""
        return OpenBytes(self)

    def settle(self, count: int, used: int) -> None:
        """Of ``count`` bytes that arrived, ``used`` were used, and the others were not."""
        self._used_bytes += used
        self._wasted_bytes += count - used

    def await_proof(self, key: ObjectKey, used: int) -> None:
        """This many of the used bytes are of an object that can be proven only as a whole."""
        self._unproven[key] += used

    def disproved(self, key: ObjectKey) -> None:
        """The object does not match: its bytes were not of use after all."""
        count = self._unproven.pop(key, 0)
        self.settle(0, -count)


class OpenBytes:
    """The open bytes of one request, or of one block that is put together from parts.

    Args:
        ledger: Learns what became of them.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._count = 0

    @property
    def count_bytes(self) -> int:
        """How many there are."""
        return self._count

    def received(self, count: int) -> None:
        """Bytes arrived."""
        self._count += count

    def dropped(self, count: int) -> None:
        """Bytes arrived that nobody wants."""
        self._ledger.settle(count, 0)

    def settle(self, count: int, used: int) -> None:
        """Of ``count`` bytes, ``used`` were used, and the others were not."""
        self._count -= count
        self._ledger.settle(count, used)

    def give(self, count: int, other: OpenBytes) -> None:
        """This many bytes belong to the other from now on."""
        self._count -= count
        other.received(count)

    def close(self) -> None:
        """Whatever is still open was of no use. Idempotent."""
        self.settle(self._count, 0)
