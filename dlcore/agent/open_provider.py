"""What hands out packages, for as long as somebody needs it.

Guarantees: it is opened when it is asked for, with a catalog. It is closed when nothing is to be
done, after the local disk has failed, and for another catalog; never two of these at the same time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from dlcore.agent.known_packages import KnownPackages
from dlcore.engine.client import Client
from dlcore.engine.package_provider import PackageProvider
from dlcore.native import return_free_memory
from dlcore.waiting import in_thread


class OpenProvider:
    """The agent's `PackageProvider`, while it is open.

    Args:
        client: Opens it.
        known: Remembers what downloads came to that are put away.
        release: Lets give way what was handed out long ago: called before something is begun.
        choose_catalog: Finds a catalog for the first time.
        opened: Called with each `PackageProvider` that was opened.
    """

    def __init__(
        self,
        client: Client,
        known: KnownPackages,
        release: Callable[[], None],
        choose_catalog: Callable[[], Awaitable[None]],
        opened: Callable[[PackageProvider], None],
    ) -> None:
        self._client = client
        self._known = known
        self._release = release
        self._choose_catalog = choose_catalog
        self._opened = opened
        self._changing = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        """Whether there is one now."""
        return self._client.opened_content is not None

    async def get(self) -> PackageProvider:
        """The one that is open; it is opened if none is.

        Raises:
            DlcoreError: The catalog cannot be read, and none is kept.
        """
        async with self._changing:
            self._release()
            content = self._client.opened_content
            if content and content.downloads.has_failed:
                await self._known.put_away()
                content = None
            if content is None:
                if self._known.catalog is None:
                    await self._choose_catalog()
                content = await self._client.content()
                self._known.use(content.package_index.catalog)
                self._opened(content)
            return content

    async def rest(self, is_idle: Callable[[], bool]) -> None:
        """Close it, if nobody needs it; its memory is freed.

        Raises:
            DlcoreError: The downloads cannot be stopped. It is not open any more.
        """
        async with self._changing:
            if is_idle():
                await self._known.put_away()
                await in_thread(return_free_memory)

    async def exchange(self, change: Callable[[], Awaitable[None]]) -> None:
        """Change what it is made of, while it is not opened.

        Args:
            change: Stops who uses it, and puts it away.

        Raises:
            DlcoreError: As ``change``.
        """
        async with self._changing:
            await change()
