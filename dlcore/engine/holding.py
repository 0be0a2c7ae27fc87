"""Locks a state directory; a wait for it can be interrupted."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from dlcore.errors import LockedError
from dlcore.store import Store
from dlcore.waiting import in_thread

_log = logging.getLogger(__name__)


async def hold(state: Path, wait_s: float, retry_s: float) -> Store:
    """Lock a state directory, which is made if it is missing.

    Args:
        state: The directory.
        wait_s: How long to wait while another process holds it.
        retry_s: Seconds between two attempts.

    Raises:
        LockedError: Another process still holds it; the message says which one.
        StorageError: The directory cannot be used.
    """
    now_s = asyncio.get_running_loop().time
    end_s = now_s() + wait_s
    while True:
        try:
            return await _opened(state)
        except LockedError:
            if now_s() >= end_s:
                raise
            _log.debug("%s is held by another process: waiting", state)
        await asyncio.sleep(retry_s)


async def _opened(state: Path) -> Store:
    """Open the store; a cancellation meanwhile closes it again, for nobody else would."""
    opened: list[Store] = []
    try:
        await in_thread(lambda: opened.append(Store.open(state)))
    except asyncio.CancelledError:
        for store in opened:
            store.close()
        raise
    return opened[0]
