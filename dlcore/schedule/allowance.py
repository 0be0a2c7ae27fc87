"""How many connections one endpoint may get at most, whatever more of them would bring.

Three things bound them: the terms; a bandwidth cap, since many connections would each wait most of
the time; and the endpoint itself, when it pushes back. Then half as many are allowed at once, and
slowly more again.
"""

from __future__ import annotations

from math import ceil

CAPPED_BYTES_PER_S = 256 << 10  # under a cap, begin with one connection for so much of it,
MIN_CAPPED_BYTES_PER_S = 16 << 10  # and have no more than one for so much
AT_CAP = 0.9  # of the cap: it is used; reads come in bursts
CALM_S = 1.0  # all connections may be pushed back at once: that is one push
REGROW, REGROW_S = 1.25, 5.0  # after a push back, so much more every so often


class Allowance:
    """What is allowed at one endpoint."""

    def __init__(self) -> None:
        self._most, self._cap_bytes_per_s = 1, 0.0
        self._ceiling: int | None = None  # since the endpoint pushed back
        self._pushed_s = self._regrow_s = float("-inf")

    @property
    def most(self) -> int:
        """Never more connections than this; 1 or more."""
        most = self._most if self._ceiling is None else min(self._most, self._ceiling)
        return (
            min(most, ceil(self._cap_bytes_per_s / MIN_CAPPED_BYTES_PER_S))
            if self._cap_bytes_per_s
            else most
        )

    def limit(self, most: int, cap_bytes_per_s: float) -> bool:
        """Set the terms and the cap, 0.0 for none; returns whether the cap was another."""
        is_other_cap = cap_bytes_per_s != self._cap_bytes_per_s
        self._most, self._cap_bytes_per_s = max(1, most), cap_bytes_per_s
        return is_other_cap

    def to_begin_with(self, count: int) -> int:
        """So many connections, or fewer because of the cap."""
        return (
            min(count, ceil(self._cap_bytes_per_s / CAPPED_BYTES_PER_S))
            if self._cap_bytes_per_s
            else count
        )

    def is_cap_used(self, rate_bytes_per_s: float) -> bool:
        """Whether no more than that rate can be had, because of the cap."""
        return 0.0 < AT_CAP * self._cap_bytes_per_s < rate_bytes_per_s

    def push_back(self, count: int, now_s: float) -> int | None:
        """The endpoint has too much of so many connections.

        Returns:
            How many it gets; None if that was decided already.
        """
        if now_s - self._pushed_s < CALM_S:
            return None
        self._pushed_s, self._regrow_s = now_s, now_s + REGROW_S
        self._ceiling = max(1, min(count, self.most) // 2)
        return self._ceiling

    def regrow(self, now_s: float) -> None:
        """Time passed since it pushed back."""
        if self._ceiling is not None and now_s >= self._regrow_s:
            self._regrow_s = now_s + REGROW_S
            higher = ceil(self._ceiling * REGROW)
            self._ceiling = higher if higher < self._most else None
