"""An agent that has not read any catalog yet is asked to look at the site."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.agent.scene import OS, Switch, served
from tests.engine.virtual_time import virtually


def test_a_look_reads_the_first_catalog_as_well(published: Path, tmp_path: Path) -> None:
    async def main() -> None:
        async with served(published, tmp_path / "state") as agent:
            assert agent.service.package(OS).version == ""
            await asyncio.gather(agent.service.look(), agent.service.look())
            assert agent.service.package(OS).version == "1"
        down = Switch()
        down.is_down = True
        async with served(published, tmp_path / "new", down) as agent:
            await agent.service.look()
            found = agent.service.package(OS)
            assert found.version == ""
            assert found.catalog_trouble

    virtually(main())
