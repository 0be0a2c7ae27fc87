"""Work that several threads share: all of it is done, or an error comes out."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from dlcore.store.checking import in_parallel


def test_every_item_is_worked_on_once() -> None:
    lock = threading.Lock()
    done: list[int] = []

    def work(item: int, buffer: memoryview) -> None:
        assert len(buffer) == 8
        with lock:
            done.append(item)

    in_parallel(range(1000), work, 8)
    assert sorted(done) == list(range(1000))


@pytest.mark.parametrize("bad", [0, 1, 500, 999])
def test_an_error_in_any_thread_comes_out_and_ends_the_others(bad: int) -> None:
    """Fault D3: a thread that reads content fails. Its error is raised, the other threads end."""
    threads = threading.active_count()

    def work(item: int, _: memoryview) -> None:
        if item == bad:
            raise OSError("cannot read")

    with pytest.raises(OSError, match="cannot read"):
        in_parallel(range(1000), work, 8)
    assert threading.active_count() == threads


def test_after_an_error_no_more_work_begins() -> None:
    failed = threading.Event()
    begun: list[int] = []

    def work(item: int, _: memoryview) -> None:
        if item == 0:
            failed.set()
            raise OSError("cannot read")
        failed.wait()
        begun.append(item)

    with pytest.raises(OSError, match="cannot read"):
        in_parallel(range(100_000), work, 8)
    assert len(begun) < 99_999  # all but the first


def test_an_error_of_the_list_of_work_comes_out() -> None:
    def items() -> Iterator[int]:
        yield from range(10)
        raise OSError("cannot list")

    with pytest.raises(OSError, match="cannot list"):
        in_parallel(items(), lambda item, buffer: None, 8)
