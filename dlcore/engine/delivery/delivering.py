"""One delivery: from a look at the target to the end of its state folder.

Guarantees: content that is there and right is hashed once, and nothing else happens. Else the
target is locked, an interrupted delivery is recovered, and what was made is put there. A call that
fails keeps the state folder if that holds verified bytes, and says so; else it leaves nothing.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Protocol

from dlcore.disk.faults import guarded
from dlcore.disk.ownership import check_way
from dlcore.disk.system import make_folders
from dlcore.engine.delivery.state_folder import remove_lock, remove_released
from dlcore.engine.delivery.target import Look, Standing, Target
from dlcore.engine.locking import hold
from dlcore.engine.numbers_for_people import amount
from dlcore.engine.policy import EnginePolicy
from dlcore.errors import DlcoreError, IntegrityError, LockedError
from dlcore.long_path import shown
from dlcore.store import Package, Store
from dlcore.waiting import in_thread

_PLACES = ("packages", "partial")
_log = logging.getLogger(__name__)


class Source(Protocol):
    """Where the content comes from."""

    async def fill(self, store: Store, look: Look) -> None:
        """Finish the package in a store that does not have it finished.

        Args:
            store: The target's state folder.
            look: What is at the target.
        """
        ...

    @property
    def kept_bytes(self) -> int | None:
        """How many verified bytes a `fill` that failed has left; None if that is not known."""
        ...


async def deliver(goal: Target, package: Package, source: Source, wait_s: float = 0.0) -> Look:
    """Put a package where it belongs, unless it is there.

    Args:
        goal: Where.
        package: What.
        source: Where it comes from.
        wait_s: How long to wait while another process delivers to the same place.

    Returns:
        What was found: `Standing.RIGHT` if nothing had to be done.

    Raises:
        ConfigError: Something is there that is not dlcore's.
        LockedError: Another process delivers to the same place.
        StorageError: The local disk failed, or is full.
        DlcoreError: As ``source.fill``.
    """
    look: Look | None = None
    with guarded(f"look at {goal.state}", goal.path):
        check_way(goal.state.absolute())  # also for content that is there and right
        is_new = not goal.state.exists()
    if is_new:
        look = await in_thread(goal.look, package.manifest)
        if look.standing is Standing.RIGHT:
            return look
    store = await lock_state_folder(goal.path, goal.state, wait_s)
    try:
        return await _deliver_held(goal, package, source, store, look)
    except BaseException as error:
        kept_bytes = source.kept_bytes
        await in_thread(_end_failed, goal, package, kept_bytes, error, is_new=is_new)
        raise
    finally:
        await in_thread(release, store, goal.state)


async def lock_state_folder(path: Path, state: Path, wait_s: float) -> Store:
    """Lock the state folder of a target; it is made if it is missing.

    Args:
        path: The target.
        state: Its state folder.
        wait_s: How long to wait while another process delivers to the same place.

    Raises:
        LockedError: It still does.
        StorageError: The disk refused.
    """
    with guarded(f"make a folder for {path}", path):
        make_folders(state.parent)
    try:
        return await hold(state, wait_s, EnginePolicy().lock_retry_s)
    except LockedError as error:  # its own words are about a folder that nobody has named
        raise LockedError(
            f"{error.holder or 'another process'} fetches into {shown(path)} at present",
            path=path,
            remedy="Wait for it to end (--wait does), and run this again if it was to fetch"
            " something else; or choose another folder.",
            holder=error.holder,
        ) from error


def release(store: Store, state: Path) -> None:
    """Give back what `lock_state_folder` has locked."""
    remove_lock(state)
    store.close()
    remove_released(state)


async def _deliver_held(
    goal: Target, package: Package, source: Source, store: Store, look: Look | None
) -> Look:
    await in_thread(goal.recover, package.manifest)
    if look is None or look.standing is Standing.NOTHING:  # another process may have delivered
        look = await in_thread(goal.look, package.manifest)
    if look.standing is not Standing.RIGHT:
        # Not to write: whatever it may share files with is deleted with the state folder.
        content = await in_thread(store.prove, *package, to_write=False)
        if content is None:  # else an earlier call has finished it
            await in_thread(store.check_room, *package, EnginePolicy().reserve)
            await source.fill(store, look)
            content = await in_thread(store.prove, *package, to_write=False)
        if content is None:
            raise _altered_error(goal, package)
        await in_thread(goal.deliver, content, package.manifest)
    await in_thread(goal.end, package.manifest)
    return look


def _altered_error(goal: Target, package: Package) -> IntegrityError:
    return IntegrityError(
        f"package {package.manifest.package_id} was altered before it was delivered: {goal.state}",
        remedy="Something else writes there. Run again: what is wrong is fetched again.",
    )


def _end_failed(
    goal: Target, package: Package, kept_bytes: int | None, error: BaseException, *, is_new: bool
) -> None:
    """Remove the state folder if it holds nothing worth keeping, else say what it holds."""
    if kept_bytes:
        advice = (
            f"{amount(kept_bytes)} of it are kept in {goal.state}: the same call goes on from"
            " there; or delete that folder."
        )
        if isinstance(error, DlcoreError):
            error.advise(advice)
        else:
            _log.warning("%s", advice)
    elif is_new or (kept_bytes == 0 and not _holds_others(goal.state, package)):
        goal.discard(package.manifest)


def _holds_others(state: Path, package: Package) -> bool:
    """Whether a state folder holds another package, or another version."""
    key = package.key
    return any(path.name != key for path in state.glob("*/*/") if path.parent.name in _PLACES)
