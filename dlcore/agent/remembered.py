"""What the agent remembers, in memory and on disk: a change is on disk before it counts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from dlcore.agent.interface import MAX_BODY_BYTES, MAX_WANTS, SequencePoint, Want
from dlcore.agent.memory import Memory, MemoryFile
from dlcore.agent.run_want import NAME as NAME_OF_RUN
from dlcore.engine.documents.pinned_documents import CatalogPin
from dlcore.errors import ConfigError
from dlcore.waiting import in_thread


class Remembered:
    """The memory of an agent that holds its state directory. All changes raise `StorageError`.

    Args:
        state: The state directory.
    """

    def __init__(self, state: Path) -> None:
        self._memory = Memory()
        self._file = MemoryFile(state)
        self._changing = asyncio.Lock()

    @property
    def wants(self) -> tuple[Want, ...]:
        """What clients want, the oldest first."""
        return self._memory.wants

    @property
    def pin(self) -> CatalogPin | None:
        """The catalog that was used last; None before the first one."""
        return self._memory.pin

    @property
    def next_event_number(self) -> int:
        """No event has had this number or a higher one, in this life or an earlier one."""
        return self._memory.next_event_number

    async def load(self) -> None:
        """Read what an earlier life has left."""
        self._memory = await in_thread(self._file.load)

    async def put(self, want: Want) -> None:
        """Add a want, in place of the one of that name.

        Raises:
            ConfigError: There are too many wants, or they are too long.
        """
        async with self._changing:
            others = [each for each in self.wants if each.name != want.name]
            _check_size([*others, want])
            await self._save(wants=(*others, want))

    async def drop(self, name: str) -> None:
        """Remove a want. Idempotent."""
        async with self._changing:
            left = tuple(each for each in self.wants if each.name != name)
            if len(left) < len(self.wants):
                await self._save(wants=left)

    async def exchange(self, want: Want, changed: Want | None) -> bool:
        """Put a want in the place of an object among `wants`, unless a client changed it meanwhile.

        Args:
            want: The object itself; an equal one that came later is another.
            changed: What comes in its place; None: nothing.

        Returns:
            Whether it was done.
        """
        async with self._changing:
            if not any(each is want for each in self.wants):
                return False
            exchanged = (changed if each is want else each for each in self.wants)
            await self._save(wants=tuple(each for each in exchanged if each))
            return True

    async def keep_pin(self, pin: CatalogPin) -> None:
        """Note which catalog is used."""
        async with self._changing:
            if pin != self.pin:
                await self._save(pin=pin)

    async def take_event_numbers(self, before: int) -> None:
        """Note that all numbers below this one are used."""
        async with self._changing:
            await self._save(next_event_number=before)

    def close(self) -> None:
        """Close the state directory. Idempotent."""
        self._file.close()

    async def _save(self, **changes: Any) -> None:
        memory = msgspec.structs.replace(self._memory, **changes)
        await in_thread(self._file.save, memory)
        self._memory = memory


def _check_size(wants: list[Want]) -> None:
    if sum(want.name != NAME_OF_RUN for want in wants) > MAX_WANTS:  # there is room for a run
        raise ConfigError(
            f"the agent has {MAX_WANTS} wants, which is the limit",
            remedy="Delete those that are not needed any more.",
        )
    length = sum(_length(want.sequence) for want in wants if want.sequence)
    if length > MAX_BODY_BYTES:
        raise ConfigError(
            "the task sequences and variables of all wants together have more than"
            f" {MAX_BODY_BYTES} characters",
            remedy="Delete the wants that are not needed any more.",
        )


def _length(point: SequencePoint) -> int:
    return len(point.document) + sum(map(len, point.variables.values()))
