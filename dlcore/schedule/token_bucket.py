"""A bandwidth cap: how long a reader must wait after what it has read.

A token bucket that may go into debt: bytes are counted after they were read, and the reader waits
until they are paid for. Several readers may share one bucket; each waits for its own bytes, so
none starves. Where two caps hold (total and per endpoint), a reader spends at both and waits for
the longer time.
"""

from __future__ import annotations

# Credit for lateness (timers, a busy loop); over 30 s, a cap is exceeded by less than 0.4 %.
BURST_S = 0.1


class TokenBucket:
    """One cap, shared by everything that reads under it.

    Args:
        cap_bytes_per_s: Bytes per second; 0.0: no cap.
    """

    def __init__(self, cap_bytes_per_s: float = 0.0) -> None:
        self._cap_bytes_per_s = cap_bytes_per_s
        self._owed_bytes = 0.0  # negative: credit
        self._as_of_s = 0.0

    @property
    def cap_bytes_per_s(self) -> float:
        """Bytes per second; 0.0: no cap."""
        return self._cap_bytes_per_s

    def set_cap(self, cap_bytes_per_s: float) -> None:
        """Change the cap; readers that wait must ask again with `spend`. 0.0: no cap."""
        if not cap_bytes_per_s:
            self._owed_bytes = 0.0
        elif cap_bytes_per_s < self._cap_bytes_per_s:
            # No reader waits longer for bytes that it read under the higher cap.
            self._owed_bytes *= cap_bytes_per_s / self._cap_bytes_per_s
        self._cap_bytes_per_s = cap_bytes_per_s

    def spend(self, count_bytes: int, now_s: float) -> float:
        """Count bytes that were read.

        Args:
            count_bytes: How many; 0 to ask again after the cap has changed.
            now_s: The time.

        Returns:
            Seconds to wait before the next read; 0.0: none.
        """
        if not self._cap_bytes_per_s:
            self._as_of_s = now_s
            return 0.0
        paid_bytes = (now_s - self._as_of_s) * self._cap_bytes_per_s
        self._as_of_s = now_s
        max_credit_bytes = BURST_S * self._cap_bytes_per_s
        self._owed_bytes = max(self._owed_bytes - paid_bytes, -max_credit_bytes) + count_bytes
        return max(0.0, self._owed_bytes / self._cap_bytes_per_s)
