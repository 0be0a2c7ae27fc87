"""What the agent keeps on disk from one life to the next: wants, and the catalog."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.agent.errors_over_http import status_of, trouble_of
from dlcore.agent.interface import SequencePoint, Want
from dlcore.agent.memory import FOLDER, NAME
from dlcore.errors import DlcoreError
from tests.agent.scene import EXTRA, OS, Switch, served
from tests.engine.scene import sequence, step
from tests.engine.virtual_time import virtually


def test_a_password_in_a_command_line_is_not_kept(published: Path, tmp_path: Path) -> None:
    """Fault: a step's command line has a password. The agent neither keeps nor tells it, and
    finds the same packages in its next life.
    """
    state = tmp_path / "state"
    line = "net use X: /user:admin correct-horse"
    steps = step("net", CommandLine=line), step("extra", package=EXTRA)

    async def first() -> None:
        async with served(published, state) as agent:
            point = SequencePoint(sequence(*steps).decode())
            await agent.service.want(Want("run", sequence=point))
            (want,) = agent.service.status().wants
            assert want.sequence is not None
            assert "correct-horse" not in want.sequence.document

    async def second() -> None:
        async with served(published, state) as agent:
            await agent.until_ready(EXTRA)

    virtually(first())
    assert b"correct-horse" not in (state / FOLDER / NAME).read_bytes()
    virtually(second())


def test_a_damaged_catalog_is_told_and_kept_again(published: Path, tmp_path: Path) -> None:
    """Fault: the catalog that the agent keeps is damaged, and the network is away. Whoever asks is
    told that nothing can be reached, and it is kept again when the network is back.
    """
    state, switch = tmp_path / "state", Switch()

    async def life(is_down: bool) -> None:
        switch.is_down = is_down
        async with served(published, state, switch) as agent:
            await agent.service.obtain(OS)

    async def damaged() -> None:
        switch.is_down = True
        async with served(published, state, switch) as agent:
            with pytest.raises(DlcoreError) as told:
                await agent.service.obtain(OS)
            assert status_of(trouble_of(told.value)) == 502
            assert f"keeps in {state / FOLDER} for that case is damaged" in told.value.remedy
            switch.is_down = False
            await agent.service.obtain(OS)

    virtually(life(is_down=False))
    for kept in (state / FOLDER / "pinned").iterdir():
        kept.write_bytes(b"damaged")
    virtually(damaged())
    virtually(life(is_down=True))
