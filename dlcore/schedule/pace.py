"""A bandwidth cap: how long a reader must wait after what it read.

A token bucket that may go into debt: bytes are counted after they were read, and their reader
waits until they are paid for. Several readers share one; each waits for its own turn, so none
starves. Where two caps hold (total and per endpoint) a reader spends at both and waits for the
longer.
"""

from __future__ import annotations

BURST_S = 0.1  # credit for lateness (timers, a busy loop); 30 s stay within 0.4 % of the cap


class Pace:
    """One cap, shared by whoever reads under it.

    Args:
        cap_bytes_per_s: Bytes per second; 0.0: no cap.
    """

    def __init__(self, cap_bytes_per_s: float = 0.0) -> None:
        self._cap_bytes_per_s = cap_bytes_per_s
        self._owed_bytes = 0.0  # negative: credit
        self._as_of_s = 0.0

    @property
    def cap_bytes_per_s(self) -> float:
        """Bytes per second; 0.0: no cap. May be set while readers wait: they then ask again."""
        return self._cap_bytes_per_s

    @cap_bytes_per_s.setter
    def cap_bytes_per_s(self, cap_bytes_per_s: float) -> None:
        if not cap_bytes_per_s:
            self._owed_bytes = 0.0
        elif cap_bytes_per_s < self._cap_bytes_per_s:
            self._owed_bytes *= (
                cap_bytes_per_s / self._cap_bytes_per_s
            )  # nobody waits longer for what it had
        self._cap_bytes_per_s = cap_bytes_per_s

    def spend(self, count_bytes: int, now_s: float) -> float:
        """Count bytes that were read.

        Args:
            count_bytes: How many; 0 asks again, after the cap was changed.
            now_s: The time.

        Returns:
            Seconds to wait before reading on; 0.0: go on.
        """
        if not self._cap_bytes_per_s:
            self._as_of_s = now_s
            return 0.0
        paid = (now_s - self._as_of_s) * self._cap_bytes_per_s
        self._as_of_s = now_s
        self._owed_bytes = (
            max(self._owed_bytes - paid, -BURST_S * self._cap_bytes_per_s) + count_bytes
        )
        return max(0.0, self._owed_bytes / self._cap_bytes_per_s)
