"""The lock on a state directory, and who lets go of it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from dlcore.engine.locking import hold, hold_run
from dlcore.errors import LockedError
from dlcore.store import Store
from dlcore.store.lock import RUN_LOCK, StateLock
from tests.engine.virtual_time import virtually


async def test_a_cancelled_hold_leaves_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: a command is interrupted while it opens its state. The lock is given back."""
    is_open, may_end = threading.Event(), threading.Event()
    really_open = Store.open

    def slow(state: Path, *, is_beside_runs: bool) -> Store:
        store = really_open(state, is_beside_runs=is_beside_runs)
        is_open.set()
        assert may_end.wait(60)
        return store

    monkeypatch.setattr(Store, "open", slow)
    holding = asyncio.ensure_future(hold(tmp_path / "state", 0.0, 0.1))
    await asyncio.to_thread(is_open.wait, 60)
    holding.cancel()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await holding
    really_open(tmp_path / "state").close()


def test_a_run_begins_although_an_agent_looks_at_its_lock_in_that_moment(tmp_path: Path) -> None:
    """Fault: an agent looks whether the lock of the run is free, and keeps it. The run waits."""

    async def main() -> None:
        looking = StateLock(tmp_path, 0.0, RUN_LOCK, to_look=True)
        asyncio.get_running_loop().call_later(0.1, looking.release)
        lock = await hold_run(tmp_path, 0.0, 0.2)
        with pytest.raises(LockedError):
            await hold_run(tmp_path, 0.0, 0.2)
        lock.release()

    virtually(main())


def test_only_an_agent_takes_the_content_of_a_run_that_goes_on(tmp_path: Path) -> None:
    """Fault: the agent of a run dies while a step works. Only another agent takes the content."""

    async def main() -> None:
        Store.open(tmp_path).close()
        run = StateLock(tmp_path, 0.0, RUN_LOCK)
        with pytest.raises(LockedError, match="a task sequence is run"):
            await hold(tmp_path, 0.0, 0.1)
        (await hold(tmp_path, 0.0, 0.1, is_beside_runs=True)).close()
        run.release()
        (await hold(tmp_path, 0.0, 0.1)).close()

    virtually(main())
