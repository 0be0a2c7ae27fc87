"""What a run needs of its content, wherever that is fetched.

`dlcore.engine.package_provider` fetches it in this process. A run beside an agent has it from there
(`dlcore.agent.run_content`); the engine knows nothing of agents.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol, TypeAlias

from dlcore.engine.documents.pinned_documents import CatalogPin
from dlcore.engine.download.package_index import PackageIndex
from dlcore.engine.download.retry import Retry
from dlcore.engine.events import Event, Progress
from dlcore.engine.running.state import LifeFigures


class RunContent(Protocol):
    """Hands out the packages of one run, in the versions that its catalog states."""

    @property
    def package_index(self) -> PackageIndex:
        """The catalog that the run began with, and the manifests."""
        ...

    @property
    def retry_time_s(self) -> float | None:
        """Seconds to go on asking when no endpoint can serve a package; None: as a step says."""
        ...

    def need(self, package_ids: Sequence[str]) -> None:
        """Say what the run needs, as a whole: it stays on disk, and shares no files with others."""
        ...

    def order(self, needed: Sequence[str], maybe_needed: Sequence[str] = ()) -> None:
        """Set what is wanted, earliest first; no step uses what was handed out before."""
        ...

    def set_retry(self, retry: Retry) -> None:
        """Change what happens when no endpoint is left for a package."""
        ...

    def is_there(self, package_id: str) -> bool:
        """Whether a package is known to be complete."""
        ...

    async def arrive(self, package_id: str) -> None:
        """Wait until a package is complete; it is served first.

        Raises:
            DlcoreError: As `paths`.
        """
        ...

    async def paths(self, package_ids: Sequence[str], *, to_write: bool) -> dict[str, Path]:
        """Wait for packages, and prove all of them when the last one is there.

        Args:
            package_ids: The packages.
            to_write: Whether they are handed out to be written into, as a step may. Then they have
                files of their own; else they may share files with other packages.

        Returns:
            Package id -> the folder with its files, complete and verified. It is the step's own
            until the next `order`.

        Raises:
            NotFoundError: The catalog or the endpoints do not know a package.
            ExhaustedError: No endpoint is left to serve some of its blocks.
            RunStateError: Its version is not the one that the run began with.
            IntegrityError: Every endpoint served some block wrong.
            UnexpectedContentError: There is something in its folder that is not the package's.
            StorageError: The local disk failed, or something keeps changing the package on disk.
            AgentError: The agent that has the content cannot be reached.
        """
        ...

    def location(self, package_id: str) -> str:
        """Where a package was last downloaded from: endpoint and id; empty if from nowhere."""
        ...

    def verified_bytes(self, package_id: str, content_bytes: int) -> int:
        """How much of a package of that length is known to be on disk; 0 before it was begun."""
        ...

    def progress(self) -> Progress:
        """How far the downloads are now."""
        ...

    def measured(self, elapsed_s: float) -> LifeFigures:
        """What was fetched for the run in this process's part of it; renewals are not counted.

        Args:
            elapsed_s: Seconds since its part of the run began.
        """
        ...

    async def end(self) -> None:
        """The run has ended: it needs nothing any more."""
        ...


OpenRunContent: TypeAlias = Callable[
    [PackageIndex, CatalogPin, Callable[[Event], None]],
    AbstractAsyncContextManager[RunContent],
]
"""Opens what hands out the content of a run, and closes it when the client is closed.

It takes what is known of the packages, the catalog that the run began with (its documents are in
``pinned`` of the state directory), and what hears of events.
"""
