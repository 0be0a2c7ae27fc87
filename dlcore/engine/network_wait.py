"""Waits for the network when content is missing and no endpoint can be reached.

After a restart of the machine the network may come late, or not at all for a while. Then no
endpoint has failed: none answers at all. A run waits then, and goes on by itself. Time in which the
machine was suspended is not counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from dlcore.engine.download.package_index import UNREACHABLE
from dlcore.engine.events import Event, WaitingForNetwork
from dlcore.engine.policy import EnginePolicy
from dlcore.errors import DlcoreError, ExhaustedError, Fault

T = TypeVar("T")


def is_network_down(error: DlcoreError) -> bool:
    """Whether an error means that there is no network, and not that an endpoint is down.

    It does if no endpoint answered: each failed before its first byte (the name is not resolved,
    the connection is refused, the host or the share cannot be reached) or fell silent, and at least
    one of them the first way. An endpoint that answers anything, an error too, shows that there is
    a network.
    """
    if not isinstance(error, ExhaustedError):
        return False
    faults = {cause.fault for cause in error.causes}
    return Fault.CONNECT in faults and faults <= UNREACHABLE


class NetworkWait:
    """Asks again and again while the network is down.

    Args:
        tell: Hears of each wait.
        policy: How long to wait.
    """

    def __init__(self, tell: Callable[[Event], None], policy: EnginePolicy) -> None:
        self._tell = tell
        self._policy = policy

    async def until_there(self, packages: Sequence[str], ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until there is an answer, or an error that does not come from the network.

        Args:
            packages: Ids of what is wanted, for people.
            ask: Gets it.

        Raises:
            ExhaustedError: The network was down for `EnginePolicy.max_network_wait_s`.
            DlcoreError: What ``ask`` raised otherwise.
        """
        loop = asyncio.get_running_loop()
        delay_s = self._policy.first_network_wait_s
        waited_s, asked_s = 0.0, loop.time()
        while True:
            try:
                return await ask()
            except ExhaustedError as error:
                # A longer round had a network, or the machine was suspended in it.
                waited_s += min(loop.time() - asked_s, 2 * self._policy.max_network_delay_s)
                asked_s = loop.time()
                if not is_network_down(error) or waited_s >= self._policy.max_network_wait_s:
                    raise
                self._tell(WaitingForNetwork(tuple(packages), delay_s, error.message))
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, self._policy.max_network_delay_s)
