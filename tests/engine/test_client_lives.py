"""A client works inside of its ``async with`` only, and holds its lock meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dlcore.engine.client import Client
from dlcore.engine.running.run import run_sequence
from dlcore.engine.state_file import STATE_FILE
from dlcore.errors import ConfigError
from dlcore.tasksequence import Variables
from tests.engine.machine import OS, TOOLS, Acting, parsed
from tests.engine.scene import deployment, step
from tests.engine.virtual_time import VirtualTimeLoop, virtually
from tests.machine.told import LAPTOP, ToldMachine


async def test_a_client_that_is_not_open_is_refused(published: Path, tmp_path: Path) -> None:
    client = Client(deployment(published), tmp_path)
    with pytest.raises(ConfigError, match="not open"):
        await client.fetch(OS)


async def test_a_closed_client_does_not_write_without_its_lock(
    published: Path, tmp_path: Path
) -> None:
    """Fault: a program fetches by a client that it has closed, while another one holds the state
    directory. dlcore refuses that.
    """
    client = Client(deployment(published), tmp_path)
    async with client:
        await client.fetch(TOOLS)
    async with Client(deployment(published), tmp_path) as other:
        await other.hold()
        with pytest.raises(ConfigError, match="not open"):
            await client.fetch(OS)
        with pytest.raises(ConfigError, match="opened before"):
            await client.__aenter__()


async def test_a_client_that_is_closed_while_it_takes_its_lock_gives_it_back(
    published: Path, tmp_path: Path
) -> None:
    client = Client(deployment(published), tmp_path)
    async with client:
        holding = asyncio.create_task(client.hold())
        await asyncio.sleep(0)
    with pytest.raises(ConfigError, match="not open"):
        await holding
    async with Client(deployment(published), tmp_path) as other:
        await other.hold()  # `LockedError` if it were still held


class Noted:
    """Starts nothing. Implements `PostAction`."""

    def __init__(self) -> None:
        self.started = 0

    def start(self, line: str, variables: Variables, folder: Path) -> None:
        self.started += 1


def run_until_turn_of_closing(
    state: Path, root: Path, number: int
) -> tuple[list[str], bool, Noted]:
    """Run a sequence, and cancel when the loop looks for work the given time after its end.

    Returns:
        The steps that ran, whether the program got to its end, and its post action.
    """
    executor, was_told, noted = Acting(), False, Noted()
    sequence = parsed(step("last", package=TOOLS))
    settings = deployment(root, variables={"SMSTSPostAction": "restart"})

    async def run() -> None:
        nonlocal was_told
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        async with Client(settings, state, machine=ToldMachine(**LAPTOP)) as client:
            await run_sequence(client, sequence, executor, post_action=noted)
            task, turn = asyncio.current_task(), loop.turns + number
            assert task is not None

            def look(now: int) -> None:
                if now == turn and (state / STATE_FILE).exists():  # else it counts as told
                    task.cancel()
                    loop.call_soon(int)  # the cancellation is to be looked at now

            loop.each_turn = look
        was_told = True

    async def main() -> None:
        await asyncio.wait([asyncio.create_task(run())])

    virtually(main())
    return executor.ran, was_told, noted


def test_an_interruption_while_a_client_is_closed_repeats_no_step(
    published: Path, tmp_path: Path
) -> None:
    """Fault: a program is interrupted while it closes its client after a run. dlcore tells the
    outcome again the next time, and repeats no step; what the run leaves behind is started once.
    """
    number, told = 1, False
    while not told:
        state = tmp_path / str(number)
        ran, told, left_behind = run_until_turn_of_closing(state, published, number)
        assert ran == ["os", "last"]
        if not left_behind.started:
            again, _, left_behind = run_until_turn_of_closing(state, published, 0)
            assert not again
        assert left_behind.started == 1
        number += 1
    assert number > 10, "it is told before what takes longest is closed"
