"""A virtual network link that all connections share.

Guarantees: the link never carries more bytes than its bandwidth allows for the time that it was
busy. Rounding errors do not add up over a busy period. An idle link saves nothing up, so there is
no burst after a pause.

Pure: times are plain seconds, and the caller waits. Not thread-safe.
"""

from __future__ import annotations


class Link:
    """A link that serves reservations in order.

    Senders that reserve small slices in turn share it evenly.

    Args:
        bandwidth_bytes_per_s: The bandwidth, above 0.
    """

    def __init__(self, bandwidth_bytes_per_s: float) -> None:
        self._bandwidth_bytes_per_s = bandwidth_bytes_per_s
        self._busy_since_s = 0.0
        self._busy_bytes = 0

    def reserve(self, now_s: float, count: int) -> float:
        """Reserve the link for the next ``count`` bytes.

        Args:
            now_s: Time at which the sender was ready, by any clock that never runs backwards.
            count: Number of bytes to send, 1 or more.

        Returns:
            Seconds from ``now_s`` until the last byte has passed the link.
        """
        if now_s > self._busy_since_s + self._busy_bytes / self._bandwidth_bytes_per_s:
            self._busy_since_s, self._busy_bytes = now_s, 0
        self._busy_bytes += count
        return self._busy_since_s + self._busy_bytes / self._bandwidth_bytes_per_s - now_s
