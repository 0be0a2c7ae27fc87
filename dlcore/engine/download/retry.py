"""How long and how often all endpoints are asked again when none is left for a package. Pure."""

from __future__ import annotations

import msgspec

from dlcore.schedule import backoff_s

UNLIMITED = 999_999
"""The most retries, which is as good as no limit."""


class Retry(msgspec.Struct, frozen=True):
    """When a package for which no endpoint is left is tried again, and when it is given up.

    Attributes:
        count: Retries after the first attempt, at most.
        delay_s: Seconds before each; None: a random time that grows with each (``first_s``).
        total_s: Seconds to go on for, since anything of the package arrived; None for no limit but
            ``count``.
        first_s: Upper bound of the random wait before the first retry. It doubles with each. Two
            waits take as long on average as ConfigMgr's two fixed ones.
        max_s: Its highest value. A person who has repaired something waits this long at most.

    Source: Microsoft Learn, "Task sequence variables": SMSTSDownloadRetryCount (default 2) and
    SMSTSDownloadRetryDelay (default 15 seconds).
    """

    count: int = 2
    delay_s: float | None = None
    total_s: float | None = None
    first_s: float = 20.0
    max_s: float = 120.0

    def wait_s(self, attempt: int, failing_s: float, share: float) -> float | None:
        """Seconds until the package is tried again; None: it is given up.

        Args:
            attempt: Which retry it would be; the first is 1.
            failing_s: For how long no endpoint has been able to serve it.
            share: Random, in ``[0, 1)``.
        """
        if attempt > self.count:
            return None
        left_s = self.left_s(failing_s)
        if left_s is not None and left_s <= 0:
            return None
        wait_s = self.delay_s
        if wait_s is None:
            wait_s = backoff_s(attempt, share, first_s=self.first_s, max_s=self.max_s)
        return wait_s if left_s is None else min(wait_s, left_s)

    def left_s(self, failing_s: float) -> float | None:
        """Seconds for which it will still be tried; None if only ``count`` bounds that."""
        return None if self.total_s is None else max(0.0, self.total_s - failing_s)
