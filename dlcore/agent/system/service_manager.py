"""Whatever started the agent and looks after it: systemd, Windows' service manager, or nobody.

It wants to hear when the agent is ready and when it ends. It may also want a sign of life every now
and then, and restarts the agent if none comes.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from dlcore.agent.system import windows_service

if sys.platform != "win32":
    from dlcore.agent.system.systemd import Systemd


class ServiceManager(Protocol):
    """Hears of the agent's state. No method fails."""

    @property
    def sign_every_s(self) -> float | None:
        """How often it wants a sign of life, in seconds; None: never."""
        ...

    def ready(self) -> None:
        """The agent listens."""
        ...

    def alive(self) -> None:
        """The agent's event loop turns."""
        ...

    def stopping(self) -> None:
        """The agent has begun to end."""
        ...


class NoServiceManager:
    """Nobody looks after the agent: it was started by hand, or by a client."""

    sign_every_s: float | None = None

    def ready(self) -> None:
        """Nothing to do: nobody listens."""

    def alive(self) -> None:
        """Nothing to do: nobody listens."""

    def stopping(self) -> None:
        """Nothing to do: nobody listens."""


def service_manager(environment: Mapping[str, str] = os.environ) -> ServiceManager:
    """Who started this process: Windows as a service, or what its environment tells."""
    if service := windows_service.of_this_process():
        return service
    if sys.platform != "win32" and (systemd := Systemd.of(environment)):
        return systemd
    return NoServiceManager()


async def keep_alive(
    manager: ServiceManager, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Give the signs of life that a manager wants, until it is cancelled; return if it wants none.

    Args:
        manager: Who wants them.
        sleep: Waits some seconds.
    """
    every_s = manager.sign_every_s
    while every_s is not None:
        manager.alive()
        await sleep(every_s)
