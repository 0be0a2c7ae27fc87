"""What the content of a run has come to, by the word of the agent that fetches it.

Bytes are those of which the agent says that it received them for the run's packages. What it does
not tell (which endpoint they came from, how many of them were wasted) is left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from dlcore.agent.fetching import BY_AGENT
from dlcore.agent.interface import AgentStatus, PackageStatus, Want
from dlcore.agent.run_agent import RunAgent
from dlcore.agent.run_bytes import RunBytes
from dlcore.agent.run_events import RunEvents
from dlcore.engine.download.figures import EndpointFigures
from dlcore.engine.download.package_index import PackageIndex
from dlcore.engine.events import EndpointProgress, Event, PackageProgress, Progress
from dlcore.engine.running.state import LifeFigures


class AgentRunFigures:
    """Asks the agent how far it is, and counts.

    Args:
        agent: Open.
        package_index: The catalog that the run began with.
        tell: Hears of events.
    """

    def __init__(
        self, agent: RunAgent, package_index: PackageIndex, tell: Callable[[Event], None]
    ) -> None:
        packages = package_index.catalog.packages
        self._agent = agent
        self._package_index = package_index
        self._tell = tell
        self._bytes = RunBytes({each: entry.manifest for each, entry in packages.items()})
        self._events = RunEvents(agent, self._bytes, tell, self.refresh)
        self._ordered: dict[str, None] = {}

    async def pass_on_events(self) -> None:
        """Tell what concerns the run, until this is cancelled; see `RunEvents.pass_on`."""
        await self._events.pass_on()

    async def begin_counting(self, keeping: Want) -> None:
        """Find out what the agent has received already, before the run wants anything of it.

        Args:
            keeping: A want that only keeps the packages of the run: the agent tells of them then.

        Raises:
            DlcoreError: As `AgentClient.want`.
        """
        status = await self._agent.status()
        if not any(_names_all(want, keeping) for want in status.wants):
            await self._agent.want_of_run(keeping)
            status = await self._agent.status()
        self._note(status)

    async def refresh(self) -> None:
        """Ask the agent how far it is, and tell that.

        Raises:
            AgentError: The agent cannot be reached.
        """
        self._note(await self._agent.status())
        self._tell(self.progress())

    def ordered(self, package_ids: Iterable[str]) -> None:
        """Count these packages from now on: the run has asked for them."""
        self._ordered.update(dict.fromkeys(package_ids))

    def means(self, package: PackageStatus) -> bool:
        """Whether it is the version that the run means."""
        return self._bytes.means(package)

    def is_there(self, package_id: str) -> bool:
        """Whether the agent has said that a package is complete."""
        return package_id in self._bytes.ready

    def location(self, package_id: str) -> str:
        """Where a package was last downloaded from, as the agent says; empty if from nowhere."""
        return self._bytes.locations.get(package_id, "")

    def verified_bytes(self, package_id: str, content_bytes: int) -> int:
        """How much of a package is known to be on disk, as the agent says."""
        if self.is_there(package_id):
            return content_bytes
        return min(content_bytes, self._bytes.verified_bytes(package_id))

    def progress(self) -> Progress:
        """How far the packages are that the run has asked for."""
        packages = {
            each: self._package_index.catalog.packages[each].content_bytes for each in self._ordered
        }
        verified = {each: self.verified_bytes(each, total) for each, total in packages.items()}
        rate_bytes_per_s, connections = self._events.rate_bytes_per_s, self._events.connections
        fetched_bytes = self._bytes.fetched.total()
        return Progress(
            sum(verified.values()),
            sum(packages.values()),
            rate_bytes_per_s,
            endpoints={BY_AGENT: EndpointProgress(connections, rate_bytes_per_s, fetched_bytes)},
            packages={
                each: PackageProgress(verified[each], total)
                for each, total in packages.items()
                if self._bytes.fetched[each] and each not in self._bytes.ready
            },
        )

    def measured(self, elapsed_s: float) -> LifeFigures:
        """What the agent has received for the run in this process's part of it.

        Args:
            elapsed_s: Seconds since its part of the run began.
        """
        found, began_s = self._bytes, asyncio.get_running_loop().time() - elapsed_s
        fetched_bytes, busy_s = found.fetched.total(), min(found.busy_s, elapsed_s)
        mean_bytes_per_s = fetched_bytes / busy_s if busy_s else 0.0
        figures = EndpointFigures(
            fetched_bytes, busy_s, mean_bytes_per_s, self._events.max_connections
        )
        return LifeFigures(
            elapsed_s,
            busy_s,
            +found.fetched,
            0,
            found.reused_bytes(self._ordered),
            {BY_AGENT: figures} if fetched_bytes else {},
            0,
            found.arrivals.since(began_s),
            {each: self._needed_bytes(each) for each in found.ready if found.fetched[each]},
        )

    def _needed_bytes(self, package_id: str) -> int:
        """What was missing of a package, as far as can be told: no more than came, nor than all."""
        return min(
            self._bytes.fetched[package_id], self._package_index.entry(package_id).content_bytes
        )

    def _note(self, status: AgentStatus) -> None:
        life = (status.process_id, status.began_s)
        self._bytes.note(life, status.packages, asyncio.get_running_loop().time())


def _names_all(want: Want, keeping: Want) -> bool:
    """Whether a status tells of all packages of the run: an earlier process has wanted them."""
    same = (want.name, want.pin) == (keeping.name, keeping.pin)
    return same and set(want.kept) >= set(keeping.kept)
