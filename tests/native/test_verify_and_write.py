"""Both cores verify and write what a plain model does, whatever the blocks and extents."""

from __future__ import annotations

import hashlib
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcore.native.interface import Buffer, Core, Run, Written
from tests.depth import cases
from tests.native import model
from tests.native.cores import each_backend, each_core, needs_compiled, using
from tests.native.reading import read_start
from tests.native.threads import others_run_during

NOISE = random.Random(4711).randbytes(1 << 16)
FILES = 3


def digests_of(data: Buffer, block_bytes: int) -> bytes:
    blocks = (data[at : at + block_bytes] for at in range(0, len(data), block_bytes))
    return b"".join(hashlib.sha256(block).digest() for block in blocks)


@contextmanager
def empty_files() -> Iterator[list[int]]:
    with ExitStack() as files:
        yield [files.enter_context(tempfile.TemporaryFile()).fileno() for _ in range(FILES)]


def contents(fds: list[int]) -> list[bytes]:
    return [read_start(fd, 1 << 20) for fd in fds]


class Plan:
    """Runs for any three files, made from a seed: the two sides of a comparison get the same."""

    def __init__(self, seed: int, runs: int, max_block_bytes: int) -> None:
        self._chance = random.Random(seed)
        self._ends = [0] * FILES
        self._runs = [self._run(max_block_bytes) for _ in range(runs)]

    def runs(self, fds: list[int]) -> list[Run]:
        return [
            run._replace(extents=[(fds[file], offset, length) for file, offset, length in places])
            for run, places in self._runs
        ]

    def _run(self, max_block_bytes: int) -> tuple[Run, list[tuple[int, int, int]]]:
        chance = self._chance
        block_bytes = chance.randint(1, max_block_bytes)
        length = chance.randint(0, 20 * block_bytes)
        start = chance.randrange(64)
        data = bytearray(NOISE[start : start + length])
        digests = b"" if chance.random() < 0.2 else digests_of(data, block_bytes)
        for _ in range(chance.choice([0, 0, 1, 5]) if data else 0):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        shifted = memoryview(bytearray(start) + data)[start:]
        return Run(shifted, block_bytes, digests, ()), [*self._places(len(data))]

    def _places(self, length: int) -> Iterator[tuple[int, int, int]]:
        """Most adjoin what was placed in the same file before; some are empty, some overlap."""
        chance = self._chance
        while length:
            part = min(length, chance.choice([0, 1, 7, 100, 5000]))
            file = chance.randrange(FILES) if chance.random() < 0.4 else 0
            offset = self._ends[file] if chance.random() < 0.8 else chance.randrange(1 << 14)
            self._ends[file] = offset + part
            length -= part
            yield file, offset, part


def verify_and_write(core: Core, runs: list[Run], write_bytes: int) -> Iterator[Written]:
    """The compiled core writes in groups of at least ``write_bytes``; the portable one does not."""
    if core.NAME == "portable":
        return core.verify_and_write(runs)
    from dlcore.native import compiled

    return compiled.verify_and_write(runs, write_bytes)


@each_backend
@settings(derandomize=True, deadline=None, max_examples=cases(50, 150))
@given(
    seed=st.integers(0, 1 << 32),
    runs=st.integers(0, 12),
    max_block_bytes=st.sampled_from([1, 70, 300, 3000]),
    write_bytes=st.sampled_from([1, 5000, 4 << 20]),
)
def test_a_core_does_what_the_model_does_and_looks_at_no_buffer_afterwards(
    core: Core, backend: str, seed: int, runs: int, max_block_bytes: int, write_bytes: int
) -> None:
    plan = Plan(seed, runs, max_block_bytes)
    with empty_files() as ours, empty_files() as theirs:
        expected = model.verify_and_write(plan.runs(theirs))
        with using(core, backend):
            job = plan.runs(ours)
            outcomes = verify_and_write(core, job, write_bytes)
            for run, written, wanted in zip(job, outcomes, expected, strict=True):
                assert written == wanted
                assert isinstance(run.data, memoryview)
                run.data[:] = bytes(len(run.data))
        assert contents(ours) == contents(theirs)


@each_core
def test_many_adjoining_runs_become_one_file(core: Core) -> None:
    runs = 200  # more than are written at once
    with tempfile.TemporaryFile() as file:
        fd = file.fileno()
        blocks = [memoryview(NOISE)[at : at + 100] for at in range(0, 100 * runs, 100)]
        job = [
            Run(block, 100, digests_of(block, 100), [(fd, 100 * at, 100)])
            for at, block in enumerate(blocks)
        ]
        written = [*core.verify_and_write(job)]
        assert read_start(fd, 1 << 20) == NOISE[: 100 * runs]
    assert [each.on_disk for each in written] == [(0,)] * runs


@each_backend
@settings(derandomize=True, deadline=None, max_examples=cases(25, 60))
@given(
    lengths=st.lists(
        st.one_of(
            st.integers(1, 1 << 16),
            # around what the lanes take in at a time
            st.builds(
                int.__add__, st.sampled_from([1024, 2048, 16384, 32768]), st.integers(-64, 64)
            ),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_blocks_of_any_lengths_side_by_side_get_their_digests(
    core: Core, backend: str, lengths: list[int]
) -> None:
    blocks = [NOISE[:length] for length in lengths]
    with tempfile.TemporaryFile() as file, using(core, backend):
        job = [
            Run(block, len(block), digests_of(block, len(block)), [(file.fileno(), 0, len(block))])
            for block in blocks
        ]
        written = [*core.verify_and_write(job)]
    assert written == [Written((), (0,), None)] * len(blocks)


def write_calls() -> int:
    """How often this process has asked the kernel to write."""
    counters = Path("/proc/self/io").read_text(encoding="ascii")
    return int(counters.partition("syscw:")[2].split()[0])


@pytest.mark.skipif(
    sys.platform != "linux" or not os.access("/proc/self/io", os.R_OK),
    reason="the system does not count writes",
)
@needs_compiled
def test_what_adjoins_on_disk_is_written_at_once_by_the_compiled_core() -> None:
    from dlcore.native import compiled

    with tempfile.TemporaryFile() as file:
        fd = file.fileno()
        places = [(fd, 100 * at, 100) for at in range(64)]
        runs = [Run(NOISE[:100], 60, b"", [place]) for place in places]
        before = write_calls()
        assert len([*compiled.verify_and_write([*runs[:30], *runs[31:]])]) == 63  # with a gap
        assert write_calls() - before == 2


@each_backend
def test_of_a_bad_block_nothing_is_written(core: Core, backend: str) -> None:
    digests = bytearray(digests_of(NOISE[:1000], 100))
    digests[32 * 3] ^= 1
    digests[32 * 9 + 31] ^= 128
    with tempfile.TemporaryFile() as file, using(core, backend):
        (written,) = core.verify_and_write(
            [Run(NOISE[:1000], 100, digests, [(file.fileno(), 0, 1000)])]
        )
        assert read_start(file.fileno(), 2000) == NOISE[:300] + bytes(100) + NOISE[400:900]
    assert written.bad == (3, 9)
    assert written.on_disk == (0, 1, 2, 4, 5, 6, 7, 8)


@each_core
def test_without_digests_every_block_is_good(core: Core) -> None:
    with tempfile.TemporaryFile() as file:
        (written,) = core.verify_and_write([Run(NOISE[:250], 100, b"", [(file.fileno(), 0, 250)])])
        assert read_start(file.fileno(), 1000) == NOISE[:250]
    assert written == Written((), (0, 1, 2), None)


@each_core
def test_no_runs_and_no_data_are_no_work(core: Core) -> None:
    assert [*core.verify_and_write([])] == []
    assert [*core.verify_and_write([Run(b"", 1, b"", [])])] == [Written((), (), None)]


@each_core
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"block_bytes": 0}, ValueError, "block_bytes is 0"),
        ({"digests": bytes(32)}, ValueError, "32 bytes of digests given, 64 needed"),
        ({"extents": [(0, 0, 101)]}, ValueError, "19 bytes short"),
        ({"extents": []}, ValueError, "120 bytes short"),
        ({"extents": [(0, 0, 100), (0, 0, 21)]}, ValueError, "longer than the run of 120"),
        ({"extents": [(0, 0, 2**64 - 1), (0, 0, 121)]}, ValueError, "longer than the run"),
        ({"extents": [(0, -1, 120)]}, OverflowError, "negative"),
        ({"extents": [(0, 0, -120)]}, OverflowError, "negative"),
        ({"extents": [(2**40, 0, 120)]}, OverflowError, "too large"),
        ({"data": memoryview(NOISE)[:240:2]}, BufferError, "contiguous"),
        ({"data": NOISE[:120].decode("latin1")}, TypeError, "bytes-like"),
    ],
)
def test_an_inconsistent_run_is_refused_and_nothing_is_written(
    core: Core, change: dict[str, object], error: type[Exception], message: str
) -> None:
    with tempfile.TemporaryFile() as file:
        good = Run(bytearray(NOISE[:120]), 100, b"", [(file.fileno(), 0, 120)])
        with pytest.raises(error, match=message):
            core.verify_and_write([good, good._replace(**change)])  # type: ignore[arg-type]  # parametrized
        assert read_start(file.fileno(), 1000) == b""
    assert isinstance(good.data, bytearray)
    good.data.append(0)  # BufferError if a view of it still existed


def is_held(buffer: bytearray) -> bool:
    try:
        buffer.append(0)
    except BufferError:
        return True
    return False


@each_core
def test_a_buffer_is_released_when_its_run_is_written_or_the_rest_is_dropped(core: Core) -> None:
    data = [bytearray(NOISE[:120]) for _ in range(3)]
    digests = [bytearray(digests_of(NOISE[:120], 100)) for _ in range(3)]
    with tempfile.TemporaryFile() as file:
        runs = [
            Run(data[at], 100, digests[at], [(file.fileno(), 200 * at, 120)]) for at in range(3)
        ]
        outcomes = verify_and_write(core, runs, 1)
        next(outcomes)
        assert [*map(is_held, data + digests)] == [False, True, True] * 2
        next(outcomes)
        assert [*map(is_held, data + digests)] == [False, False, True] * 2
        del outcomes
        assert read_start(file.fileno(), 1000) == NOISE[:120] + bytes(80) + NOISE[:120]
    assert not any(map(is_held, data + digests))


@each_backend
def test_other_threads_run_during_a_call(core: Core, backend: str) -> None:
    data = bytes(1 << 20)
    digests = digests_of(data, 1 << 16)
    with tempfile.TemporaryFile() as file, using(core, backend):
        run = Run(data, 1 << 16, digests, [(file.fileno(), 0, 1 << 20)])
        assert others_run_during(lambda: [*core.verify_and_write([run])], 200)
