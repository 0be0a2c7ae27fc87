"""Locks a state directory, or the run in it; a wait for it can be interrupted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dlcore.disk.faults import guarded
from dlcore.errors import LockedError
from dlcore.long_path import rooted
from dlcore.store import Store
from dlcore.store.lock import RUN_LOCK, StateLock
from dlcore.waiting import in_thread

if TYPE_CHECKING:
    from dlcore.engine.running.held_run import HeldRun

T = TypeVar("T")

_log = logging.getLogger(__name__)


async def hold(
    state: Path, wait_s: float, retry_s: float, *, is_beside_runs: bool = False
) -> Store:
    """Lock a state directory, which is made if it is missing.

    Args:
        state: The directory.
        wait_s: How long to wait while another process holds it.
        retry_s: Seconds between two attempts.
        is_beside_runs: As of `StateLock`.

    Raises:
        LockedError: Another process still holds it, or a step of a run that was killed still works
            there; the message says which one.
        StorageError: The directory cannot be used.
    """

    def opened() -> Store:
        return Store.open(state, is_beside_runs=is_beside_runs)

    return await _repeated(opened, Store.close, state, wait_s, retry_s)


async def hold_run(
    state: Path, wait_s: float, retry_s: float, *, has_content: bool = False
) -> HeldRun:
    """Lock the run in a state directory, which is there: no other process runs a sequence there.

    Args:
        state: The directory. Whether another process writes its content does not matter.
        wait_s: How long to wait while another process runs a sequence there.
        retry_s: Seconds between two attempts.
        has_content: Whether this process holds the state directory, too.

    Raises:
        LockedError: Another process still does, or a step of a run that was killed still works; the
            message says which one.
        StorageError: The directory cannot be used.
    """
    from dlcore.engine.running.held_run import HeldRun  # takes long to load, and a fetch needs none

    def lock() -> StateLock:
        with guarded("lock the run", state):
            return StateLock(rooted(state), 0.0, RUN_LOCK)

    # For a moment an agent looks whether a run goes on, and nobody gets the lock: a second attempt.
    found = await _repeated(lock, StateLock.release, state, max(wait_s, retry_s), retry_s)
    return HeldRun(state, found, has_content=has_content)


async def _repeated(
    take: Callable[[], T],
    give_back: Callable[[T], None],
    state: Path,
    wait_s: float,
    retry_s: float,
) -> T:
    """Take a lock as soon as nobody else has it."""
    now_s = asyncio.get_running_loop().time
    end_s = now_s() + wait_s
    while True:
        try:
            return await _taken(take, give_back)
        except LockedError:
            if now_s() >= end_s:
                raise
            _log.debug("%s is held by another process: waiting", state)
        await asyncio.sleep(retry_s)


async def _taken(take: Callable[[], T], give_back: Callable[[T], None]) -> T:
    """Take a lock; a cancellation meanwhile releases it again, because nobody else would."""
    taken: list[T] = []
    try:
        await in_thread(lambda: taken.append(take()))
    except asyncio.CancelledError:
        for lock in taken:
            give_back(lock)
        raise
    return taken[0]
