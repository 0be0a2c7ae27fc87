"""Packages that were published again since a run began: the run goes on with what it began with."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from dlcore.engine.events import Event, PackageRepublished
from dlcore.engine.state_file import START_OVER_REMEDY
from dlcore.errors import DlcoreError, RunStateError, RunStateFault
from dlcore.model import Catalog

_log = logging.getLogger(__name__)


class Republication(msgspec.Struct, frozen=True):
    """A package whose current version is not the one that the run uses.

    Attributes:
        package: Its id.
        pinned_version: The version that the run began with.
        version: The version that is current; None if the package was withdrawn.
    """

    package: str
    pinned_version: int
    version: int | None


class Republished:
    """Compares the catalog that a run began with to the current one.

    Args:
        pinned: What the run began with.
        packages: Ids of the packages that its enabled steps refer to.
        read: Reads the current catalog.
        tell: Hears of each package that differs, once.
    """

    def __init__(
        self,
        pinned: Catalog,
        packages: Sequence[str],
        read: Callable[[], Awaitable[Catalog]],
        tell: Callable[[Event], None],
    ) -> None:
        self._pinned = pinned.packages
        self._packages = tuple(p for p in packages if p in self._pinned)
        self._read = read
        self._tell = tell
        self._found: dict[str, Republication] = {}
        self._looking = asyncio.Lock()

    @property
    def found(self) -> tuple[Republication, ...]:
        """What is known so far."""
        return tuple(self._found.values())

    async def look(self) -> None:
        """Read the current catalog and compare. A catalog that cannot be read tells nothing."""
        async with self._looking:
            try:
                current = (await self._read()).packages
            except DlcoreError as error:
                _log.info("the current catalog cannot be read: %s", error.message)
                return
        for package in self._packages:
            pinned, entry = self._pinned[package], current.get(package)
            if entry != pinned and package not in self._found:
                version = entry.version if entry else None
                self._found[package] = Republication(package, pinned.version, version)
                self._tell(PackageRepublished(package, pinned.version, version))

    async def explain(self, error: DlcoreError, packages: Sequence[str]) -> DlcoreError:
        """Explain why packages are missing, if they were published again since the run began.

        Args:
            error: How the attempt to fetch them failed.
            packages: Their ids.

        Returns:
            A `RunStateError` that names both versions, or else the error itself.
        """
        await self.look()
        gone = [self._found[package] for package in packages if package in self._found]
        if not gone:
            return error
        each = "; ".join(
            f"package {item.package}: the run began with version {item.pinned_version}, and "
            + (f"version {item.version} is current" if item.version else "it was withdrawn")
            for item in gone
        )
        return RunStateError(
            f"{each}. The version that the run began with is not available: {error.message}",
            fault=RunStateFault.PACKAGE,
            remedy=f"Distribute that version again and run again. {START_OVER_REMEDY}",
        )
