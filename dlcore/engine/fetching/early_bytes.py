"""Bytes that a fetch receives before its download begins, which counts all others.

They are those of a file whose length only its end tells, and those of files whose digests nobody
knows. The download reads the former from the disk and counts them then; so of these only the ones
count here that it never reads.
"""

from __future__ import annotations

from dlcore.engine.download.ledger import Ledger
from dlcore.transfer import SpooledFile


class EarlyBytes:
    """Those of one call.

    Attributes:
        ledger: What becomes of them.
    """

    def __init__(self) -> None:
        self.ledger = Ledger()
        self._spooled: list[SpooledFile] = []

    def spooled(self, file: SpooledFile) -> None:
        """A file has arrived: the download counts what it reads of it."""
        self._spooled.append(file)

    @property
    def used_bytes(self) -> int:
        """Bytes of files that are on disk; the download takes them for found there."""
        return self.ledger.used_bytes

    @property
    def wasted_bytes(self) -> int:
        """Bytes that arrived twice, or were not used."""
        unread_bytes = sum(file.length_bytes - file.read_bytes for file in self._spooled)
        return self.ledger.wasted_bytes + unread_bytes
