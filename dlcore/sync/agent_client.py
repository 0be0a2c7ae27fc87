"""A running agent, for programs without asyncio."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from dlcore.agent.addresses import AgentAddress
from dlcore.agent.client import AgentClient as AsyncAgentClient
from dlcore.agent.interface import AgentEvent, AgentStatus, PackageStatus, Want
from dlcore.sync.loop import Loop


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
        self._loop = Loop()
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
        """The state of the agent; raises as `dlcore.AgentClient.status`."""
        return self._loop.run(self._client.status())

    def want(self, want: Want) -> None:
        """Want something from now on; raises as `dlcore.AgentClient.want`."""
        self._loop.run(self._client.want(want))

    def forget(self, name: str) -> None:
        """Forget a want; raises as `dlcore.AgentClient.forget`."""
        self._loop.run(self._client.forget(name))

    def package(self, package_id: str) -> PackageStatus:
        """Where a package stands now; raises as `dlcore.AgentClient.package`."""
        return self._loop.run(self._client.package(package_id))

    def look(self) -> None:
        """Have the agent look at the site's catalog; raises as `dlcore.AgentClient.look`."""
        self._loop.run(self._client.look())

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
            self._loop.finish(stream)

    def stop(self) -> None:
        """End the agent; raises as `dlcore.AgentClient.stop`."""
        self._loop.run(self._client.stop())


async def _next_event(stream: AsyncGenerator[AgentEvent]) -> AgentEvent:
    return await anext(stream)
