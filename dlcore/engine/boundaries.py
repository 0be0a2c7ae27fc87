"""Keeps a client to the boundary groups of the place where its machine is, as that changes.

Guarantees: no endpoint serves content that no group allows which may be used now. The network is
looked at every few seconds; when the machine has moved to other groups, they hold at once, also for
what is in flight, and fallback starts over. A machine without any address is between two networks:
it keeps what it had. A system that does not answer holds nothing up: until it does, the network
counts as unknown, or as the one that it was. If a question fails, its last answer stays valid.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

from dlcore.abandonable import AbandonableThreads
from dlcore.deployment import BoundarySettings, Place, Way, way_of
from dlcore.engine.download.allowed import IN_A_MOMENT, NO_MORE, AllowedGroups
from dlcore.engine.events import BoundaryChanged, Event, RunBegan
from dlcore.machine import Machine, answer_or_none
from dlcore.waiting import cancel_and_wait

LOOK_EVERY_S: Final = 5.0  # a person who moves a laptop takes longer
ANSWER_WITHIN_S: Final = 5.0  # an answer takes milliseconds
UNKNOWN: Final = Place()

_log = logging.getLogger(__name__)


class RestrictedDownloads(Protocol):
    """What downloads: `Downloads`."""

    def allow(self, *, is_new_network: bool) -> None:
        """Other endpoints may be used from now on.

        Args:
            is_new_network: Whether the machine has moved; else more of them by fallback.
        """
        ...


class Boundaries:
    """The place of one client's machine, and what may be used there.

    Implements `dlcore.engine.download.allowed.AllowedEndpoints`.

    Args:
        settings: The groups; without any, every endpoint may be used everywhere.
        machine: Is asked about its network.
        tell: Hears of every change.
        costs: What endpoints cost, for whoever reads the report.
        answer_within_s: How long an answer of the machine is waited for, in seconds.
    """

    def __init__(
        self,
        settings: BoundarySettings,
        machine: Machine,
        tell: Callable[[Event], None],
        costs: Mapping[str, int] = MappingProxyType({}),
        answer_within_s: float = ANSWER_WITHIN_S,
    ) -> None:
        self._costs = costs
        self._answer_within_s = answer_within_s
        self._settings = settings
        self._machine = machine
        self._tell = tell
        self._place: Place | None = None
        self._way = Way((), 0)
        self._opened = 0  # stages of the way that may be used
        self._since_s = 0.0  # the way holds since then
        self._awaited = 0  # the stage of which it was told that it is waited for
        self._opening: asyncio.Handle | None = None
        self._downloads: RestrictedDownloads | None = None
        self._watching: asyncio.Task[None] | None = None
        self._pending: asyncio.Future[Place] | None = None
        self._threads = AbandonableThreads(1)

    @property
    def place(self) -> Place | None:
        """Where the machine is; None without groups, or before `begin`."""
        return self._place

    async def begin(self) -> None:
        """Look at the network, unless that is done already. Idempotent.

        Several that begin at once wait for the same answer.
        """
        if self._settings and self._watching is None:
            await self._look()

    def attach(self, downloads: RestrictedDownloads) -> None:
        """Hold these downloads to what may be used, from now on, until `aclose`; after `begin`."""
        if self._settings:
            self._downloads = downloads
            downloads.allow(is_new_network=False)
            self._watching = asyncio.ensure_future(self._watch())

    def hear(self, event: Event) -> None:
        """When a run begins, tell again what holds, so that the run's record has it."""
        if isinstance(event, RunBegan) and self._place is not None:
            asyncio.get_running_loop().call_soon(self._say_what_holds, "began")

    async def aclose(self) -> None:
        """Let go of the downloads, and stop watching. Idempotent; `attach` starts over."""
        self._downloads = None
        self._cancel_opening()
        task, self._watching = self._watching, None
        if task is not None:
            await cancel_and_wait([task])

    # Answers

    def ranks_of(self, names: Iterable[str]) -> Mapping[str, int]:
        """Those of some endpoints that may be used now; one with a lower rank goes before."""
        if not self._settings:
            return dict.fromkeys(names, 0)
        ranks = self._way.ranks(self._opened)
        return {name: ranks[name] for name in names if name in ranks}

    def possible(self, name: str) -> bool:
        """Whether an endpoint may be used at this place, now or after fallback."""
        return not self._settings or name in self._way.ranks(len(self._way.stages))

    def obstacle(self) -> str:
        """Why no endpoint may be used here; empty if one may, now or after fallback."""
        if not self._settings or self._way.ranks(len(self._way.stages)):
            return ""
        return "no boundary group allows an endpoint in this network"

    def has_others(self) -> bool:
        """Whether another network may bring endpoints that may not be used in this one."""
        return bool(self.obstacle()) or any(not self.possible(name) for name in self._costs)

    def allowed_groups(self, *, after_fallback: bool = False) -> AllowedGroups | None:
        """The groups that may be used now; None if the settings have no groups.

        Args:
            after_fallback: Whether to name those too that may be used only after fallback.
        """
        if not self._settings:
            return None
        stages = self._way.stages[: None if after_fallback else self._opened]
        return AllowedGroups(
            {stage.group: stage.endpoints for stage in stages},
            tuple(stage.group for stage in stages[self._way.at_once :]),
            "; ".join(dict.fromkeys(stage.why for stage in stages)) or self.obstacle(),
        )

    def nothing_left(self, failing_s: float) -> float | None:
        """See `AllowedEndpoints`: the next groups are opened if their time has come."""
        if self._opening:
            return IN_A_MOMENT
        if self._opened >= len(self._way.stages):
            return NO_MORE
        now_s = asyncio.get_running_loop().time()
        failing_s = min(failing_s, now_s - self._since_s)
        due = self._way.due(self._opened, failing_s, self._settings.fallback)
        if due > self._opened:
            # All that fails together shall open the next group once.
            self._opening = asyncio.get_running_loop().call_soon(self._open, due)
            return IN_A_MOMENT
        wait_s = self._way.stages[self._opened].after_s - failing_s
        self._tell_waiting(wait_s)
        return wait_s

    # Changes

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self._look()

    async def _look(self) -> None:
        place = await self._answer()
        if place is None or not place.addresses:
            place = self._place or UNKNOWN
        if place != self._place:
            is_first, self._place = self._place is None, place
            way = way_of(self._settings, place)
            if is_first or _is_other(way, self._way):
                self._move(way, "began" if is_first else "network")

    async def _answer(self) -> Place | None:
        """What the machine says; None if it does not say it in time."""
        if self._pending is None:
            loop = asyncio.get_running_loop()
            before = self._place or UNKNOWN
            self._pending = loop.run_in_executor(self._threads, place_of, self._machine, before)
        question = self._pending
        answered, _ = await asyncio.wait([question], timeout=self._answer_within_s)
        if not answered:
            _log.warning(
                "this machine has not described its network within %g s", self._answer_within_s
            )
            return None
        if self._pending is question:  # else another who waited for the same answer was first
            self._pending = None
        try:
            return question.result()
        except Exception:
            _log.exception("this machine cannot tell of its network")
            return None

    def _move(self, way: Way, cause: str) -> None:
        self._cancel_opening()
        self._way, self._opened, self._awaited = way, way.at_once, 0
        self._since_s = asyncio.get_running_loop().time()
        self._say_what_holds(cause)
        if self._downloads:
            self._downloads.allow(is_new_network=True)

    def _open(self, due: int) -> None:
        """Let more groups be used: nothing that may be used up to now could serve something."""
        self._opening = None
        named = ", ".join(stage.group for stage in self._way.stages[: self._opened])
        opened, self._opened = self._opened, due
        for stage in self._way.stages[opened:due]:
            self._say("fallback", f"{named or 'no group'} could not serve all; {stage.why}")
        if self._downloads:
            self._downloads.allow(is_new_network=False)

    def _cancel_opening(self) -> None:
        if self._opening:
            self._opening.cancel()
            self._opening = None

    def _tell_waiting(self, wait_s: float) -> None:
        """Told once for each group that is waited for."""
        if self._awaited <= self._opened:
            self._awaited = self._opened + 1
            stage = self._way.stages[self._opened]
            self._say("waiting", f"{stage.group} may be used in {wait_s:.0f} s")

    def _say_what_holds(self, cause: str) -> None:
        reasons = dict.fromkeys(stage.why for stage in self._way.stages[: self._opened])
        self._say(cause, "; ".join(reasons) or self.obstacle())

    def _say(self, cause: str, reason: str) -> None:
        groups = {stage.group: stage.endpoints for stage in self._way.stages[: self._opened]}
        costs = {e: self._costs[e] for each in groups.values() for e in each if self._costs.get(e)}
        self._tell(BoundaryChanged(cause, groups, reason, costs))


def place_of(machine: Machine, before: Place = UNKNOWN) -> Place:
    """Where a machine is.

    Args:
        machine: Is asked about its adapters and its site.
        before: Where it was: what it cannot tell now stays like this.
    """
    place, site = before, answer_or_none(machine.ad_site)
    if (found := answer_or_none(machine.adapters)) is not None:
        adapters = [each for each in found if each.is_connected]
        addresses = {address for each in adapters for address in each.ip_addresses}
        place = Place(
            frozenset(address for address in addresses if not _is_link_local(address)),
            frozenset(name for each in adapters for name in each.names),
            any(each.is_tunnel for each in adapters),
        )
    return place._replace(site=before.site if site is None else site)


def _is_link_local(address: str) -> bool:
    """Whether an address only shows that no network has given one."""
    return ipaddress.ip_address(address.partition("%")[0]).is_link_local


def _is_other(way: Way, before: Way) -> bool:
    """Whether other groups may be used; another address in the same groups changes nothing."""
    return way.at_once != before.at_once or [each[:3] for each in way.stages] != [
        each[:3] for each in before.stages
    ]
