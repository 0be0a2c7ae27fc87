"""The run in a client's state directory: its lock, and the session that carries it out.

Guarantees: a run begins, or goes on, only while its lock is held. It uses the catalog that it began
with.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from dlcore.engine.documents.catalogs import check_known
from dlcore.engine.documents.pinned_documents import CatalogPin
from dlcore.engine.documents.republished import Republished
from dlcore.engine.listeners.run_records import recorded
from dlcore.engine.locking import hold_run
from dlcore.engine.running.begin_run import new_run, resume_run
from dlcore.engine.running.built_in_variables import merged
from dlcore.engine.running.held_run import HeldRun
from dlcore.engine.running.identity import identify
from dlcore.engine.running.resume import Resume, take_up
from dlcore.engine.running.run_content import OpenRunContent, RunContent
from dlcore.engine.running.session import Session
from dlcore.engine.running.state import RunState
from dlcore.machine import answer_or_none
from dlcore.steps.post_action import PostAction
from dlcore.tasksequence import TaskSequence, packages_in_order
from dlcore.waiting import cancel_and_wait, in_thread

if TYPE_CHECKING:
    from dlcore.engine.client import Client

_log = logging.getLogger(__name__)


class Runs:
    """Begins the runs of one client, or goes on with them.

    Args:
        client: Its settings, catalogs and content are those of the runs.
        open_content: Opens what hands out the content of runs; None: the client fetches it.

    Attributes:
        held: The lock of the run; None before `hold`.
        is_content_elsewhere: Whether the client does not fetch the content itself.
    """

    def __init__(self, client: Client, open_content: OpenRunContent | None) -> None:
        self.held: HeldRun | None = None
        self.is_content_elsewhere = open_content is not None
        self._client = client
        self._open_content = open_content
        self._session: Session | None = None
        self._stack = AsyncExitStack()

    async def hold(self, wait_s: float, *, has_content: bool) -> HeldRun:
        """Lock the run, and record what happens from now on. Call it once.

        Args:
            wait_s: How long to wait while another process holds it.
            has_content: Whether this process holds the content as well.

        Raises:
            LockedError: As `Client.hold_run`.
            StorageError: As `Client.hold_run`.
        """
        client, policy = self._client, self._client.policy
        async with AsyncExitStack() as stack:
            held = await hold_run(
                client.state, wait_s, policy.lock_retry_s, has_content=has_content
            )
            stack.callback(held.release)
            await stack.enter_async_context(recorded(client.state, client.bus, policy.record))
            self._stack = stack.pop_all()
        self.held = held
        return held

    async def aclose(self) -> None:
        """End the sessions, then give up the run: it can go on later. Idempotent."""
        await self._stack.aclose()

    def keep_outcome(self) -> None:
        """Nobody was told the outcome of the last session, if it has ended."""
        if self._session:
            self._session.keep_outcome()

    async def under_way(
        self, sequence: TaskSequence, resume: Resume, *, simulated: bool
    ) -> RunState | None:
        """The run that a session would go on with; None if one would begin. Nothing is written.

        Raises:
            RunStateError: As `Client.session`.
            StorageError: The disk failed.
        """
        if self._session and self._session.outcome is not None:
            await self._session.aclose()
        state, download = self._client.state, self._client.deployment.options.download
        identity = identify(sequence)
        return await in_thread(
            lambda: take_up(state, identity, download, resume, simulated=simulated)
        )

    async def session(
        self,
        sequence: TaskSequence,
        held: HeldRun,
        resume: Resume,
        post_action: PostAction | None,
        *,
        simulated: bool,
    ) -> Session:
        """As `Client.session`, with the lock of the run."""
        client = self._client
        run = await self.under_way(sequence, resume, simulated=simulated)
        is_new = run is None
        if run is None:
            run = await new_run(
                sequence,
                await client.catalogs.pin(),
                client.deployment,
                client.state,
                client.machine,
                simulated=simulated,
            )
        else:
            may_change = client.opened_content is None
            await client.catalogs.use_pinned(run.pin, may_change=may_change)
            await resume_run(run, sequence, client.deployment, client.machine)
        content = await self._content(run.pin)
        packages = packages_in_order(sequence)
        content.need(packages)
        if resume is Resume.CONTINUE:
            check_known(packages, content.package_index.catalog)
            run.set_variables(merged(sequence.variables, run.known_variables()))
        republished = self._republished(content, packages, is_new=is_new)
        session = Session(
            sequence,
            run,
            content,
            client.judge(),
            client.bus,
            state=client.state,
            held=held,
            renewals=lambda: client.renewals,
            republished=republished,
            link_bytes_per_s=client.deployment.transfer.link_bytes_per_s,
            policy=client.policy,
            machine=client.machine,
            boot_id=await in_thread(lambda: answer_or_none(client.machine.boot_id) or ""),
            post_action=post_action,
        )
        self._stack.push_async_callback(session.aclose)
        self._session = session
        _log.info("task sequence of %d steps, at step %d", len(sequence.steps), run.position)
        return session

    def _republished(
        self, content: RunContent, packages: tuple[str, ...], *, is_new: bool
    ) -> Republished:
        """Tells what was published again since the run began, if that was before now."""
        catalogs, bus = self._client.catalogs, self._client.bus
        republished = Republished(
            content.package_index.catalog, packages, catalogs.current, bus.emit
        )
        if not is_new:
            looking = asyncio.ensure_future(republished.look())
            self._stack.push_async_callback(cancel_and_wait, [looking])
        return republished

    async def _content(self, pin: CatalogPin) -> RunContent:
        """What hands out the content of a run."""
        client = self._client
        if self._open_content is None:
            return await client.content()
        index = await client.package_index()
        content = self._open_content(index, pin, lambda event: client.bus.emit(event))
        return await self._stack.enter_async_context(content)
