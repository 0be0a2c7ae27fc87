"""dlcore for programs that do not use asyncio: the same names and arguments, each call blocking.

A `Client` runs an event loop in a thread of its own, so downloads go on between calls: while the
caller runs one step, the content of the next ones arrives. An interrupted call (Ctrl-C) is
cancelled, and raises only when it has come to its end; the client can be used again.
"""

from __future__ import annotations

import asyncio
import functools
import queue
import threading
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterator,
    Mapping,
)
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, Self, TypeVar

from dlcore.agent.addresses import AgentAddress
from dlcore.agent.client import AgentClient as AsyncAgentClient
from dlcore.agent.interface import AgentEvent, AgentStatus, PackageStatus, Want
from dlcore.deployment import Check, Deployment, load_deployment
from dlcore.engine import gather as _gather
from dlcore.engine import run as _run
from dlcore.engine.client import Client as AsyncClient
from dlcore.engine.documents.manifests import load_manifest
from dlcore.engine.events import Event
from dlcore.engine.fetching import fetch as _fetch
from dlcore.engine.fetching import fetch_many as _fetch_many
from dlcore.engine.outcomes import RunOutcome
from dlcore.engine.report import Report
from dlcore.engine.resume import Resume
from dlcore.engine.session import Session as AsyncSession
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
    "fetch",
    "fetch_many",
    "load_deployment",
    "load_manifest",
    "load_sequence",
    "plan",
    "preflight",
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

POLL_S = 0.5  # on Windows an interrupt does not end a wait


class _Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="dlcore-loop", daemon=True
        )
        self._thread.start()

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a coroutine."""

        async def start() -> asyncio.Task[T]:
            return asyncio.ensure_future(work)

        return asyncio.run_coroutine_threadsafe(start(), self._loop).result()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for a coroutine; an interrupt cancels it and waits for its end."""
        task = self.start(work)
        ended = threading.Event()
        self._loop.call_soon_threadsafe(task.add_done_callback, lambda _: ended.set())
        try:
            while not ended.wait(POLL_S):
                pass
        except BaseException:
            self._loop.call_soon_threadsafe(task.cancel)
            ended.wait()
            raise
        return task.result()

    def call(self, function: Callable[[], T]) -> T:
        """Call a function on the loop."""

        async def call() -> T:
            return function()

        return self.run(call())

    def close(self) -> None:
        """End the thread, and those that the loop has started."""
        self.run(self._loop.shutdown_asyncgens())
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _alone(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """A coroutine function as one that blocks, on a loop of its own."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        loop = _Loop()
        try:
            return loop.run(function(*args, **kwargs))
        finally:
            loop.close()

    return call


fetch = _alone(_fetch.fetch)
fetch_many = _alone(_fetch_many.fetch_many)


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

    @classmethod
    def from_config(
        cls, config: Path, state: Path, *, trust_root: Path | None = None, wait_s: float = 0.0
    ) -> Self:
        """A client with the settings of a TOML file, as `dlcore.Client.from_config`."""
        return cls(load_deployment(config, trust_root=trust_root), state, wait_s=wait_s)

    def __enter__(self) -> Self:
        """Open the endpoints; raises as `dlcore.Client.__aenter__`."""
        self._loop = _Loop()
        try:
            self._loop.run(self._client.__aenter__())
        except BaseException:
            self._loop.close()
            raise
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
        return self._loop.run(_gather.preflight(self._client, sequence, executor))

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


class AgentClient:
    """As `dlcore.AgentClient`, in a plain ``with``. Calls may come from any thread.

    Args:
        state: The state directory that the agent owns.
        address: Where it listens, if not where the state directory says.
        patience_s: How long a call waits for an agent that cannot be reached.
    """

    def __init__(
        self, state: Path, *, address: AgentAddress | None = None, patience_s: float = 30.0
    ) -> None:
        self._client = AsyncAgentClient(state, address=address, patience_s=patience_s)

    def __enter__(self) -> Self:
        """Nothing is asked yet."""
        self._loop = _Loop()
        self._loop.run(self._client.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._loop.run(self._client.__aexit__(kind, error, trace))
        finally:
            self._loop.close()

    def status(self) -> AgentStatus:
        """How the agent is; raises as `dlcore.AgentClient.status`."""
        return self._loop.run(self._client.status())

    def want(self, want: Want) -> None:
        """Want something from now on; raises as `dlcore.AgentClient.want`."""
        self._loop.run(self._client.want(want))

    def forget(self, name: str) -> None:
        """Want it no longer; raises as `dlcore.AgentClient.forget`."""
        self._loop.run(self._client.forget(name))

    def package(self, package_id: str) -> PackageStatus:
        """Where a package stands now; raises as `dlcore.AgentClient.package`."""
        return self._loop.run(self._client.package(package_id))

    def obtain(self, package_id: str) -> Path:
        """Wait for a package; returns and raises as `dlcore.AgentClient.obtain`."""
        return self._loop.run(self._client.obtain(package_id))

    def events(self, after: int | None = None) -> Iterator[AgentEvent]:
        """What happens, as `dlcore.AgentClient.events`; each step waits for the next event."""
        stream = self._client.events(after)
        try:
            while True:
                yield self._loop.run(_next_event(stream))
        finally:
            self._loop.run(stream.aclose())

    def stop(self) -> None:
        """End the agent; raises as `dlcore.AgentClient.stop`."""
        self._loop.run(self._client.stop())


class Session:
    """As `dlcore.Session`: each step's content is there when `content` returns."""

    def __init__(
        self, loop: _Loop, session: AsyncSession, events: Callable[[], Iterator[Event]]
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
            self._loop.run(steps.aclose())

    def content(self, step: Step) -> dict[str, Path]:
        """Wait for a step's packages; returns and raises as `dlcore.Session.content`."""
        return self._loop.run(self._session.content(step))

    def job(self, step: Step) -> Job:
        """Wait for what an executor needs; returns and raises as `dlcore.Session.job`."""
        return self._loop.run(self._session.job(step))

    def completed(self, step: Step, outcome: Outcome | int = 0, *, is_final: bool = False) -> None:
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
    """An executor as the engine knows them; one that simulates stays recognisable."""
    return executor if isinstance(executor, SimulatingExecutor) else _Adapted(executor)


async def _next_event(stream: AsyncGenerator[AgentEvent]) -> AgentEvent:
    return await anext(stream)


async def _next_of(steps: AsyncGenerator[Step]) -> Step | None:
    return await anext(steps, None)


async def _pass_on(stream: AsyncIterator[Event], events: queue.SimpleQueue[Event | None]) -> None:
    """Hand events to another thread, and None at their end."""
    try:
        async for event in stream:
            events.put(event)
    finally:
        events.put(None)
