"""The agent: has what its clients want on disk, verified, before it is asked for.

Guarantees: one `Client`, so a package is fetched once however many clients ask for it. A want is on
disk before `want` returns. A folder is handed out only after it was proven. Nothing that a server
or the network does ends the agent; if the state directory cannot be used, `start` says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import time
from collections.abc import Callable
from typing import Final

from msgspec import structs

from dlcore.agent.errors_over_http import trouble_of
from dlcore.agent.event_ring import EventRing
from dlcore.agent.interface import API_VERSION, AgentStatus, ObtainTerms, PackageStatus, Want
from dlcore.agent.known_packages import KnownPackages
from dlcore.agent.known_site import KnownSite
from dlcore.agent.obtaining import Obtaining
from dlcore.agent.open_provider import OpenProvider
from dlcore.agent.pacing import Pacer
from dlcore.agent.policy import AgentPolicy
from dlcore.agent.remembered import Remembered
from dlcore.agent.standing_wants import StandingWants
from dlcore.agent.wanted_packages import WantedPackages
from dlcore.agent.wants import FetchOrder
from dlcore.engine.client import Client
from dlcore.engine.documents.catalog import ReadCatalog
from dlcore.engine.events import Event
from dlcore.engine.package_provider import PackageProvider
from dlcore.engine.traffic_rules import Urgency
from dlcore.errors import DiskFullError, DlcoreError
from dlcore.waiting import cancel_and_wait

_ANY: Final = ObtainTerms()
_log = logging.getLogger(__name__)


class AgentService:
    """What the local API calls.

    Args:
        client: Open; nothing else uses it.
        version: Of dlcore.
        config: The deployment file, for people.
        policy: The agent's constants.
        clock: Seconds since 1970.
        rng: Spreads the retries of many machines.
        pace: Told how urgent the downloads are, whenever that changes.
        memory: What it remembers; None: in the state directory of the client.

    Attributes:
        events: What happened.
        stopping: Set when the agent was asked to end.
    """

    def __init__(
        self,
        client: Client,
        *,
        version: str,
        config: str,
        policy: AgentPolicy | None = None,
        clock: Callable[[], float] = time.time,
        rng: random.Random | None = None,
        pace: Callable[[Urgency], None] = lambda urgency: None,
        memory: Remembered | None = None,
    ) -> None:
        self.policy = policy or AgentPolicy()
        self.events = EventRing(self.policy.kept_events, 0, clock)
        self.stopping = asyncio.Event()
        self._client = client
        self._version = version
        self._config = config
        self._clock = clock
        self._began_s = clock()
        self._memory = memory or Remembered(client.state)
        self._order = FetchOrder()
        self._known = KnownPackages(client)
        self._wants = StandingWants(client, self._memory, self._known)
        link_bytes_per_s = float(client.deployment.transfer.link_bytes_per_s)
        self._pacer = Pacer(self._known, pace, clock, link_bytes_per_s)
        self._site = KnownSite(client, self._memory, self._known, self._change_to, self.policy)
        self._content = OpenProvider(
            client,
            self._known,
            lambda: self._obtaining.release(),
            self._site.choose_catalog,
            self._opened,
        )
        self._obtaining = Obtaining(client, self._content.get, self.policy)
        self._readers = 0
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._first_look: asyncio.Task[None] | None = None
        spread = (rng or random.Random()).random  # noqa: S311  # spreads waits, guards nothing
        self._wanted = WantedPackages(
            self._content.get, self._heard_of_package, spread, self.policy
        )

    # The life of the agent

    async def start(self) -> None:
        """Hold the state directory, and go on with what was wanted before.

        Raises:
            LockedError: Another process holds it; the message says which.
            StorageError: It cannot be used.
        """
        await self._client.hold(is_beside_runs=True)
        self._client.bus.subscribe(self._hear)
        await self._memory.load()
        # The memory may be lost, or an old one: numbers that clients have seen must not come again.
        by_clock = int(self._clock()) * self.policy.event_numbers_per_s
        self.events.number_from(max(self._memory.next_event_number, by_clock))
        with contextlib.suppress(DiskFullError):  # what is there can be handed out all the same
            await self._take_numbers()
        await self._wants.take_up()
        self._pass_on_stated()
        await self._look_at_run()
        self._tasks = [
            asyncio.ensure_future(self._take_up_rest()),
            asyncio.ensure_future(self._keep_up()),
            asyncio.ensure_future(self._renew_regularly()),
        ]

    async def end_calls(self) -> None:
        """Answer those who wait: readers of events end, and nobody obtains a package any more."""
        self.events.close()
        await self._obtaining.stop()

    async def aclose(self) -> None:
        """Stop everything; what is verified stays. The client is closed by its owner."""
        await self.end_calls()
        await cancel_and_wait([*self._tasks, *filter(None, (self._first_look,))])
        await self._site.stop()
        await self._wanted.stop()
        await self._pacer.stop()
        self._memory.close()

    def stop(self) -> None:
        """Ask the agent to end."""
        self.stopping.set()

    @property
    def readers(self) -> int:
        """How many clients read events."""
        return self._readers

    def begin_reading(self) -> bool:
        """A client begins to read events. Returns whether there is room for it."""
        if self._readers >= self.policy.max_readers:
            return False
        self._readers += 1
        return True

    def end_reading(self) -> None:
        """A client has read enough."""
        self._readers -= 1

    # What is wanted

    async def want(self, want: Want) -> None:
        """Have something from now on, in place of the earlier want of that name.

        Raises:
            DlcoreError: As `StandingWants.put`. Nothing is changed then.
        """
        try:
            await self._wants.put(want)
        finally:  # it may be there, although whoever told it has gone
            self._pass_on_stated()
            self._order = self._wants.order()
            self._changed.set()

    async def forget(self, name: str) -> None:
        """Forget a want; content that is there stays. Idempotent.

        Raises:
            StorageError: The disk failed.
        """
        try:
            await self._wants.drop(name)
        finally:
            self._pass_on_stated()
            self._changed.set()

    async def check_run_has_gone(self) -> None:
        """Make sure that no client has the agent forget what a run needs that goes on.

        Raises:
            LockedError: A run goes on, or its step.
        """
        await self._wants.check_run_has_gone()

    # Answers

    def status(self) -> AgentStatus:
        """The state of the agent: what it wants and what it has."""
        order = self._order
        names = dict.fromkeys((*self._obtaining.packages, *order.packages, *order.kept))
        return AgentStatus(
            API_VERSION,
            self._version,
            os.getpid(),
            self._began_s,
            str(self._client.state),
            self._config,
            self._site.is_online,
            self._wants.wants,
            tuple(map(self.package, names)),
        )

    def package(self, name: str) -> PackageStatus:
        """Where a package stands now. No content is read, and no network is asked.

        Args:
            name: Its id, or the name of another version among the downloads.
        """
        is_wanted = name in (*self._obtaining.packages, *self._order.packages)
        error = self._wanted.errors.get(name)
        status = self._known.status(name, is_wanted=is_wanted, error=error)
        trouble = self._site.trouble
        return structs.replace(status, catalog_trouble=trouble_of(trouble) if trouble else None)

    async def look(self) -> None:
        """Look at the site's catalog, unless that was done a moment ago; it takes seconds at most.

        Each package's status then has the result.
        """
        if self._known.catalog:
            await self._site.look_again()
            return
        if self._first_look is None or self._first_look.done():
            self._first_look = asyncio.ensure_future(self._read_first_catalog())
        await asyncio.wait({self._first_look}, timeout=self.policy.look_s)

    async def obtain(self, package_id: str, terms: ObtainTerms = _ANY) -> PackageStatus:
        """Wait for a package, before all others, and prove it.

        Its version is the one that the want means for which it is obtained. Else it is that of the
        site's catalog as it was a moment ago; where that cannot be read, of the catalog that was
        used last, and the answer says so.

        Raises:
            NotFoundError: There is no want of that name.
            LockedError: A step of a run works in the package.
            DlcoreError: As `Client.fetch`.
        """
        awaited = self._wants.name_of(package_id, terms.want)
        self._obtaining.begin(awaited)
        self._set_pace()
        try:
            await self._wants.read_again(terms.want)
            if self._wants.is_kept_from(package_id, terms):
                await self._look_at_run()
            if not self._wants.is_pinned(terms.want):
                await self._site.look_again()
                await self._have_described(package_id)
            name = await self._obtaining.proven(
                lambda: self._wants.handed_out(package_id, terms), to_write=terms.to_write
            )
            self._wanted.arrived(name)
            self._known.proven(name)
            return self.package(name)
        finally:
            self._obtaining.end(awaited)
            self._set_pace()

    # The work

    def _pass_on_stated(self) -> None:
        self._client.catalogs.stated.tell(self._wants.stated())

    async def _have_described(self, package_id: str) -> None:
        """Find out what a package is that only a want knows. Those who wait hear of a failure."""
        for _ in range(2):  # a look that is under way may have begun before it was stated
            if self._wants.is_undescribed(package_id):
                await self._site.look()

    def _opened(self, content: PackageProvider) -> None:
        self._changed.set()  # from now on it is looked whether there is something to do
        self._pass_on_order(content)

    def _pass_on_order(self, content: PackageProvider) -> None:
        """Tell the downloads what is wanted, by the catalog that is used now."""
        self._order = order = self._wants.order()
        content.need(order.kept)
        content.order(order.needed, order.maybe_needed)

    async def _read_first_catalog(self) -> None:
        with contextlib.suppress(
            DlcoreError
        ):  # `KnownSite` knows why, and tells it with each package
            await self._content.get()

    async def _keep_up(self) -> None:
        """Pass on what is wanted whenever that changes."""
        while True:
            self._changed.clear()
            if self._wants.wants and self._known.catalog is None:  # it tells which versions
                with contextlib.suppress(DlcoreError):
                    await self._content.get()
                self._changed.clear()
            self._order = self._wants.order()
            content = self._client.opened_content
            if content:
                self._pass_on_order(content)
            await self._wanted.follow(self._order.packages)
            self._set_pace()
            try:
                await self._until_changed()
            except DlcoreError as error:  # as the downloads were put away: none is open any more
                _log.error("%s", error.message)

    async def _until_changed(self) -> None:
        """Wait for a change; if there is nothing to do meanwhile, put the downloads away."""
        while not self._changed.is_set():
            try:
                is_open = self._content.is_open
                async with asyncio.timeout(self.policy.rest_after_s if is_open else None):
                    await self._changed.wait()
            except TimeoutError:
                await self._content.rest(
                    lambda: self._wanted.is_idle and not self._obtaining.packages
                )

    async def _renew_regularly(self) -> None:
        enough = self.policy.event_numbers // 2
        while True:
            await asyncio.sleep(self._site.wait_s)
            if self.events.next_number > self._memory.next_event_number - enough:
                with contextlib.suppress(DlcoreError):
                    await self._take_numbers()
            if self._known.catalog:  # else the next question reads it anyway
                await self._site.look()
            await self._look_at_run()
            with contextlib.suppress(DlcoreError):
                await self._forget_what_is_over()

    async def _take_up_rest(self) -> None:
        """Read the wants again that the disk did not let through."""
        delay_s = self.policy.first_retry_s
        while self._wants.has_unread:
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, self.policy.max_retry_s)
            with contextlib.suppress(DlcoreError):
                await self._wants.take_up_rest()
            self._changed.set()

    async def _look_at_run(self) -> None:
        """Nobody works in packages for a run whose process is gone."""
        with contextlib.suppress(DlcoreError):
            if await self._wants.release_ended_run():
                self._changed.set()

    async def _forget_what_is_over(self) -> None:
        before_s = self._clock() - self.policy.over_after_s
        for name in self._wants.over(before_s):
            _log.info("the want %s is forgotten: its time has long passed, and all is there", name)
            await self.forget(name)

    async def _change_to(self, newer: ReadCatalog) -> None:
        """Use another catalog; whoever waits for a package goes on waiting.

        Raises:
            DlcoreError: The downloads cannot be put away.
        """

        async def change() -> None:
            try:
                await self._wanted.stop()
                await self._obtaining.interrupt()
                await self._site.use(newer)
            finally:  # what is wanted goes on
                self._changed.set()

        await self._content.exchange(change)

    def _hear(self, event: Event) -> None:
        self.events.hear(event)
        self._known.hear(event)
        self._site.hear(event)
        self._pacer.hear(event)

    def _heard_of_package(self, error: DlcoreError | None) -> None:
        if error:
            self._site.failed(error)
        self._set_pace()

    def _set_pace(self) -> None:
        self._pacer.set(self._order, is_obtaining=bool(self._obtaining.packages))

    async def _take_numbers(self) -> None:
        """Put on disk that the next event numbers are used."""
        before = self.events.next_number + self.policy.event_numbers
        await self._memory.take_event_numbers(before)
