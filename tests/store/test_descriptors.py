"""A bounded set of open files."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dlcore.errors import InternalError
from dlcore.store.descriptors import Descriptors


class Opened:
    """Stands for the disk: says what is open, and refuses to close what is not."""

    def __init__(self) -> None:
        self.open: dict[int, int] = {}
        self.opened = 0
        self.failing = False

    def open_file(self, file: int) -> int:
        self.opened += 1
        self.open[self.opened] = file
        return self.opened

    def close_file(self, fd: int) -> None:
        del self.open[fd]
        if self.failing:
            raise OSError("lost")


def test_a_file_is_opened_once_for_many_uses() -> None:
    disk = Opened()
    descriptors = Descriptors(disk.open_file, disk.close_file)
    with descriptors.use(5) as first, descriptors.use(5) as second:
        assert first == second
    assert disk.opened == 1


def test_the_file_that_was_not_used_for_longest_is_closed_first() -> None:
    disk = Opened()
    descriptors = Descriptors(disk.open_file, disk.close_file, max_open=2)
    for file in (1, 2, 1, 3):
        with descriptors.use(file):
            pass
    assert sorted(disk.open.values()) == [1, 3]
    assert descriptors.take_closed() == {2}
    assert descriptors.take_closed() == set()


def test_a_file_in_use_stays_open_however_many_others_are_needed() -> None:
    disk = Opened()
    descriptors = Descriptors(disk.open_file, disk.close_file, max_open=1)
    with descriptors.use(1) as fd:
        for file in range(2, 10):
            with descriptors.use(file):
                assert disk.open[fd] == 1


def test_closing_waits_for_the_last_user_and_then_refuses_new_ones() -> None:
    disk = Opened()
    descriptors = Descriptors(disk.open_file, disk.close_file)
    with descriptors.use(1):
        closing = threading.Thread(target=descriptors.close)
        closing.start()
        assert disk.open
    closing.join()
    assert not disk.open
    with pytest.raises(InternalError), descriptors.use(1):
        pass


def test_a_failure_to_close_is_reported_with_the_next_sync_not_to_a_stranger() -> None:
    disk = Opened()
    descriptors = Descriptors(disk.open_file, disk.close_file, max_open=1)
    disk.failing = True
    for file in (1, 2):
        with descriptors.use(file):
            pass
    with pytest.raises(OSError, match="lost"):
        descriptors.take_closed()


def test_threads_never_see_the_descriptor_of_another_file() -> None:
    """Fault P5: files are closed while threads use others. dlcore never gives a thread the
    descriptor of another file.
    """
    disk = Opened()
    descriptors = Descriptors(disk.open_file, disk.close_file, max_open=3)

    def use_all(start: int) -> None:
        for at in range(2_000):
            file = (start + at) % 11
            with descriptors.use(file) as fd:
                assert disk.open[fd] == file

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use_all, range(8)))
    descriptors.close()
    assert not disk.open


class Slow(Opened):
    """Opens file 1 only when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.opening = threading.Event()
        self.may_open = threading.Event()

    def open_file(self, file: int) -> int:
        if file == 1:
            self.opening.set()
            self.may_open.wait()
        return super().open_file(file)


def test_while_one_file_is_being_opened_others_can_be_had() -> None:
    disk = Slow()
    descriptors = Descriptors(disk.open_file, disk.close_file)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(descriptors.take, 1)
        disk.opening.wait()
        with descriptors.use(2) as fd:
            assert disk.open[fd] == 2
        disk.may_open.set()
        assert disk.open[first.result()] == 1


def test_who_wants_a_file_that_is_being_opened_gets_the_same_descriptor() -> None:
    disk = Slow()
    descriptors = Descriptors(disk.open_file, disk.close_file)
    with ThreadPoolExecutor(2) as pool:
        takers = [pool.submit(descriptors.take, 1) for _ in range(2)]
        disk.opening.wait()
        disk.may_open.set()
        assert takers[0].result() == takers[1].result()
    assert disk.opened == 1


def test_a_file_that_could_not_be_opened_is_tried_again_by_the_next() -> None:
    disk = Opened()
    refusals = [OSError("refused")]

    def open_file(file: int) -> int:
        if refusals:
            raise refusals.pop()
        return disk.open_file(file)

    descriptors = Descriptors(open_file, disk.close_file)
    with pytest.raises(OSError, match="refused"), descriptors.use(1):
        pass
    with descriptors.use(1) as fd:
        assert disk.open[fd] == 1
    descriptors.close()
    assert not disk.open
