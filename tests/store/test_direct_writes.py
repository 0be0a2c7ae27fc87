"""Writing past the page cache: chosen by measurement or wish, with the same bytes on disk."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from dlcore.errors import ConfigError
from dlcore.model import BlockExtent, FileExtent
from dlcore.native import Run, Written, aligned_buffer
from dlcore.store import Store
from dlcore.store.direct_writes import (
    MIN_MEASURED_BYTES,
    PAGE_BYTES,
    VARIABLE,
    in_pages,
    is_paged,
    prefers_direct,
)
from dlcore.store.files import Files
from tests.store.helpers import make_package, read_back

PACKAGE = make_package(
    {
        "large": 18 * PAGE_BYTES + 777,
        "exact": 4 * PAGE_BYTES,
        "a small": PAGE_BYTES,  # a whole page, but of a file that is made when its bytes come
        "small": 5,
    },
    block_bytes=2 * PAGE_BYTES,
)


class Calls(Files):
    """A real disk that takes note of what is written directly."""

    def __init__(self) -> None:
        super().__init__()
        self.direct: set[int] = set()
        self.directly_written = 0
        self.supported = False

    def open_direct(self, path: Path) -> int | None:
        fd = super().open_direct(path)
        self.supported = fd is not None
        if fd is not None:
            self.direct.add(fd)
        return fd

    def close(self, fd: int) -> None:
        self.direct.discard(fd)
        super().close(fd)

    def verify_and_write(self, runs: Sequence[Run]) -> Iterator[Written]:
        for run in runs:
            self.directly_written += sum(n for fd, _, n in run.extents if fd in self.direct)
        return super().verify_and_write(runs)


def test_only_whole_pages_at_page_boundaries_are_written_directly() -> None:
    page = aligned_buffer(2 * PAGE_BYTES)
    assert is_paged(FileExtent(0, 0, PAGE_BYTES), page[:PAGE_BYTES])
    assert not is_paged(FileExtent(0, 1, PAGE_BYTES), page[:PAGE_BYTES])
    assert not is_paged(FileExtent(0, 0, 5), page[:5])
    assert not is_paged(FileExtent(0, 0, PAGE_BYTES), page[1 : PAGE_BYTES + 1])
    assert not is_paged(FileExtent(0, 0, PAGE_BYTES), memoryview(bytes(PAGE_BYTES)))


@pytest.mark.parametrize("way", ["direct", "buffered"])
def test_a_package_is_the_same_however_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setenv(VARIABLE, way)
    files = Calls()
    store = Store(tmp_path / "state", files)
    (tmp_path / "state").mkdir()
    store.prepare()
    partial = store.begin(PACKAGE.manifest, PACKAGE.document)
    for index, item in enumerate(PACKAGE.manifest.objects):
        data = aligned_buffer(item.length_bytes)
        data[:] = PACKAGE.extent(BlockExtent.of(index, 0, PACKAGE.manifest.block_count(index)))
        assert partial.write_extent(index, 0, data) == ()
    assert read_back(partial.finish()) == PACKAGE.contents
    assert files.directly_written == (22 * PAGE_BYTES if files.supported else 0)


def test_the_end_of_a_file_is_all_that_is_not_whole_pages() -> None:
    assert list(in_pages(FileExtent(3, 0, 9 * PAGE_BYTES + 7))) == [
        FileExtent(3, 0, 9 * PAGE_BYTES),
        FileExtent(3, 9 * PAGE_BYTES, 7),
    ]
    assert list(in_pages(FileExtent(3, 2 * PAGE_BYTES, PAGE_BYTES + 7))) == [
        FileExtent(3, 2 * PAGE_BYTES, PAGE_BYTES),
        FileExtent(3, 3 * PAGE_BYTES, 7),
    ]
    for whole in (
        *(FileExtent(0, 0, PAGE_BYTES), FileExtent(0, 1, PAGE_BYTES), FileExtent(0, 0, 5)),
        FileExtent(0, 1, PAGE_BYTES + 7),
    ):
        assert list(in_pages(whole)) == [whole]


def test_a_small_package_is_not_worth_the_measurement(tmp_path: Path) -> None:
    assert not prefers_direct(Files(), tmp_path / "does not exist", MIN_MEASURED_BYTES - 1)


@pytest.mark.parametrize(
    ("seconds", "is_direct"),
    [
        ([1.4, 1.0], True),
        ([9.0, 1.0, 9.0, 1.0, 1.0, 1.0], True),  # busy with something else, twice
        ([1.6, 1.0, 1.6, 1.0, 1.6, 1.0], False),
    ],
    ids=["hardly slower", "once slower", "always slower"],
)
def test_the_page_cache_must_be_faster_time_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: list[float], is_direct: bool
) -> None:
    monkeypatch.setenv(VARIABLE, "auto")
    times = itertools.chain.from_iterable((100.0, 100.0 + each) for each in seconds)
    monkeypatch.setattr("dlcore.store.direct_writes.time.perf_counter", times.__next__)
    files = Files()
    monkeypatch.setattr(files, "open_direct", lambda path: files.open(path))
    assert prefers_direct(files, tmp_path, MIN_MEASURED_BYTES) is is_direct


@pytest.mark.skipif(sys.platform != "win32", reason="on Linux every large package is measured")
def test_on_windows_nothing_is_measured_unless_wished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert not prefers_direct(Files(), tmp_path / "does not exist", MIN_MEASURED_BYTES)


@pytest.mark.skipif(sys.platform != "win32", reason="Linux has a flag for it")
def test_a_file_is_opened_once_more_without_the_cache(tmp_path: Path) -> None:
    files = Files()
    fd = files.open(tmp_path / "file", create=True)
    files.allocate(fd, 2 * PAGE_BYTES)
    page = aligned_buffer(PAGE_BYTES)
    page[:] = b"p" * PAGE_BYTES
    direct = files.open_direct(tmp_path / "file")
    assert direct is not None
    assert files.write_at(direct, page, PAGE_BYTES) == PAGE_BYTES
    files.close(direct)
    read = memoryview(bytearray(2 * PAGE_BYTES))
    assert files.read_at(fd, read, 0) == 2 * PAGE_BYTES
    files.close(fd)
    assert read == bytes(PAGE_BYTES) + b"p" * PAGE_BYTES


def test_the_measurement_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "auto")
    prefers_direct(Files(), tmp_path, MIN_MEASURED_BYTES)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_wish_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "sideways")
    with pytest.raises(ConfigError, match="sideways"):
        prefers_direct(Files(), tmp_path, MIN_MEASURED_BYTES)
