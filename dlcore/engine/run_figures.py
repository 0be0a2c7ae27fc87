"""What a run's downloads have come to, as its state and its report count it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from dlcore.engine.content import Content
from dlcore.engine.events import Progress
from dlcore.engine.state import LifeFigures


class RunFigures:
    """Reads the meters of one process.

    Args:
        content: Hands out packages.
        renewals: Tells how many tokens and locations were renewed.
    """

    def __init__(self, content: Content, renewals: Callable[[], int]) -> None:
        self._content = content
        self._renewals = renewals

    def measured(self, elapsed_s: float) -> LifeFigures:
        """What this process has measured so far.

        Args:
            elapsed_s: Seconds since its part of the run began.
        """
        downloads = self._content.downloads
        now_s = asyncio.get_running_loop().time()
        return LifeFigures(
            elapsed_s,
            downloads.meter.busy_s(now_s),
            downloads.meter.received_bytes,
            downloads.wasted_bytes,
            downloads.reused_bytes,
            downloads.figures(),
            self._renewals(),
            downloads.meter.arrivals.since(now_s - elapsed_s),
            downloads.missing_bytes,
            downloads.patched_bytes.total(),
        )

    def progress(self) -> Progress:
        """How far the downloads are now."""
        return self._content.downloads.progress()

    def spared_bytes(self, packages: Iterable[str], useful_bytes: Mapping[str, int]) -> int:
        """Content that was not fetched, and that download-first would have fetched too.

        Args:
            packages: All that enabled steps refer to.
            useful_bytes: What was received of each package, by earlier processes too, without
                what came twice.
        """
        catalog, downloads = self._content.library.catalog.packages, self._content.downloads
        spared = 0
        for package in packages:
            if package in catalog:
                content_bytes = catalog[package].content_bytes
                verified = downloads.verified_bytes(package, content_bytes)
                spared += max(0, content_bytes - max(verified, useful_bytes.get(package, 0)))
        return spared
