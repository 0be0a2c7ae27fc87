"""What the agent knows of the site: its catalog, or the one that was used last; its presence.

Guarantees: a catalog that is used is on disk, so that the next life can begin without a network.
"""

from __future__ import annotations

import asyncio
import logging

from dlcore.agent.known_packages import KnownPackages
from dlcore.agent.memory import FOLDER
from dlcore.agent.policy import AgentPolicy
from dlcore.agent.remembered import Remembered
from dlcore.agent.wanted_packages import is_offline
from dlcore.engine.client import Client
from dlcore.engine.events import Event, Progress
from dlcore.errors import DlcoreError

_log = logging.getLogger(__name__)


class Site:
    """What the agent knows of the site: its catalog, and whether it can be reached.

    Args:
        client: Reads catalogs.
        memory: Remembers the catalog that was used last.
        known: Is told which catalog is used.
        policy: How often the site is asked.

    Attributes:
        is_online: Whether some endpoint answered when it was last asked.
    """

    def __init__(
        self, client: Client, memory: Remembered, known: KnownPackages, policy: AgentPolicy
    ) -> None:
        self.is_online = False
        self._client = client
        self._memory = memory
        self._known = known
        self._policy = policy
        self._folder = client.state / FOLDER
        self._is_current = True
        self._renewed_s = -float("inf")
        self._received_bytes = 0

    @property
    def wait_s(self) -> float:
        """Seconds until the site is asked for its catalog again."""
        return self._policy.renew_every_s if self._is_current else self._policy.max_retry_s

    def may_have(self, package_id: str) -> bool:
        """Whether the current catalog may have a package that the one that is used does not."""
        if self._known.catalog is None or package_id in self._known.catalog.packages:
            return False
        return _now_s() - self._renewed_s >= self._policy.min_renew_s

    def hear(self, event: Event) -> None:
        """Something happened: a listener of the engine's bus."""
        if isinstance(event, Progress):
            received_bytes = sum(each.received_bytes for each in event.endpoints.values())
            self.is_online |= received_bytes > self._received_bytes
            self._received_bytes = received_bytes

    def failed(self, error: DlcoreError) -> None:
        """Something that was asked of the site failed."""
        if is_offline(error):
            self.is_online = False

    async def choose_catalog(self) -> None:
        """Read the current catalog; if that is impossible, use the one that was used last.

        Raises:
            DlcoreError: Neither can be used.
        """
        try:
            await self._client.library()
        except DlcoreError as error:
            self._is_current = False
            self.failed(error)
            if self._memory.pin is None:
                raise
            _log.warning("the catalog of the last life is used: %s", error.message)
            await self._client.catalogs.use_pinned(
                self._memory.pin,
                may_change=self._client.opened_content is None,
                folder=self._folder,
            )
            return
        await self._keep_catalog()

    async def renew_catalog(self) -> bool:
        """Use the site's current catalog. Nobody may use the downloads meanwhile.

        Returns:
            Whether it is another one. The downloads are put away then.

        Raises:
            DlcoreError: It cannot be read; the one before is used.
        """
        try:
            is_other = await self._client.catalogs.renew()
            if is_other:
                await self._client.stop_downloads()
            self._known.use((await self._client.library()).catalog)
            await self._keep_catalog()
        except DlcoreError as error:
            self._is_current = False
            self.failed(error)
            _log.warning("the catalog was not renewed: %s", error.message)
            raise
        return is_other

    async def _keep_catalog(self) -> None:
        self._renewed_s, self._is_current, self.is_online = _now_s(), True, True
        await self._memory.keep_pin(await self._client.catalogs.pin(self._folder))


def _now_s() -> float:
    return asyncio.get_running_loop().time()
