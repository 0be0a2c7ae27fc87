"""Cancelled at any moment, downloads leave nothing running and a state to go on from."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from dlcore.errors import DiskFullError, DlcoreError
from dlcore.model import Manifest
from dlcore.store import Partial, Store
from dlcore.store.pending_extents import OnWritten
from dlcore.waiting import in_thread
from tests.engine.fakes import FakeEndpoint, Reply, entry_of, fetch, opened, package
from tests.engine.virtual_time import VirtualTimeLoop, virtually
from tests.open_files import open_files, opened_since
from tests.store.helpers import BLOCK_BYTES, read_back

PACKAGES = {
    "ABC00001": package("ABC00001", {"x": 30 * BLOCK_BYTES, "y": 5, "z/w": 700}),
    "ABC00002": package("ABC00002", {"x": 11 * BLOCK_BYTES + 1}, whole=True),
}
CONTENT_BYTES = sum(item.manifest.content_bytes for item in PACKAGES.values())
EVERY_TURNS = 37 if sys.platform == "win32" else 11  # each life takes seconds under Wine


def fetch_until_turn(
    state: Path, turn: int, endpoint: FakeEndpoint, *, all_tasks: bool = False
) -> bool:
    """Fetch all and cancel when the loop looks for work the given time; False if never."""
    cancelled = False

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        task = asyncio.create_task(fetch(state, PACKAGES, [endpoint]))

        begun, main_task = loop.turns, asyncio.current_task()

        def look(now: int) -> None:
            nonlocal cancelled
            if now - begun == turn and not task.done():
                cancelled = True
                for each in asyncio.all_tasks(loop) - {main_task} if all_tasks else (task,):
                    each.cancel()
                loop.call_soon(int)  # the cancellation is to be looked at now

        loop.each_turn = look
        await asyncio.wait([task])
        assert task.cancelled() == cancelled
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not others, "something is left running"
        assert not [t.name for t in threading.enumerate() if t.name.startswith("dlcore-")]

    virtually(main())
    return cancelled


def check_nothing_is_left_behind(tmp_path: Path, *, all_tasks: bool) -> None:
    """Cancel a fetch at one turn of the loop after another, until it ends before that."""
    endpoint = FakeEndpoint("a", PACKAGES)
    fetch_until_turn(tmp_path / "warm", 10, endpoint, all_tasks=all_tasks)
    before = open_files()
    turn = 1
    while fetch_until_turn(tmp_path / str(turn), turn, endpoint, all_tasks=all_tasks):
        assert not opened_since(before)
        again = FakeEndpoint("a", PACKAGES)
        virtually(fetch(tmp_path / str(turn), PACKAGES, [again]))
        assert again.delivered_bytes <= CONTENT_BYTES
        turn += EVERY_TURNS
    assert turn > 50


def test_a_cancellation_at_any_moment_leaves_nothing_behind(tmp_path: Path) -> None:
    """Fault G6: a download is cancelled at any moment. dlcore leaves no task and no file open."""
    check_nothing_is_left_behind(tmp_path, all_tasks=False)


def test_what_was_verified_before_a_cancellation_is_not_fetched_again(tmp_path: Path) -> None:
    endpoint = FakeEndpoint("a", PACKAGES)
    lives = 1
    while fetch_until_turn(tmp_path, 20 * lives, endpoint):
        lives += 1
    assert lives > 3
    # Each of two connections loses the block that it was receiving.
    assert endpoint.delivered_bytes <= CONTENT_BYTES + 2 * BLOCK_BYTES * lives


def test_all_tasks_may_be_cancelled_at_any_moment(tmp_path: Path) -> None:
    """Fault P5: a program cancels all tasks of its loop at any moment, as `asyncio.run` does after
    an interrupt. dlcore ends, has closed its files when it does, and the next call goes on.
    """
    check_nothing_is_left_behind(tmp_path, all_tasks=True)


@pytest.mark.parametrize("room_bytes", [0, 3 * BLOCK_BYTES, 20 * BLOCK_BYTES])
def test_a_full_disk_is_told_and_a_later_run_goes_on(
    tmp_path: Path, room_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault D1: the disk fills up during a run. dlcore says so and a later run goes on."""
    left = room_bytes
    write_extents = Partial.write_extents

    def write_if_there_is_room(
        partial: Partial, runs: Sequence[tuple[int, int, memoryview]], on_written: OnWritten
    ) -> None:
        nonlocal left
        left -= sum(len(data) for _, _, data in runs)
        if left < 0:
            raise DiskFullError("no room", remedy="make some")
        write_extents(partial, runs, on_written)

    async def main() -> None:
        async with opened(tmp_path, PACKAGES, [FakeEndpoint("a", PACKAGES)]) as content:
            with pytest.raises(DiskFullError, match="no room"):
                await content.path("ABC00001")
            with pytest.raises(DiskFullError, match="no room"):
                await content.path("ABC00002")

    with monkeypatch.context() as patch:
        patch.setattr(Partial, "write_extents", write_if_there_is_room)
        virtually(main())
    endpoint = FakeEndpoint("a", PACKAGES)
    virtually(fetch(tmp_path, PACKAGES, [endpoint]))
    assert endpoint.delivered_bytes <= CONTENT_BYTES
    assert (endpoint.delivered_bytes < CONTENT_BYTES) == (room_bytes > 0)


def test_closing_while_endpoints_are_still_asked_ends_at_once(tmp_path: Path) -> None:
    async def main() -> float:
        started_s = asyncio.get_running_loop().time()
        slow = FakeEndpoint("slow", PACKAGES, latency_s=1000.0)
        async with opened(tmp_path, PACKAGES, [slow]) as content:
            content.order(list(PACKAGES))
            await asyncio.sleep(1.0)
        return asyncio.get_running_loop().time() - started_s

    assert virtually(main()) == pytest.approx(1.0)


def test_a_waiter_may_leave_and_the_download_goes_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with opened(tmp_path, PACKAGES, [FakeEndpoint("a", PACKAGES)]) as content:
            content.order(list(PACKAGES))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.06):
                    await content.path("ABC00001")
            path = await content.path("ABC00001")
            assert read_back(path) == PACKAGES["ABC00001"].contents

    virtually(main())


def test_a_thread_is_waited_for_even_if_cancelled() -> None:
    """Fault P5: a task is cancelled while its thread writes. dlcore waits for the thread before it
    closes the file.
    """
    entered, release = threading.Event(), threading.Event()
    ended = False

    def work() -> None:
        nonlocal ended
        entered.set()
        release.wait()
        ended = True

    async def main() -> None:
        task = asyncio.create_task(in_thread(work))
        await asyncio.to_thread(entered.wait)
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended

    asyncio.run(main())


def test_an_error_in_the_engine_itself_reaches_every_waiter(tmp_path: Path) -> None:
    def script(_: object) -> Reply:
        raise DlcoreError("a fault of ours")

    async def main() -> None:
        endpoint = FakeEndpoint("a", PACKAGES, script)
        async with opened(tmp_path, PACKAGES, [endpoint]) as content:
            results = await asyncio.gather(
                content.path("ABC00001"), content.path("ABC00002"), return_exceptions=True
            )
        assert [str(result) for result in results] == ["a fault of ours"] * 2

    virtually(main())
    assert entry_of(PACKAGES["ABC00001"]).version == 1


def test_downloads_may_be_closed_while_a_package_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: one of several fetches side by side is interrupted while another one begins. dlcore
    closes what both have opened, and each of them ends.
    """
    begins, may_begin, has_begun = threading.Event(), threading.Event(), threading.Event()
    begin, sync = Store.begin, Partial.sync

    def begin_when_closing(store: Store, manifest: Manifest, document: bytes) -> Partial:
        if manifest.package_id == "ABC00002":
            begins.set()
            assert may_begin.wait(10)
        return begin(store, manifest, document)

    def sync_when_the_other_has_begun(partial: Partial) -> None:
        assert has_begun.wait(10)
        sync(partial)

    async def main() -> None:
        endpoint = FakeEndpoint("a", PACKAGES, latency_s=1000.0)
        state = tmp_path / "state"
        with Store.open(state) as store:
            async with opened(tmp_path / "none", PACKAGES, [endpoint]) as content:
                downloads = content.downloads
                one, two = (
                    downloads.begin(name, item.manifest, item.document, store)
                    for name, item in PACKAGES.items()
                )
                await one
                other = asyncio.create_task(two)
                assert await in_thread(begins.wait, 10)
                other.add_done_callback(lambda _: has_begun.set())
                closing = asyncio.create_task(downloads.aclose())
                for _ in range(20):
                    await asyncio.sleep(0)
                may_begin.set()
                with pytest.raises(asyncio.CancelledError):
                    await other
                await closing

    fetch_until_turn(tmp_path / "warm", 10, FakeEndpoint("a", PACKAGES))
    before = open_files()
    with monkeypatch.context() as patch:
        patch.setattr(Store, "begin", begin_when_closing)
        patch.setattr(Partial, "sync", sync_when_the_other_has_begun)
        virtually(main())
    assert not opened_since(before)
