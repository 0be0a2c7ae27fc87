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
            return await in_thread(Store.open, state)
        except LockedError:
            if now_s() >= end_s:
                raise
            _log.debug("%s is held by another process: waiting", state)
        await asyncio.sleep(retry_s)
