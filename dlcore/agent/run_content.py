"""The content of a run whose packages an agent fetches.

Guarantees: a step gets the version that the run began with, by the digest of its manifest, or an
error; never another one. Its folder is the one of that version in the state directory. Nobody else
is handed that folder, and the agent leaves it alone, until the run turns to the next step.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from dlcore.agent.agent_wait import AgentWait
from dlcore.agent.interface import ObtainTerms, PackageStatus, PinnedCatalog
from dlcore.agent.run_agent import RunAgent
from dlcore.agent.run_client import RunAgentClient
from dlcore.agent.run_figures import AgentRunFigures
from dlcore.agent.run_want import NAME, RunWant
from dlcore.engine.documents.pinned_documents import CatalogPin
from dlcore.engine.download.package_index import PackageIndex
from dlcore.engine.download.retry import Retry
from dlcore.engine.events import Event, Progress
from dlcore.engine.policy import EnginePolicy
from dlcore.engine.running.run_content import OpenRunContent, RunContent
from dlcore.engine.running.state import LifeFigures
from dlcore.errors import DlcoreError, NotFoundError, RunStateError, RunStateFault
from dlcore.store import Store
from dlcore.waiting import cancel_and_wait

_log = logging.getLogger(__name__)


class AgentRunContent:
    """Hands out the packages of one run: a `RunContent`.

    Args:
        agent: Open.
        state: The state directory that the agent owns.
        package_index: The catalog that the run began with.
        pin: That catalog, as the run keeps it.
        tell: Hears of events.
        policy: How long to wait for an agent that is away.
    """

    def __init__(
        self,
        agent: RunAgent,
        state: Path,
        package_index: PackageIndex,
        pin: CatalogPin,
        tell: Callable[[Event], None],
        policy: EnginePolicy | None = None,
    ) -> None:
        self.package_index = package_index
        self.retry_time_s: float | None = None
        self._agent = agent
        self._store = Store.look(state)
        self._wait = AgentWait(state, tell, policy)
        self._figures = AgentRunFigures(agent, package_index, tell)
        pinned = PinnedCatalog(pin.catalog, pin.evidence)
        self._want = RunWant(agent, pinned, self._figures.begin_counting)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Listen to the agent from now on, and look whether it still knows the run."""
        self._tasks = [
            asyncio.ensure_future(self._figures.pass_on_events()),
            asyncio.ensure_future(self._want.keep_told()),
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._want.aclose()
        await cancel_and_wait(self._tasks)

    # What is wanted

    def need(self, package_ids: Sequence[str]) -> None:
        """Say what the run needs, as a whole: it stays on disk, and shares no files with others."""
        self._want.change(kept=self._known(package_ids))

    def order(self, needed: Sequence[str], maybe_needed: Sequence[str] = ()) -> None:
        """Set what is wanted, earliest first; no step uses what was handed out before."""
        packages, maybe = self._known(needed), self._known(maybe_needed)
        self._figures.ordered((*packages, *maybe))
        self._want.change(packages=packages, maybe_packages=maybe, in_use=())

    def set_retry(self, retry: Retry) -> None:
        """Do nothing: the agent decides how often downloads are tried again."""

    def _known(self, package_ids: Sequence[str]) -> tuple[str, ...]:
        """Those that the catalog knows: of the others, whoever waits for them is told."""
        return tuple(each for each in package_ids if self.package_index.known(each))

    # What is handed out

    def is_there(self, package_id: str) -> bool:
        """Whether the agent has said that a package is complete."""
        return self._figures.is_there(package_id)

    async def arrive(self, package_id: str) -> None:
        """Wait until a package is complete; it is served first.

        Raises:
            DlcoreError: As `paths`.
        """
        await self._obtain(package_id, to_write=False)

    async def paths(self, package_ids: Sequence[str], *, to_write: bool) -> dict[str, Path]:
        """Wait for packages, and have the agent prove them.

        Args:
            package_ids: The packages.
            to_write: Whether they are handed out to be written into, as a step may.

        Returns:
            Package id -> the folder with its files.

        Raises:
            DlcoreError: As `RunContent.paths`.
        """
        for package_id in package_ids:
            self.package_index.entry(package_id)
        self._want.change(in_use=tuple(package_ids))
        for package_id in package_ids:
            await self._obtain(package_id, to_write=to_write)
        return {each: self._folder(each) for each in package_ids}

    def location(self, package_id: str) -> str:
        """Where a package was last downloaded from, as the agent says; empty if from nowhere."""
        return self._figures.location(package_id)

    def _folder(self, package_id: str) -> Path:
        entry = self.package_index.entry(package_id)
        return self._store.content_folder(package_id, entry.version, entry.manifest)

    async def _obtain(self, package_id: str, *, to_write: bool) -> None:
        self.package_index.entry(package_id)
        self._figures.ordered((package_id,))
        terms = ObtainTerms(NAME, to_write)

        async def ask() -> PackageStatus:
            await self._want.confirm()
            try:
                return await self._agent.obtained(package_id, terms)
            except NotFoundError:  # its memory was damaged, and it started over
                await self._want.confirm(is_lost=True)
                return await self._agent.obtained(package_id, terms)

        obtained = await self._wait.until_back((package_id,), ask)
        if not self._figures.means(obtained):
            raise RunStateError(
                f"the agent hands out version {obtained.version} of package {package_id}, and the"
                f" run began with version {self.package_index.entry(package_id).version}",
                fault=RunStateFault.PACKAGE,
                remedy="Run again; if it happens again, run with --no-agent and without the agent.",
            )
        await self._wait.until_back((package_id,), self._figures.refresh)

    # What it came to

    def verified_bytes(self, package_id: str, content_bytes: int) -> int:
        """How much of a package is known to be on disk, as the agent says."""
        return self._figures.verified_bytes(package_id, content_bytes)

    def progress(self) -> Progress:
        """How far the packages are that the run has asked for."""
        return self._figures.progress()

    def measured(self, elapsed_s: float) -> LifeFigures:
        """What the agent has received for the run in this process's part of it.

        Args:
            elapsed_s: Seconds since its part of the run began.
        """
        return self._figures.measured(elapsed_s)

    async def end(self) -> None:
        """The run has ended: the agent forgets what it wanted. What is on disk stays."""
        try:
            await self._want.forget()
        except DlcoreError as error:  # it is dropped with the catalog that it has pinned
            _log.warning("the agent was not told that the run has ended: %s", error.message)


def content_of_agent(state: Path, policy: EnginePolicy | None = None) -> OpenRunContent:
    """Have the agent of a state directory fetch the content of a run: for ``Client(run_content=)``.

    Args:
        state: The state directory, which is the run's, too.
        policy: How long to wait for an agent that is away.
    """
    policy = policy or EnginePolicy()

    @contextlib.asynccontextmanager
    async def opened(
        package_index: PackageIndex, pin: CatalogPin, tell: Callable[[Event], None]
    ) -> AsyncIterator[RunContent]:
        async with (
            RunAgentClient(state, patience_s=policy.first_network_wait_s) as agent,
            AgentRunContent(agent, state, package_index, pin, tell, policy) as content,
        ):
            yield content

    return opened
