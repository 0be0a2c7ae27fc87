"""An agent in this process, on a real client; and agents that fail in one way each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from msgspec import structs

from dlcore.agent.interface import (
    API_VERSION,
    AgentEvent,
    AgentStatus,
    ContentAgent,
    PackageStatus,
    Trouble,
    Want,
)
from dlcore.deployment import StatedPackage
from dlcore.engine.client import Client
from dlcore.engine.running.lookahead import look_ahead
from dlcore.errors import AgentError
from dlcore.hook.obtaining import Reach
from dlcore.hook.own_fetch import OwnFetch
from dlcore.hook.settings import HookPolicy, HookSettings
from dlcore.tasksequence import Variables, read


class AgentOnClient:
    """Implements `ContentAgent` over an open client, as the agent does it in its own process."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._packages = OwnFetch(client)
        self.wants: dict[str, Want] = {}
        self.ordered: tuple[str, ...] = ()

    async def status(self) -> AgentStatus:
        return AgentStatus(API_VERSION, "", 0, 0.0, str(self._client.state), "", True)

    async def want(self, want: Want) -> None:
        self.wants[want.name] = want
        self._client.catalogs.stated.tell(
            {k: StatedPackage(own.content_hash, own.version) for k, own in want.stated.items()}
        )
        content = await self._client.content()
        needed = [*want.packages]
        maybe: tuple[str, ...] = ()
        if want.sequence:
            sequence = read(want.sequence.document.encode(), source="the sequence")
            variables = Variables(want.sequence.variables)
            judge = self._client.judge()
            ahead = look_ahead(sequence, want.sequence.position, variables, judge, {})
            needed += ahead.needed
            maybe = ahead.maybe_needed
        known = content.package_index.catalog.packages
        self.ordered = tuple(each for each in dict.fromkeys(needed) if each in known)
        content.order(self.ordered, maybe)

    async def forget(self, name: str) -> None:
        self.wants.pop(name, None)

    async def package(self, package_id: str) -> PackageStatus:
        return await self._packages.package(package_id)

    async def look(self) -> None:
        pass  # its client has read the catalog just now

    async def obtain(self, package_id: str) -> Path:
        return await self._packages.obtain(package_id)

    async def events(self, after: int | None = None) -> AsyncIterator[AgentEvent]:
        raise NotImplementedError
        yield

    async def stop(self) -> None:
        await self._client.__aexit__(None, None, None)


class Behind(AgentOnClient):
    """An agent that knows version 1 of its packages until it looks at the site."""

    has_looked = False

    async def look(self) -> None:
        self.has_looked = True

    async def package(self, package_id: str) -> PackageStatus:
        status = await super().package(package_id)
        return status if self.has_looked else structs.replace(status, version="1")

    async def obtain(self, package_id: str) -> Path:
        await self.look()
        return await super().obtain(package_id)


class CutOff(AgentOnClient):
    """An agent that cannot read the site's catalog, and uses the one that it has."""

    async def package(self, package_id: str) -> PackageStatus:
        status = await super().package(package_id)
        return structs.replace(status, catalog_trouble=Trouble("transfer", "no route"))


class Dying(AgentOnClient):
    """An agent that is gone while its client waits."""

    async def obtain(self, package_id: str) -> Path:
        raise AgentError("the agent is gone")


class Hanging(AgentOnClient):
    """An agent that accepts connections and never answers."""

    async def status(self) -> AgentStatus:
        await asyncio.Event().wait()
        raise AssertionError


class Stalling(AgentOnClient):
    """An agent to which nothing comes: it waits for the network."""

    async def obtain(self, package_id: str) -> Path:
        await asyncio.Event().wait()
        raise AssertionError


def reaching(agent: Callable[[], ContentAgent | Exception]) -> Reach:
    """What finds an agent, or raises."""

    @contextlib.asynccontextmanager
    async def reach(settings: HookSettings, policy: HookPolicy) -> AsyncIterator[ContentAgent]:
        found = agent()
        if isinstance(found, Exception):
            raise found
        yield found

    return reach
