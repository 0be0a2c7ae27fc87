"""The client of the agent that a run uses: it alone may tell what the run wants."""

from __future__ import annotations

from dlcore.agent.client import AgentClient
from dlcore.agent.interface import Want


class RunAgentClient(AgentClient):
    """A running agent, as a run sees it. Implements `RunAgent`."""

    async def want_of_run(self, want: Want) -> None:
        """Want something from now on, in place of what the run wanted before.

        Raises:
            DlcoreError: As `AgentClient.want`.
        """
        await self._send("PUT", "/run/want", want)

    async def forget_run(self) -> None:
        """The run has ended, and wants nothing any more. Idempotent.

        Raises:
            DlcoreError: As `AgentClient.forget`.
        """
        await self._send("DELETE", "/run/want")
