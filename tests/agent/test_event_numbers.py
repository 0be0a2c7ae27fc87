"""No two events have the same number, whatever becomes of the agent's memory."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from dlcore.agent.memory import FOLDER, NAME
from dlcore.agent.remembered import Remembered
from dlcore.agent.service import AgentService
from dlcore.engine.events import PackageReady
from dlcore.errors import DiskFullError
from tests.agent.scene import OS, Switch, opened
from tests.engine.virtual_time import virtually


class OnFullDisk(Remembered):
    """A memory that cannot be written."""

    async def take_event_numbers(self, before: int) -> None:
        raise DiskFullError("cannot save: 340 bytes are still to come, 0 bytes are free")


def life(
    published: Path, state: Path, now_s: float, memory: Remembered | None = None
) -> tuple[int, int]:
    """An agent that begins at a time and tells of something; its first and last numbers."""

    async def main() -> tuple[int, int]:
        async with opened(published, state, Switch()) as client:
            service = AgentService(
                client,
                version="0",
                config="",
                clock=lambda: now_s,
                rng=random.Random(1),
                memory=memory,
            )
            try:
                await service.start()
                first = service.events.next_number
                for _ in range(100):
                    service.events.hear(PackageReady(OS, ""))
                return first, service.events.latest
            finally:
                await service.aclose()

    return virtually(main())


@pytest.mark.parametrize("becomes", ["lost", "damaged", "old"])
def test_the_numbers_go_on_without_the_memory(
    published: Path, tmp_path: Path, becomes: str
) -> None:
    """Fault: the agent's memory is lost, damaged, or that of an earlier backup. A client that goes
    on behind the last event that it has heard misses none.
    """
    state = tmp_path / "state"
    memory = state / FOLDER / NAME
    life(published, state, 1000.0)
    old = memory.read_bytes()
    _, last = life(published, state, 2000.0)
    if becomes == "lost":
        memory.unlink()
    else:
        memory.write_bytes(old if becomes == "old" else b"{}")
    first, _ = life(published, state, 2001.0)
    assert first > last


def test_an_agent_begins_on_a_full_disk(published: Path, tmp_path: Path) -> None:
    """Fault: the disk is full when the agent begins. It hands out what is there, and its events
    have new numbers all the same.
    """
    state = tmp_path / "state"
    last = 0
    for now_s in (1000.0, 2000.0, 2001.0):
        memory = OnFullDisk(state) if now_s == 2000.0 else None
        first, next_last = life(published, state, now_s, memory)
        assert first > last
        last = next_last


def test_the_numbers_go_on_when_the_clock_is_put_back(published: Path, tmp_path: Path) -> None:
    _, last = life(published, tmp_path / "state", 2e9)
    first, _ = life(published, tmp_path / "state", 0.0)
    assert first > last
