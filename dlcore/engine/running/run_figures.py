"""What a run's downloads have come to, as its state and its report count it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from dlcore.engine.events import Progress
from dlcore.engine.running.run_content import RunContent
from dlcore.engine.running.state import LifeFigures


class RunFigures:
    """Reads the meters of one process.

    Args:
        content: Hands out packages.
        renewals: Tells how many tokens and locations were renewed.
    """

    def __init__(self, content: RunContent, renewals: Callable[[], int]) -> None:
        self._content = content
        self._renewals = renewals

    def measured(self, elapsed_s: float) -> LifeFigures:
        """What this process has measured so far.

        Args:
            elapsed_s: Seconds since its part of the run began.
        """
        return self._content.measured(elapsed_s)._replace(renewals=self._renewals())

    def progress(self) -> Progress:
        """How far the downloads are now."""
        return self._content.progress()

    def spared_bytes(self, packages: Iterable[str], useful_bytes: Mapping[str, int]) -> int:
        """Content that was not fetched, and that download-first would have fetched too.

        Args:
            packages: All that enabled steps refer to.
            useful_bytes: What was received of each package, by earlier processes too, without
                what came twice.
        """
        catalog = self._content.package_index.catalog.packages
        spared = 0
        for package in packages:
            if package in catalog:
                content_bytes = catalog[package].content_bytes
                verified = self._content.verified_bytes(package, content_bytes)
                spared += max(0, content_bytes - max(verified, useful_bytes.get(package, 0)))
        return spared
