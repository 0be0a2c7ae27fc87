"""dlcore for programs that do not use asyncio: the same names and arguments, each call blocking.

A `Client` runs an event loop in a thread of its own, so downloads go on between calls: while the
caller runs one step, the content of the next ones arrives. An interrupted call (Ctrl-C) is
cancelled, and raises only when it has come to its end; the client can be used again.
"""

from __future__ import annotations

import asyncio
import queue
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
)
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, Self, TypeVar

from dlcore.deployment import Check, Deployment, load_deployment
from dlcore.engine import precache as _precache
from dlcore.engine import precache_preview as _precache_preview
from dlcore.engine import preflight_facts as _preflight_facts
from dlcore.engine.client import Client as AsyncClient
from dlcore.engine.documents.manifests import load_manifest
from dlcore.engine.events import Event
from dlcore.engine.fetching import fetch as _fetch
from dlcore.engine.fetching import fetch_many as _fetch_many
from dlcore.engine.outcomes import RunOutcome
from dlcore.engine.precache import Clock, Precached, SequenceContent
from dlcore.engine.running import run as _run
from dlcore.engine.running.report import Report
from dlcore.engine.running.resume import Resume
from dlcore.engine.running.session import Session as AsyncSession
from dlcore.engine.traffic_rules import Rules, Urgency
from dlcore.publish import publish as publish_folder
from dlcore.publish import repair as repair_published
from dlcore.publish import verify_site
from dlcore.schedule import Terms
from dlcore.steps.interface import Executor as AsyncExecutor
from dlcore.steps.interface import Job, Outcome
from dlcore.steps.post_action import PostAction
from dlcore.steps.registry import standard_executors
from dlcore.steps.simulation import SimulatingExecutor
from dlcore.store import verify_tree
from dlcore.sync.agent_client import AgentClient
from dlcore.sync.loop import Loop, alone, not_open
from dlcore.tasksequence import Step, TaskSequence, Variables, plan
from dlcore.tasksequence import load as load_sequence
from dlcore.waiting import in_thread

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from dlcore.telemetry import RunSpans

__all__ = [
    "AgentClient",
    "Client",
    "Executor",
    "Session",
    "content_of_sequence",
    "fetch",
    "fetch_many",
    "load_deployment",
    "load_manifest",
    "load_sequence",
    "plan",
    "precache",
    "preflight",
    "preview_precache",
    "publish_folder",
    "repair_published",
    "run_sequence",
    "standard_executors",
    "traced",
    "verify_site",
    "verify_tree",
]

T = TypeVar("T")
P = ParamSpec("P")


fetch = alone(_fetch.fetch)
fetch_many = alone(_fetch_many.fetch_many)


class Executor(Protocol):
    """As `dlcore.Executor`, with a method that blocks; it is called in a thread of its own."""

    def obstacle(self, step: Step, variables: Mapping[str, str]) -> str:
        """Say before a run why a step cannot be run on this machine; empty if it can."""
        ...

    def run(self, job: Job) -> Outcome:
        """Run a step once."""
        ...


class _Adapted:
    """Runs an executor of either kind: calling a coroutine function does not block."""

    def __init__(self, executor: Executor | AsyncExecutor) -> None:
        self._executor = executor

    def obstacle(self, step: Step, variables: Mapping[str, str]) -> str:
        return self._executor.obstacle(step, variables)

    async def run(self, job: Job) -> Outcome:
        run: Callable[..., Outcome | Awaitable[Outcome]] = self._executor.run
        outcome = await in_thread(run, job)
        return outcome if isinstance(outcome, Outcome) else await outcome


class Client:
    """As `dlcore.Client`, in a plain ``with``. Calls may come from any thread.

    Args:
        deployment: Settings.
        state: The state directory.
        wait_s: How long to wait while another process holds it.
    """

    def __init__(self, deployment: Deployment, state: Path, *, wait_s: float = 0.0) -> None:
        self._client = AsyncClient(deployment, state, wait_s=wait_s)
        self._listeners: list[asyncio.Task[None]] = []
        self._opened_loop: Loop | None = None

    @classmethod
    def from_config(
        cls, config: Path, state: Path, *, trust_root: Path | None = None, wait_s: float = 0.0
    ) -> Self:
        """A client with the settings of a TOML file, as `dlcore.Client.from_config`."""
        return cls(load_deployment(config, trust_root=trust_root), state, wait_s=wait_s)

    def __enter__(self) -> Self:
        """Open the endpoints; raises as `dlcore.Client.__aenter__`."""
        loop = Loop()
        try:
            loop.run(self._client.__aenter__())
        except BaseException:
            loop.close()
            raise
        self._opened_loop = loop
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._loop.run(self._close(kind, error, trace))
        finally:
            self._loop.close()

    @property
    def _loop(self) -> Loop:
        if self._opened_loop is None:
            raise not_open()
        return self._opened_loop

    def fetch(self, package_id: str) -> Path:
        """Fetch one package; returns and raises as `dlcore.Client.fetch`."""
        return self._loop.run(self._client.fetch(package_id))

    def session(
        self,
        sequence: TaskSequence | Path,
        *,
        resume: Resume = Resume.ASK,
        post_action: PostAction | None = None,
        simulated: bool = False,
    ) -> Session:
        """Begin a task sequence, or go on with one; raises as `dlcore.Client.session`."""
        beginning = self._client.session(
            sequence, resume=resume, post_action=post_action, simulated=simulated
        )
        session = self._loop.run(beginning)
        return Session(self._loop, session, self.events)

    def limit(self, cap_bytes_per_s: float) -> None:
        """Cap what is read from all endpoints together, as `dlcore.Client.limit`."""
        self._loop.call(lambda: self._client.limit(cap_bytes_per_s))

    @property
    def renewals(self) -> int:
        """Tokens and locations renewed so far, as `dlcore.Client.renewals`."""
        return self._client.renewals

    @property
    def urgency(self) -> Urgency:
        """How urgent the content is that is fetched, as `dlcore.Client.urgency`."""
        return self._client.urgency

    @property
    def rules(self) -> Rules:
        """How much of the link may be used now, as `dlcore.Client.rules`."""
        return self._client.rules

    def set_urgency(self, urgency: Urgency) -> None:
        """Say how urgent the content is that is fetched, as `dlcore.Client.set_urgency`."""
        self._loop.call(lambda: self._client.set_urgency(urgency))

    def pause(self) -> None:
        """Fetch no content until `resume`, as `dlcore.Client.pause`."""
        self._loop.call(self._client.pause)

    def resume(self) -> None:
        """Go on after `pause`."""
        self._loop.call(self._client.resume)

    def keep_outcome(self) -> None:
        """Do not count a run's outcome as told, as `dlcore.Client.keep_outcome`."""
        self._loop.call(self._client.keep_outcome)

    def set_terms(self, endpoint: str, terms: Terms) -> None:
        """Change how an endpoint may be used; raises as `dlcore.Client.set_terms`."""
        self._loop.call(lambda: self._client.set_terms(endpoint, terms))

    def limit_hosts(self, max_connections: int) -> None:
        """Bound the connections to each host, as `dlcore.Client.limit_hosts`."""
        self._loop.call(lambda: self._client.limit_hosts(max_connections))

    def events(self) -> Iterator[Event]:
        """Everything that happens from now on, until the client is closed.

        Meant for another thread: each step of the iteration waits for the next event.
        """
        events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        stream = self._loop.call(self._client.events)
        self._listeners.append(self._loop.start(_pass_on(stream, events)))
        return iter(events.get, None)

    async def _close(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(kind, error, trace)
        await asyncio.gather(*self._listeners)

    def _preflight(
        self, sequence: TaskSequence, executor: AsyncExecutor | None
    ) -> tuple[Check, ...]:
        return self._loop.run(_preflight_facts.preflight(self._client, sequence, executor))

    def _run(
        self,
        sequence: TaskSequence | Path,
        executor: AsyncExecutor,
        resume: Resume,
        post_action: PostAction | None,
    ) -> Report:
        run = _run.run_sequence(
            self._client, sequence, executor, resume=resume, post_action=post_action
        )
        return self._loop.run(run)


class Session:
    """As `dlcore.Session`: each step's content is there when `content` returns."""

    def __init__(
        self, loop: Loop, session: AsyncSession, events: Callable[[], Iterator[Event]]
    ) -> None:
        self._loop = loop
        self._session = session
        self._events = events

    @property
    def sequence(self) -> TaskSequence:
        """What runs."""
        return self._session.sequence

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps in order, also those that will not run; `run_steps` gives those that do."""
        return self._session.steps

    @property
    def variables(self) -> Variables:
        """Task sequence variables, to be read and set between calls."""
        return self._session.variables

    @property
    def outcome(self) -> RunOutcome | None:
        """How the run ended; None while it is under way."""
        return self._session.outcome

    def events(self) -> Iterator[Event]:
        """Everything that happens from now on, as `Client.events`."""
        return self._events()

    def packages(self, step: Step) -> tuple[str, ...]:
        """Ids of the packages that a step needs, with the variables as they are now."""
        return self._session.packages(step)

    def run_steps(self) -> Iterator[Step]:
        """The steps to run, each when its turn has come; raises as `dlcore.Session.run_steps`."""
        steps = self._session.run_steps()
        try:
            while (step := self._loop.run(_next_of(steps))) is not None:
                yield step
        finally:
            self._loop.finish(steps)

    def content(self, step: Step) -> dict[str, Path]:
        """Wait for a step's packages; returns and raises as `dlcore.Session.content`."""
        return self._loop.run(self._session.content(step))

    def job(self, step: Step) -> Job:
        """Wait for what an executor needs; returns and raises as `dlcore.Session.job`."""
        return self._loop.run(self._session.job(step))

    def completed(self, step: Step, outcome: Outcome | int, *, is_final: bool = False) -> None:
        """Report how a step has ended; raises as `dlcore.Session.completed`."""
        self._loop.run(self._session.completed(step, outcome, is_final=is_final))

    def report(self) -> Report:
        """What the run has come to so far, as `dlcore.Session.report`."""
        return self._loop.call(self._session.report)


def traced(
    client: Client | None = None,
    *,
    provider: Any = None,
    requests: bool = False,
    parent: Any = None,
    on_run: Callable[[str], None] | None = None,
) -> AbstractContextManager[RunSpans]:
    """Make spans of what happens in the body, as `dlcore.traced`."""
    from dlcore.telemetry import traced as attached  # the extra may not be there

    theirs = client._client if client else None
    return attached(theirs, provider=provider, requests=requests, parent=parent, on_run=on_run)


def preflight(
    client: Client, sequence: TaskSequence, executor: Executor | AsyncExecutor | None = None
) -> tuple[Check, ...]:
    """Check every prerequisite of running a sequence on demand, as `dlcore.preflight`."""
    return client._preflight(sequence, _adapted(executor) if executor else None)


def content_of_sequence(client: Client, sequence: TaskSequence) -> SequenceContent:
    """What a sequence may need, as `dlcore.content_of_sequence`."""
    return client._loop.run(_precache.content_of_sequence(client._client, sequence))


def precache(
    client: Client,
    wanted: SequenceContent,
    *,
    by_s: float | None = None,
    clock: Clock = time.time,
) -> Precached:
    """Fetch what is wanted in the background; returns and raises as `dlcore.precache`."""
    return client._loop.run(_precache.precache(client._client, wanted, by_s=by_s, clock=clock))


def preview_precache(client: Client, wanted: SequenceContent) -> Precached:
    """Tell what `precache` would fetch, as `dlcore.preview_precache`."""
    return client._loop.run(_precache_preview.preview_precache(client._client, wanted))


def run_sequence(
    client: Client,
    sequence: TaskSequence | Path,
    executor: Executor | AsyncExecutor,
    *,
    resume: Resume = Resume.ASK,
    post_action: PostAction | None = None,
) -> Report:
    """Run a task sequence; returns and raises as `dlcore.run_sequence`.

    Args:
        client: Open.
        sequence: The task sequence, or the file it was exported to.
        executor: Runs the steps: one that blocks, or one of `dlcore`'s.
        resume: What to do with a run that is under way.
        post_action: Starts what the task sequence leaves behind, as in `dlcore.run_sequence`.
    """
    return client._run(sequence, _adapted(executor), resume, post_action)


def _adapted(executor: Executor | AsyncExecutor) -> AsyncExecutor:
    """An executor as the engine knows them; one that simulates stays recognizable."""
    return executor if isinstance(executor, SimulatingExecutor) else _Adapted(executor)


async def _next_of(steps: AsyncGenerator[Step]) -> Step | None:
    return await anext(steps, None)


async def _pass_on(stream: AsyncIterator[Event], events: queue.SimpleQueue[Event | None]) -> None:
    """Hand events to another thread, and None at their end."""
    try:
        async for event in stream:
            events.put(event)
    finally:
        events.put(None)
