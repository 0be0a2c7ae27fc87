"""Who is handed a package, while others begin to work in it: the content is a fake."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dlcore.agent.obtaining import Obtaining
from dlcore.agent.policy import AgentPolicy
from dlcore.errors import LockedError

NAME = "ABC00001"


class SlowContent:
    """It proves a package for as long as a test wants.

    Attributes:
        has_begun: Set when the proof has begun.
        may_end: What the proof waits for.
    """

    def __init__(self) -> None:
        self.has_begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.package_index = SimpleNamespace(known=lambda name: None)

    async def paths(self, package_ids: Sequence[str], *, to_write: bool) -> dict[str, Path]:
        self.has_begun.set()
        await self.may_end.wait()
        return {}


async def test_a_step_that_begins_while_a_package_is_proven_has_it_for_itself() -> None:
    """Fault: a step begins to work in a package while the agent proves it for a client. The client
    is refused the folder: it was not handed out yet.
    """
    content = SlowContent()
    client = cast("Any", SimpleNamespace(opened_content=content))
    is_in_use = False

    async def opened() -> Any:
        return content

    def name_of() -> str:
        if is_in_use:
            raise LockedError("a step works in it")
        return NAME

    obtaining = Obtaining(client, opened, AgentPolicy())
    reading = asyncio.ensure_future(obtaining.proven(name_of, to_write=False))
    await content.has_begun.wait()
    is_in_use = True
    content.may_end.set()
    with pytest.raises(LockedError):
        await reading
