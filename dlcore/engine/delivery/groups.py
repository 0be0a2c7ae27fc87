"""Gathers short files while others are being delivered, and delivers them together then."""

from __future__ import annotations

import asyncio
from pathlib import Path

from dlcore.engine.delivery.together import ShortFile, Together
from dlcore.waiting import cancel_and_wait, in_thread


class Groups:
    """The short files of one call. For one event loop.

    Args:
        together: Delivers a group.
    """

    def __init__(self, together: Together) -> None:
        self._together = together
        self._waiting: list[tuple[ShortFile, asyncio.Future[Path | None]]] = []
        self._delivering: asyncio.Task[None] | None = None

    async def deliver(self, file: ShortFile) -> Path | None:
        """Deliver a file with the next group; where it is, or None if it was left alone.

        Raises:
            StorageError: The local disk failed.
        """
        done: asyncio.Future[Path | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((file, done))
        if self._delivering is None or self._delivering.done():
            self._delivering = asyncio.ensure_future(self._deliver_all())
        return await done

    async def _deliver_all(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            try:
                places = await in_thread(self._together.deliver, [file for file, _ in group])
            except Exception as error:  # those that wait for it must hear of it
                for _, done in group:
                    if not done.done():
                        done.set_exception(error)
                continue
            for (_, done), place in zip(group, places, strict=True):
                if not done.done():
                    done.set_result(place)

    async def aclose(self) -> None:
        """Deliver nothing more. Idempotent; a cancellation waits for it."""
        if self._delivering is not None:
            await cancel_and_wait([self._delivering])
        await in_thread(self._together.close)
