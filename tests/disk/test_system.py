"""The system calls below the seam that other tests replace: each one is really made.

A pipe and ``/proc`` cannot be synced: the kernel answers ``EINVAL``. So the error shows, without
replacing anything, that it was asked.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dlcore.disk import system
from dlcore.disk.private_folder import PrivateFolder
from dlcore.store.files import Files, read_document, write_document
from tests.medium import waited_for

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the errors are Linux's")


@pytest.fixture
def real_syncs() -> Iterator[None]:
    """Syncs that the other tests do without."""
    with waited_for():
        yield


@pytest.fixture
def pipe() -> Iterator[int]:
    """A descriptor that takes bytes and that no sync can succeed on."""
    reader, writer = os.pipe()
    yield writer
    os.close(reader)
    os.close(writer)


@linux_only
@pytest.mark.parametrize(
    "sync",
    [
        lambda fd: system.sync(fd),
        lambda fd: system.sync(fd, data_only=True),
        lambda fd: Files().sync(fd),
        lambda fd: Files().sync_data(fd),
    ],
    ids=["sync", "sync data", "Files.sync", "Files.sync_data"],
)
@pytest.mark.usefixtures("real_syncs")
def test_syncing_a_file_asks_the_kernel(sync: Callable[[int], None], pipe: int) -> None:
    """Fault: a sync that is not made. The kernel is asked for every one, below every seam."""
    with pytest.raises(OSError) as refused:
        sync(pipe)
    assert refused.value.errno == errno.EINVAL


@linux_only
@pytest.mark.parametrize("sync", [system.sync_folder, Files().sync_folder], ids=["system", "Files"])
@pytest.mark.usefixtures("real_syncs")
def test_syncing_a_folder_asks_the_kernel(sync: Callable[[Path], None]) -> None:
    with pytest.raises(OSError) as refused:
        sync(Path("/proc"))
    assert refused.value.errno == errno.EINVAL


@linux_only
@pytest.mark.parametrize(
    "sync", [system.sync_filesystem, Files().sync_filesystem], ids=["system", "Files"]
)
@pytest.mark.usefixtures("real_syncs")
def test_syncing_a_file_system_asks_the_kernel(sync: Callable[[int], bool], pipe: int) -> None:
    assert sync(pipe)
    with pytest.raises(OSError) as refused:
        sync(-1)
    assert refused.value.errno == errno.EBADF


@linux_only
@pytest.mark.parametrize("write_back", [system.write_back, Files().write_back])
@pytest.mark.usefixtures("real_syncs")
def test_writing_a_file_back_asks_the_kernel(write_back: Callable[[int], None], pipe: int) -> None:
    with pytest.raises(OSError) as refused:
        write_back(pipe)
    assert refused.value.errno == errno.ESPIPE


def refuse(fd: int) -> bool:
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


@linux_only
@pytest.mark.parametrize("write_pages", [lambda _: False, refuse], ids=["no call", "refused"])
@pytest.mark.usefixtures("real_syncs")
def test_a_file_is_synced_where_pages_cannot_be_written_by_themselves(
    write_pages: Callable[[int], bool], pipe: int
) -> None:
    with pytest.raises(OSError) as refused:
        system.write_back(pipe, write_pages=write_pages)
    assert refused.value.errno == errno.EINVAL


@pytest.mark.parametrize(("data_only", "expected"), [(True, ["data"]), (False, ["all"])])
def test_only_a_sync_of_data_may_leave_metadata_out(data_only: bool, expected: list[str]) -> None:
    calls: list[str] = []
    system.sync(
        3,
        data_only=data_only,
        sync_data=lambda _: calls.append("data"),
        sync_all=lambda _: calls.append("all"),
    )
    assert calls == expected


@pytest.mark.parametrize("private", [True, False], ids=["private", "any"])
def test_a_document_is_synced_before_it_gets_its_name(tmp_path: Path, private: bool) -> None:
    """Fault: a document that is renamed before it is synced. dlcore syncs it first."""
    calls: list[str] = []

    class Recorded(Files):
        def sync(self, fd: int) -> None:
            calls.append("sync")
            super().sync(fd)

        def move(self, source: Path, target: Path) -> None:
            calls.append("move")
            super().move(source, target)

    files = Recorded(PrivateFolder(tmp_path) if private else None)
    write_document(files, tmp_path / "document", b"content")
    assert calls == ["sync", "move"]
    assert read_document(files, tmp_path / "document") == b"content"


@pytest.mark.posix_only(reason="Windows has such writes, and no flag for them")
def test_without_direct_writes_a_file_is_not_opened_for_them(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert Files(direct_flag=None).open_direct(tmp_path / "file") is None


@linux_only
def test_a_file_system_that_refuses_direct_writes_is_no_fault() -> None:
    """A file of ``/proc`` cannot be written past the page cache: the kernel answers ``EINVAL``."""
    assert Files(direct_flag=os.O_DIRECT).open_direct(Path("/proc/self/comm")) is None


@linux_only
def test_a_reserved_file_has_its_disk_space(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    try:
        system.allocate(fd, 1 << 20)
        assert os.fstat(fd).st_size == 1 << 20
        assert system.allocated_bytes(tmp_path / "file") >= 1 << 20
        assert not system.has_data(fd, 0, 1 << 20)
        system.write_at(fd, memoryview(b"x"), 1 << 19)
        assert system.has_data(fd, 0, 1 << 20)
    finally:
        os.close(fd)


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="there is no such call here")
@pytest.mark.parametrize("again", [True, False])
def test_advice_reaches_the_kernel(pipe: int, again: bool) -> None:
    with pytest.raises(OSError) as refused:
        system.advise(pipe, 0, 10, again=again)
    assert refused.value.errno == errno.ESPIPE
