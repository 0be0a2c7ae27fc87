"""One virtual network link that every connection shares.

Guarantees: the bytes that are through the link at any time never exceed its rate times the time
in which it was wanted; over a busy time of any length the error is one rounding, not one a
reservation. An idle link saves nothing up, so there is no burst after a pause.

Pure: times come in and go out as plain seconds; whoever reserves does the waiting. Not for
several threads.
"""

from __future__ import annotations


class Link:
    """A link of ``bandwidth_bytes_per_s`` bytes a second that serves reservations in turn.

    Senders that reserve small slices one after the other share it evenly.
    """

    def __init__(self, bandwidth_bytes_per_s: float) -> None:
        self._bandwidth_bytes_per_s = bandwidth_bytes_per_s
        self._busy_since_s = 0.0
        self._busy_bytes = 0

    def reserve(self, now_s: float, count: int) -> float:
        """Take the next ``count`` bytes of the link.

        Args:
            now_s: When the sender was ready, in seconds of any clock that does not run backwards.
            count: Bytes to send, 1 or more.

        Returns:
            Seconds from ``now_s`` until the last of the bytes is through.
        """
        if now_s > self._busy_since_s + self._busy_bytes / self._bandwidth_bytes_per_s:
            self._busy_since_s, self._busy_bytes = now_s, 0
        self._busy_bytes += count
        return self._busy_since_s + self._busy_bytes / self._bandwidth_bytes_per_s - now_s
