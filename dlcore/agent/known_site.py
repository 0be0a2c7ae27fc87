"""What the agent knows of the site: its catalog, or the one that was used last; its presence.

Guarantees: a catalog that is used is on disk, so that the next life can begin without a network.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from dlcore.agent.known_packages import KnownPackages
from dlcore.agent.memory import FOLDER
from dlcore.agent.policy import AgentPolicy
from dlcore.agent.remembered import Remembered
from dlcore.agent.wanted_packages import is_offline
from dlcore.engine.client import Client
from dlcore.engine.documents.catalog import ReadCatalog
from dlcore.engine.events import Event, Progress
from dlcore.errors import DlcoreError, RunStateError
from dlcore.waiting import cancel_and_wait

_log = logging.getLogger(__name__)


class KnownSite:
    """What the agent knows of the site: its catalog, and whether it can be reached.

    Args:
        client: Reads catalogs.
        memory: Remembers the catalog that was used last.
        known: Is told which catalog is used.
        change_to: Calls `use` while nobody uses the downloads.
        policy: How often the site is asked.

    Attributes:
        is_online: Whether some endpoint answered when it was last asked.
        trouble: Why the catalog that is used may not be the site's current one; None: it was the
            current one at the last look.
    """

    def __init__(
        self,
        client: Client,
        memory: Remembered,
        known: KnownPackages,
        change_to: Callable[[ReadCatalog], Awaitable[None]],
        policy: AgentPolicy,
    ) -> None:
        self.is_online = False
        self.trouble: DlcoreError | None = None
        self._client = client
        self._memory = memory
        self._known = known
        self._policy = policy
        self._folder = client.state / FOLDER
        self._change_to = change_to
        self._look: asyncio.Task[None] | None = None
        self._looked_s = -float("inf")
        self._received_bytes = 0

    @property
    def wait_s(self) -> float:
        """Seconds until the site is asked for its catalog again."""
        is_well = self.trouble is None and not self._client.catalogs.stated.has_troubles
        return self._policy.renew_every_s if is_well else self._policy.max_retry_s

    def hear(self, event: Event) -> None:
        """Take note of an event: a listener of the engine's bus."""
        if isinstance(event, Progress):
            received_bytes = sum(each.received_bytes for each in event.endpoints.values())
            self.is_online |= received_bytes > self._received_bytes
            self._received_bytes = received_bytes

    def failed(self, error: DlcoreError) -> None:
        """Take note of a failed request to the site."""
        if is_offline(error):
            self.is_online = False

    async def choose_catalog(self) -> None:
        """Read the current catalog; if that is impossible, use the one that was used last.

        Raises:
            DlcoreError: Neither can be used.
        """
        self._looked_s = _now_s()
        try:
            await self._client.package_index()
        except DlcoreError as error:
            self.trouble = error
            self.failed(error)
            if self._memory.pin is None:
                raise
            _log.warning("the catalog from before the agent's start is used: %s", error.message)
            try:
                await self._client.catalogs.use_pinned(
                    self._memory.pin,
                    may_change=self._client.opened_content is None,
                    folder=self._folder,
                )
            except RunStateError:  # lost; as soon as the site can be reached, it is kept again
                error.advise(
                    f"What the agent keeps in {self._folder} for that case is damaged or missing."
                )
                raise error from None
            return
        await self._keep_catalog()

    async def look(self) -> None:
        """Use the site's current catalog from now on. If it cannot be read, `trouble` says why.

        All who call it meanwhile wait for the same look. It goes on if they are cancelled.
        """
        look = self._begun_look()
        await asyncio.wait({look})
        _raise_unknown(look)

    async def look_again(self) -> None:
        """As `look`, for somebody who waits: skipped if it was done a moment ago, and never long.

        A look that takes long goes on; the catalog is used when it is there.
        """
        if self._known.catalog is None:  # it will be read for the first time
            return
        is_under_way = self._look and not self._look.done()
        if not is_under_way and _now_s() - self._looked_s < self._policy.fresh_s:
            return
        look = self._begun_look()
        left_s = self._looked_s + self._policy.look_s - _now_s()
        await asyncio.wait({look}, timeout=max(0.0, left_s))
        if not look.done():
            self.trouble = DlcoreError(f"it did not arrive within {self._policy.look_s:g} s")
            return
        _raise_unknown(look)

    async def stop(self) -> None:
        """Leave a look that is under way."""
        if self._look:
            await cancel_and_wait([self._look])

    async def use(self, newer: ReadCatalog) -> None:
        """Use another catalog. Nobody may use the downloads meanwhile; they are put away.

        Raises:
            DlcoreError: The downloads cannot be put away.
        """
        self._client.catalogs.use(newer)
        await self._known.put_away()
        self._known.use((await self._client.package_index()).catalog)

    def _begun_look(self) -> asyncio.Task[None]:
        if self._look is None or self._look.done():
            self._looked_s = _now_s()
            self._look = asyncio.ensure_future(self._do_look())
        return self._look

    async def _do_look(self) -> None:
        try:
            newer = await self._client.catalogs.newer()
            if newer:
                await self._change_to(newer)
            await self._keep_catalog()
        except DlcoreError as error:
            self.trouble = error
            self.failed(error)
            _log.warning("the catalog was not renewed: %s", error.message)

    async def _keep_catalog(self) -> None:
        self.trouble, self.is_online = None, True
        await self._memory.keep_pin(await self._client.catalogs.pin(self._folder))


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _raise_unknown(look: asyncio.Task[None]) -> None:
    """Raise what no look raises, if it has: that is a fault of dlcore."""
    if not look.cancelled():
        look.result()
