"""The agent's events that concern one run, as the run tells them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from dlcore.agent.run_agent import RunAgent
from dlcore.agent.run_bytes import RunBytes
from dlcore.engine.download.downloads import PROGRESS_EVERY_S
from dlcore.engine.download.version_names import package_id_of
from dlcore.engine.events import (
    BlockRejected,
    BoundaryChanged,
    CulpritFound,
    DownloadRetried,
    Event,
    PackageFailed,
    PackagePatched,
    PackageReady,
    PackageStarted,
    Progress,
    RangeFailed,
    TrafficChanged,
)
from dlcore.engine.listeners.lines import decode_lines
from dlcore.errors import AgentError, DlcoreError

_OF_PACKAGES: Final = (
    BlockRejected,
    CulpritFound,
    DownloadRetried,
    PackageFailed,
    PackagePatched,
    PackageReady,
    PackageStarted,
    RangeFailed,
)
_RETRY_S: Final = 1.0  # while the agent is away
_log = logging.getLogger(__name__)


class RunEvents:
    """Listens to the agent.

    Args:
        agent: Open.
        found: Knows what the agent calls the run's packages.
        tell: Hears of events.
        refresh: Asks the agent how far it is, and tells that.

    Attributes:
        rate_bytes_per_s: Recent bytes per second of the agent, for all its clients.
        connections: Requests that it has in flight.
        max_connections: The most that it was heard to have.
    """

    def __init__(
        self,
        agent: RunAgent,
        found: RunBytes,
        tell: Callable[[Event], None],
        refresh: Callable[[], Awaitable[None]],
    ) -> None:
        self.rate_bytes_per_s = 0.0
        self.connections = self.max_connections = 0
        self._agent = agent
        self._found = found
        self._tell = tell
        self._refresh = refresh

    async def pass_on(self) -> None:
        """Tell what concerns the run, until this is cancelled. An agent that is away is waited for.

        How far the agent is, is asked whenever it tells of progress: if nothing happens, nothing is
        asked.
        """
        after: int | None = None
        now_s = asyncio.get_running_loop().time
        asked_s = now_s()
        while True:
            try:
                async for numbered in self._agent.events(after):
                    after = numbered.number
                    event = _decoded(numbered.line)
                    if isinstance(event, Progress) and now_s() >= asked_s + PROGRESS_EVERY_S:
                        asked_s = now_s()
                        await self._ask(event)
                    elif event:
                        await self._hear(event)
            except AgentError as error:
                _log.info("the agent's events cannot be read: %s", error.message)
            await asyncio.sleep(_RETRY_S)

    async def _ask(self, progress: Progress) -> None:
        self.rate_bytes_per_s = progress.rate_bytes_per_s
        self.connections = sum(each.connections for each in progress.endpoints.values())
        self.max_connections = max(self.max_connections, self.connections)
        await self._refresh()

    async def _hear(self, event: Event) -> None:
        if isinstance(event, (BoundaryChanged, TrafficChanged)):
            self._tell(event)
        if not isinstance(event, _OF_PACKAGES):
            return
        package_id = self._found.names.get(event.package)
        if package_id is None and package_id_of(event.package) in self._found.ids:
            await self._refresh()  # the catalog has changed, and with it what they are called
            package_id = self._found.names.get(event.package)
        if package_id:
            self._tell(msgspec.structs.replace(event, package=package_id))


def _decoded(line: str) -> Event | None:
    try:
        return decode_lines([line.encode()], source="the agent").events[0].event
    except (DlcoreError, IndexError):  # of a newer dlcore
        return None
