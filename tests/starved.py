"""A pool for which the system has only so many threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor


class Starved:
    """Comes before a pool among the bases of a class.

    Attributes:
        threads_left: How many threads the system still gives.
    """

    threads_left = 1

    def _adjust_thread_count(self) -> None:
        if not self.threads_left:
            raise RuntimeError("can't start new thread")
        self.threads_left -= 1
        super()._adjust_thread_count()  # type: ignore[misc]


class StarvedPool(Starved, ThreadPoolExecutor):
    """Python's own."""
