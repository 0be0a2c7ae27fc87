"""Whether a write through a mapping shows on a disk is tried, also below an overlay."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcore.disk.mapped_writes import shows_mapped_writes
from dlcore.store.files import Files
from tests.medium import waited_for
from tests.users import needs_root

pytestmark = pytest.mark.posix_only(reason="Windows tells which files are open to write")

MEMORY = Path("/dev/shm")

OVERLAYS = """
set -e
mkdir memory lower upper work on_disk in_memory
mount -t tmpfs none memory
mkdir memory/upper memory/work
mount -t overlay none -o lowerdir=lower,upperdir=upper,workdir=work on_disk
mount -t overlay none -o lowerdir=lower,upperdir=memory/upper,workdir=memory/work in_memory
"""
LOOK = """
import mmap, os
from pathlib import Path
from dlcore.disk import system
from dlcore.store.files import Files

for place in ("on_disk", "in_memory"):
    folder = Path(place).absolute() / "folder"
    folder.mkdir()
    fd = os.open(folder / "file", os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, 4096)
    program = mmap.mmap(fd, 4096)
    program[0] = 1
    os.utime(fd, ns=(1, 1))
    system.write_back(fd)
    program[0] = 2
    print(Files().is_in_memory(folder), os.fstat(fd).st_mtime_ns != 1)
"""


@pytest.fixture
def disk_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder on a real disk, which is waited for."""
    if Files().is_in_memory(tmp_path):
        pytest.skip("the temporary folder is in memory, where nothing is ever written back")
    with waited_for():
        yield tmp_path


class OnOverlay(Files):
    """A disk that says it is an overlay."""

    def kind_of(self, folder: Path) -> str:
        return "overlay"


def test_a_disk_shows_mapped_writes_and_nothing_is_left_of_the_trial(disk_folder: Path) -> None:
    assert shows_mapped_writes(disk_folder)
    assert not OnOverlay().is_in_memory(disk_folder / "content")
    assert not [*disk_folder.iterdir()]


@pytest.mark.skipif(not MEMORY.is_dir(), reason="there is no folder in memory")
def test_an_overlay_in_memory_is_recognized_by_the_trial() -> None:
    """Fault: the state directory lies on an overlay in memory, where no write through a mapping
    shows. dlcore finds that out, and hashes what lies there for every proof.
    """
    assert not shows_mapped_writes(MEMORY)
    assert OnOverlay().is_in_memory(MEMORY / "content")


def test_where_nothing_can_be_tried_nothing_is_trusted(tmp_path: Path) -> None:
    assert not shows_mapped_writes(tmp_path / "nothing")


@needs_root
def test_pages_below_an_overlay_are_written_back(disk_folder: Path) -> None:
    """Fault: a program has mapped a file on an overlay, whose own pages are not those of the file.
    dlcore syncs the file, and the next write shows; in memory none does, and that is known.
    """
    look = f'"{sys.executable}" -c "$LOOK"'
    found = subprocess.run(
        ["unshare", "-m", "sh", "-c", f"{OVERLAYS}\n{look}"],
        cwd=disk_folder,
        env={**os.environ, "LOOK": LOOK, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    if not found.stdout:
        pytest.skip(f"no overlay can be made here: {found.stderr[-200:]}")
    assert found.stdout.split() == ["False", "True", "True", "False"]
