"""What commands do by a running agent, if there is one."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from dlcore.engine.delivery.deliveries import Deliveries, users_deliveries
from dlcore.engine.fetching.call import FetchItem
from dlcore.package_ids import package_id

if TYPE_CHECKING:
    from dlcore.engine.fetching.fetch_into import Fetched
    from dlcore.errors import LockedError


async def fetched_by_agent(
    item: FetchItem, state: Path, folder: Path, wait_s: float
) -> Fetched | None:
    """Fetch a package by the agent of a state directory.

    Returns:
        What it came to; None if it is not a package's id, or no agent runs there.

    Raises:
        DlcoreError: As `fetch_by_agent`.
    """
    found = package_id(str(item.what))
    if found is None or item.sha256 or item.checksum or item.place:
        return None
    from dlcore.agent.client import running_agent_of
    from dlcore.agent.fetching import fetch_by_agent

    async with running_agent_of(state) as agent:
        if agent is None:
            return None
        records = Deliveries(users_deliveries())
        return await fetch_by_agent(agent, found, to=folder, deliveries=records, wait_s=wait_s)


async def advise_of_agent(error: LockedError, state: Path) -> None:
    """Say in the remedy that it is an agent which holds a state directory, if it is one."""
    from dlcore.agent.client import running_agent_of
    from dlcore.errors import AgentError

    with contextlib.suppress(AgentError):
        async with running_agent_of(state) as agent:
            if agent:
                error.advise("An agent holds it: 'dlcore agent stop' ends it.")
