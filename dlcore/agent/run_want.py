"""The want of a run: what the agent is told of it, whenever that changes.

The agent is told in the background, so that a run does not wait for it between two steps. It stays
with the agent if the run's process ends, so that the content is there when the run goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from dlcore.agent.interface import PinnedCatalog, Want
from dlcore.agent.run_agent import RunAgent
from dlcore.errors import AgentError, DlcoreError, StorageError
from dlcore.waiting import cancel_and_wait

NAME: Final = "dlcore-run"
"""There is one run on a state directory, and so one such want. No other client can use the name."""

_RETRY_S: Final = 1.0  # while the agent is away, or its disk fails
_LOOK_S: Final = 2.0
"""How long an agent without the want of the run may hand out what a step works in."""

_log = logging.getLogger(__name__)


class RunWant:
    """Tells the agent what a run wants now.

    Args:
        agent: Is told.
        pin: The catalog that the run began with.
        before: Called before the run's first packages are wanted, with what the agent is told
            then: a want that only keeps packages.
    """

    def __init__(
        self,
        agent: RunAgent,
        pin: PinnedCatalog,
        before: Callable[[Want], Awaitable[None]],
    ) -> None:
        self._agent = agent
        self._before: Callable[[Want], Awaitable[None]] | None = before
        self._want = Want(NAME, pin=pin)
        self._told: Want | None = None
        self._telling = asyncio.Lock()
        self._background: asyncio.Task[None] | None = None

    def change(self, **members: Any) -> None:
        """Want something else from now on: members of the `Want`."""
        changed = msgspec.structs.replace(self._want, **members)
        if changed == self._want:
            return
        self._want = changed
        if self._background is None or self._background.done():
            self._background = asyncio.ensure_future(self._tell_in_background())

    async def confirm(self, *, is_lost: bool = False) -> None:
        """Wait until the agent has what is wanted now on its disk.

        Args:
            is_lost: Whether the agent says that it does not know of it.

        Raises:
            DlcoreError: As `AgentClient.want`.
        """
        async with self._telling:
            if is_lost:
                self._told = None
            while self._told != self._want:
                want = self._want
                if self._before:
                    await self._before(
                        msgspec.structs.replace(want, packages=(), maybe_packages=())
                    )
                    self._before = None
                await self._agent.want_of_run(want)
                self._told = want

    async def keep_told(self) -> None:
        """Tell the agent again whenever it has lost the want, until this is cancelled.

        Its memory may be damaged while a step works, and then nothing else asks it for long.
        """
        while True:
            await asyncio.sleep(_LOOK_S)
            told = self._told
            try:
                status = await self._agent.status()
                is_current = told is self._told and not self._telling.locked()
                if told and is_current and told not in status.wants:
                    _log.warning("the agent does not have what the run wants, and is told again")
                    await self.confirm(is_lost=True)
            except DlcoreError as error:
                _log.info("the agent was not asked for what the run wants: %s", error.message)

    async def forget(self) -> None:
        """The run has ended: have the agent forget it.

        Raises:
            DlcoreError: As `AgentClient.forget`.
        """
        await self.aclose()
        self._told = None
        await self._agent.forget_run()

    async def aclose(self) -> None:
        """Tell nothing more; the agent goes on with what it was told. Idempotent."""
        if self._background:
            await cancel_and_wait([self._background])

    async def _tell_in_background(self) -> None:
        while True:
            try:
                await self.confirm()
            except (AgentError, StorageError) as error:  # it is away, or its disk fails
                _log.info("the agent was not told what the run wants: %s", error.message)
            except DlcoreError as error:  # whoever waits for a package is told it, too
                _log.warning("the agent does not take what the run wants: %s", error.message)
                return
            else:
                return
            await asyncio.sleep(_RETRY_S)
