"""The client for programs that do not use asyncio: the same calls, each waiting for its end.

A `Client` runs an event loop in a thread of its own, so downloads go on between calls: while the
caller runs one step, the content of the next ones arrives. An interrupted call (Ctrl-C) is
cancelled, and raises only when it has come to its end; the client can be used again.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from dlcore.deployment import Check, Deployment, load_deployment
from dlcore.engine.client import Client as AsyncClient
from dlcore.engine.events import Event
from dlcore.engine.executor import Executor
from dlcore.engine.gather import preflight
from dlcore.engine.report import Report
from dlcore.engine.run import run_sequence
from dlcore.engine.session import Session as AsyncSession
from dlcore.schedule import Terms
from dlcore.tasksequence import Step, TaskSequence, Variables

T = TypeVar("T")

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

    def call(self, function: Callable[[], None]) -> None:
        """Call a function on the loop."""

        async def call() -> None:
            function()

        self.run(call())

    def close(self) -> None:
        """End the thread, and those that the loop has started."""
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


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
    def from_config(cls, config: Path, state: Path, *, wait_s: float = 0.0) -> Self:
        """A client with the settings of a TOML file; see `dlcore.Client.from_config`."""
        return cls(load_deployment(config), state, wait_s=wait_s)

    def __enter__(self) -> Self:
        """Open the endpoints; see `dlcore.Client`."""
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
        """See `dlcore.Client.fetch`."""
        return self._loop.run(self._client.fetch(package_id))

    def preflight(self, sequence: TaskSequence) -> tuple[Check, ...]:
        """See `dlcore.preflight`."""
        return self._loop.run(preflight(self._client, sequence))

    def run(self, sequence: TaskSequence | Path, executor: Executor) -> Report:
        """See `dlcore.run_sequence`."""
        return self._loop.run(run_sequence(self._client, sequence, executor))

    def session(self, sequence: TaskSequence | Path) -> Session:
        """See `dlcore.Client.session`."""
        return Session(self._loop, self._loop.run(self._client.session(sequence)))

    def limit(self, cap_bytes_per_s: float) -> None:
        """See `dlcore.Client.limit`."""
        self._loop.call(lambda: self._client.limit(cap_bytes_per_s))

    def set_terms(self, endpoint: str, terms: Terms) -> None:
        """See `dlcore.Client.set_terms`."""
        self._loop.call(lambda: self._client.set_terms(endpoint, terms))

    def limit_hosts(self, max_connections: int) -> None:
        """See `dlcore.Client.limit_hosts`."""
        self._loop.call(lambda: self._client.limit_hosts(max_connections))

    def events(self) -> Iterator[Event]:
        """Everything that happens from now on, until the client is closed.

        Meant for another thread: each step of the iteration waits for the next event.
        """
        events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._listeners.append(self._loop.start(_pass_on(self._client.events(), events)))
        return iter(events.get, None)

    async def _close(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(kind, error, trace)
        await asyncio.gather(*self._listeners)


class Session:
    """As `dlcore.Session`: each step's content is there when `content` returns."""

    def __init__(self, loop: _Loop, session: AsyncSession) -> None:
        self._loop = loop
        self._session = session

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps in order of execution, disabled ones too."""
        return self._session.steps

    @property
    def variables(self) -> Variables:
        """Task sequence variables, to be read and set between calls."""
        return self._session.variables

    def content(self, step: Step) -> dict[str, Path]:
        """See `dlcore.Session.content`."""
        return self._loop.run(self._session.content(step))


async def _pass_on(stream: AsyncIterator[Event], events: queue.SimpleQueue[Event | None]) -> None:
    """Hand events to another thread, and None at their end."""
    try:
        async for event in stream:
            events.put(event)
    finally:
        events.put(None)
