"""What a run asks of an agent: `RunAgentClient` has more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from dlcore.agent.interface import AgentEvent, AgentStatus, ObtainTerms, PackageStatus, Want


class RunAgent(Protocol):
    """A running agent. All methods raise `AgentAwayError` while it is away."""

    async def status(self) -> AgentStatus:
        """The state of the agent: what it wants and what it has."""
        ...

    async def want_of_run(self, want: Want) -> None:
        """Want something from now on, in place of what the run wanted before."""
        ...

    async def forget_run(self) -> None:
        """The run has ended, and wants nothing any more. Idempotent."""
        ...

    async def obtained(self, package_id: str, terms: ObtainTerms | None = None) -> PackageStatus:
        """Wait for a package, before all others, and have the agent prove it."""
        ...

    def events(self, after: int | None = None) -> AsyncIterator[AgentEvent]:
        """What happens from now on, or since the event of a number."""
        ...
