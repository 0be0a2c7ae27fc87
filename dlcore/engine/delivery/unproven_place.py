"""The place beside a target where content waits of which only the hash of all of it is known.

Guarantees: it is in the target's state folder, which is locked meanwhile. A later call finds there
what has arrived. If nothing has, or it was forgotten, nothing is left.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from dlcore.disk.faults import guarded
from dlcore.disk.ownership import check_way
from dlcore.engine.delivery.delivering import lock_state_folder, release
from dlcore.engine.delivery.state_folder import remove_state, state_folder
from dlcore.engine.delivery.target import place_of_delivery
from dlcore.engine.policy import EnginePolicy
from dlcore.errors import DiskFullError
from dlcore.store import Store, Unproven, space_at
from dlcore.store.state_directory import PACKAGES, PARTIALS
from dlcore.waiting import in_thread


@asynccontextmanager
async def unproven_place(
    to: Path, wanted_bytes: int, wait_s: float = 0.0
) -> AsyncIterator[Unproven]:
    """Open it.

    Args:
        to: The target.
        wanted_bytes: Length of the content.
        wait_s: How long to wait while another process delivers to the target.

    Raises:
        LockedError: Another process delivers to the target.
        DiskFullError: There is no room for the content and for its delivered copy.
        StorageError: The disk refused.
    """
    path = place_of_delivery(to)
    state = state_folder(path)
    with guarded(f"look at {state}", path):
        check_way(state.absolute())
    store = await lock_state_folder(path, state, wait_s)
    try:
        unproven = await in_thread(store.unproven)
        try:
            await in_thread(_check_room, unproven, state, wanted_bytes)
            yield unproven
        finally:
            await in_thread(_close, store, unproven, state)
    finally:
        await in_thread(release, store, state)


def _check_room(unproven: Unproven, state: Path, wanted_bytes: int) -> None:
    with guarded(f"look at {state}", state):
        space = space_at(state)
    needed_bytes = max(0, wanted_bytes - unproven.arrived_bytes) + wanted_bytes
    if needed_bytes > space.free_bytes - EnginePolicy().reserve.of(space.disk_bytes):
        raise DiskFullError(
            f"{needed_bytes} bytes of room are needed at {state.parent}, and {space.free_bytes} are"
            " free: content that is known only by its hash takes twice its room until it is"
            " delivered",
            path=state.parent,
            remedy="Make room, or name a folder on another disk.",
        )


def _close(store: Store, unproven: Unproven, state: Path) -> None:
    """Close it; delete the state folder if nothing is in it that a later call could use."""
    unproven.close()
    if not unproven.is_empty:
        return
    with guarded(f"look at {state}", state):
        is_used = any(any((state / name).iterdir()) for name in (PACKAGES, PARTIALS))
    if not is_used:
        remove_state(state)
