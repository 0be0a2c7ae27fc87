"""Makes sure that every wanted package arrives: what fails is tried again, without end.

The engine decides which bytes are fetched next; here is only what a package failed with, and when
it is tried again. Packages are begun one after the other, the earliest needed first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from dlcore.agent.policy import AgentPolicy
from dlcore.engine.network_wait import is_network_down
from dlcore.engine.package_provider import PackageProvider
from dlcore.errors import DlcoreError, InternalError
from dlcore.shortages import shortage_in
from dlcore.waiting import cancel_and_wait

_log = logging.getLogger(__name__)


class WantedPackages:
    """The packages that are wanted, each with a task that waits for it.

    Args:
        content: Tells what hands out packages.
        tell: Called when a package has arrived or failed.
        spread: Returns a number in ``[0, 1)``; spreads the retries of many machines.
        policy: How long to wait between two attempts.

    Attributes:
        errors: What packages failed with, until they arrive.
    """

    def __init__(
        self,
        content: Callable[[], Awaitable[PackageProvider]],
        tell: Callable[[DlcoreError | None], None],
        spread: Callable[[], float],
        policy: AgentPolicy,
    ) -> None:
        self.errors: dict[str, DlcoreError] = {}
        self._content = content
        self._tell = tell
        self._spread = spread
        self._policy = policy
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._begins = asyncio.Lock()

    @property
    def is_idle(self) -> bool:
        """Whether everything has arrived."""
        return all(task.done() for task in self._tasks.values())

    async def follow(self, package_ids: Iterable[str]) -> None:
        """Wait for these packages from now on, and for no others."""
        wanted = tuple(package_ids)
        left = [self._tasks.pop(each) for each in [*self._tasks] if each not in wanted]
        await cancel_and_wait(left)
        for package_id in [*self.errors]:
            if package_id not in wanted:
                del self.errors[package_id]
        for package_id in wanted:
            if package_id not in self._tasks:
                self._tasks[package_id] = asyncio.ensure_future(self._see_to(package_id))

    async def stop(self) -> None:
        """Wait for nothing; `follow` starts over."""
        tasks = [*self._tasks.values()]
        self._tasks.clear()
        await cancel_and_wait(tasks)

    def arrived(self, package_id: str) -> None:
        """A package is there."""
        self.errors.pop(package_id, None)

    async def _see_to(self, package_id: str) -> None:
        delay_s = self._policy.first_retry_s
        while True:
            try:
                async with self._begins:
                    content = await self._content()
                    await content.begin(package_id)
                await content.arrive_in_turn(package_id)
            except Exception as error:
                known = _known(error)
                self.errors[package_id] = known
                self._tell(known)
            else:
                self.arrived(package_id)
                self._tell(None)
                return
            await asyncio.sleep(delay_s * (1 + self._spread() / 4))
            delay_s = min(2 * delay_s, self._policy.max_retry_s)


def _known(error: Exception) -> DlcoreError:
    """An error as clients are told it; the text of a foreign one is left out."""
    if isinstance(error, DlcoreError):
        return error
    if shortage := shortage_in(error):
        _log.warning("a package failed: %s", shortage.message, exc_info=error)
        return shortage
    _log.error("a package failed by a fault of dlcore", exc_info=error)
    return InternalError(f"this is a fault of dlcore: {type(error).__name__}")


def is_offline(error: DlcoreError) -> bool:
    """Whether an error says that no endpoint can be reached."""
    return is_network_down(error)
