"""Processes that are found by their environment, in a process table of a test's own."""

from __future__ import annotations

import itertools

from dlcore.store.marked_processes import processes_with


class Table:
    """Processes of which some end when others are looked at.

    Args:
        lives: At how many processes one can look before the newest ends; it ends at the first.
    """

    def __init__(self, lives: int) -> None:
        self.environments = {1: b"HOME=/", 2: b"", 500: b"MARK=m\0"}
        self._until_next = itertools.cycle(range(lives))

    def pids(self) -> list[int]:
        return list(self.environments)

    def environment(self, pid: int) -> bytes:
        """A process's; now and then the newest process starts another one, and ends."""
        if not next(self._until_next):
            newest = max(self.environments)
            self.environments[newest + 1] = self.environments.pop(newest)
        if pid not in self.environments:
            raise FileNotFoundError(pid)
        return self.environments[pid]


def found_in(table: Table) -> list[int]:
    return processes_with("MARK", "m", pids=table.pids, environment=table.environment)


def test_a_program_that_lives_on_in_short_lived_processes_is_found() -> None:
    """Fault: a step's program goes on by starting another process and ending itself, again and
    again. It is found, although each of its processes ends soon.
    """
    (pid,) = found_in(Table(2))
    assert pid > 500


def test_a_value_is_compared_as_a_whole() -> None:
    table = Table(1000)
    table.environments = {1: b"MARK=mm\0", 2: b"OTHER_MARK=m\0", 3: b"A=MARK=m\0"}
    assert found_in(table) == []


def test_the_search_ends_where_a_new_process_is_found_each_time() -> None:
    table = Table(1)
    table.environments[500] = b"MARK=other\0"
    assert found_in(table) == []


def test_nothing_is_found_where_the_system_tells_nothing() -> None:
    def untold() -> list[int]:
        raise FileNotFoundError("/proc")

    assert processes_with("MARK", "m", pids=untold) == []
