"""What the system may refuse, and what children must not inherit."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dlcore.disk import system, windows_files
from dlcore.store.files import Files

LISTED = "import os; print([os.path.realpath(f.path) for f in os.scandir('/proc/self/fd')])"


@pytest.mark.skipif(sys.platform != "linux", reason="fallocate is Linux's")
def test_without_preallocation_a_file_has_its_length_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault D9: the file system cannot preallocate. dlcore sets the length and goes on."""

    def refuse(*_: object) -> int:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(system, "_call", refuse)
    with (tmp_path / "file").open("wb") as file:
        system.allocate(file.fileno(), 12_345)
    assert (tmp_path / "file").stat().st_size == 12_345


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
@pytest.mark.posix_only(reason="a child's open files are told by /proc or /dev/fd")
def test_a_child_process_inherits_no_file(tmp_path: Path) -> None:
    """Fault P6: a step begins while files of packages are open. dlcore lets it inherit none."""
    files = Files()
    path = tmp_path / "content"
    opened = [files.open(path, create=True), files.open_to_read(path)]
    try:
        seen = subprocess.run(
            [sys.executable, "-c", LISTED], close_fds=False, capture_output=True, check=True
        )
        assert str(path) not in seen.stdout.decode()
    finally:
        for fd in opened:
            files.close(fd)


def test_the_free_space_is_that_of_the_disk(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file"):
        assert 0 < system.free_bytes(path) < shutil.disk_usage(tmp_path).total


@pytest.mark.skipif(sys.platform != "win32", reason="statvfs tells it elsewhere")
def test_the_free_space_is_what_a_quota_leaves(tmp_path: Path) -> None:
    """Fault: a quota leaves this user less than the disk has. dlcore counts with the quota."""
    if sys.platform == "win32":

        def tell(folder: str, own: Any, total: Any, all_users: Any) -> int:
            own._obj.value = 5
            return 1

        assert windows_files.free_bytes(tmp_path, tell) == 5
