"""The packages that clients wait for, and those that they were handed.

Guarantees: a client goes on waiting when the downloads start over. What was handed out stays on
disk, however full the cache is, while somebody obtains it and for `AgentPolicy.lent_s` after that;
then it may give way, unless a want names it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from dlcore.agent.policy import AgentPolicy
from dlcore.engine.client import Client
from dlcore.engine.download.version_names import package_id_of
from dlcore.engine.package_provider import PackageProvider
from dlcore.errors import AgentError
from dlcore.store.keys import package_key
from dlcore.waiting import cancel_and_wait


class _Loan(NamedTuple):
    name: str
    until_s: float  # of the event loop's clock


class Obtaining:
    """Who waits for what, and what they were handed.

    Args:
        client: Has the packages.
        open_content: Opens what hands them out.
        policy: The agent's constants.
    """

    def __init__(
        self,
        client: Client,
        open_content: Callable[[], Awaitable[PackageProvider]],
        policy: AgentPolicy,
    ) -> None:
        self._client = client
        self._open_content = open_content
        self._policy = policy
        self._awaited = Counter[str]()
        self._tasks: set[asyncio.Task[object]] = set()
        self._loans: dict[str, _Loan] = {}
        self._is_over = False

    @property
    def packages(self) -> tuple[str, ...]:
        """What somebody waits for."""
        return tuple(self._awaited)

    def begin(self, name: str) -> None:
        """A client waits for a package, until `end`."""
        self._awaited[name] += 1

    def end(self, name: str) -> None:
        """It waits no longer."""
        self._awaited[name] -= 1
        if not self._awaited[name]:
            del self._awaited[name]

    async def proven(self, name_of: Callable[[], str], *, to_write: bool) -> str:
        """Wait for a package and its proof, also if the downloads start over meanwhile.

        Args:
            name_of: Tells what it is called among the downloads that are open, or raises why it is
                not handed out.
            to_write: Whether it is handed out to be written into.

        Returns:
            What it is called.

        Raises:
            AgentError: The agent is ending.
            DlcoreError: As `Client.fetch`.
        """
        while True:
            if self._is_over:
                raise AgentError("the agent is ending", remedy="Ask again when it is back.")
            content = await self._open_content()
            # Nothing else runs in between: whoever closes the content calls `interrupt` before.
            name = name_of()
            task = asyncio.ensure_future(content.paths((name,), to_write=to_write))
            self._tasks.add(task)
            self._lend(name, content)  # also if this client is cancelled while it is proven
            try:
                await asyncio.wait({task})
            finally:
                self._tasks.discard(task)
                await cancel_and_wait([task])
            if task.cancelled():
                continue
            task.result()
            # Else the catalog was renewed meanwhile. A step may have begun to work in it since.
            if content is self._client.opened_content and name_of() == name:
                self._lend(name, content)
                return name

    async def interrupt(self) -> None:
        """Leave the content that is open; those who wait go on with the next one."""
        await cancel_and_wait([*self._tasks])

    async def stop(self) -> None:
        """Tell all who wait that the agent is ending."""
        self._is_over = True
        await self.interrupt()

    def release(self) -> None:
        """Let packages give way that were handed out long ago."""
        now_s = asyncio.get_running_loop().time()
        over = [
            key
            for key, loan in self._loans.items()
            if loan.until_s <= now_s and loan.name not in self._awaited
        ]
        for key in over:
            del self._loans[key]
        self._client.store.evictor.release(over)

    def _lend(self, name: str, content: PackageProvider) -> None:
        """Note it by its version: the next catalog may have another one."""
        entry = content.package_index.known(name)
        if entry:
            key = package_key(package_id_of(name), entry.version, entry.manifest)
            until_s = asyncio.get_running_loop().time() + self._policy.lent_s
            self._loans[key] = _Loan(name, until_s)
