"""A program has mapped a file of a package, and stores into a page that is dirty already.

Such a store changes no time of the file. The next proof must find it all the same.
"""

from __future__ import annotations

import errno
import mmap
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcore.disk.file_system import kind_of
from dlcore.store import Store
from dlcore.store.descriptors import MAX_OPEN
from dlcore.store.files import Files
from tests.medium import waited_for
from tests.store.helpers import BLOCK_BYTES, Package, fill, finish, make_package, opened

pytestmark = pytest.mark.posix_only(reason="Windows tells which files are open to write")

MEMORY = Path("/dev/shm")
NAME = "long.bin"
FEW = make_package()
MANY = make_package({NAME: BLOCK_BYTES} | {f"{number}.txt": 1 for number in range(MAX_OPEN)})
EACH_PACKAGE = pytest.mark.parametrize("package", [FEW, MANY], ids=["few files", "many files"])


@pytest.fixture
def disk_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder on a real disk, which is waited for."""
    if Files().is_in_memory(tmp_path):
        pytest.skip("the temporary folder is in memory, where nothing is ever written back")
    with waited_for():
        yield tmp_path


class Mapping:
    """A file that another program has mapped."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), 0)

    def store_what_is_there(self) -> None:
        """Make the page dirty; this changes the file's times."""
        self._bytes[0] = self._bytes[0]

    def store_another_byte(self) -> None:
        self._bytes[0] ^= 1


class Refusing(Files):
    """A disk that cannot write pages back."""

    is_refusing = True

    def write_back(self, fd: int) -> None:
        if self.is_refusing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().write_back(fd)


def prove(store: Store, package: Package) -> Path | None:
    return store.prove(package.manifest, package.document, lend=False, to_write=False)


@pytest.mark.parametrize("is_known", [True, False], ids=["same process", "next process"])
def test_a_store_into_a_page_that_was_dirty_when_it_was_proven(
    disk_folder: Path, is_known: bool
) -> None:
    """Fault: a program stores into a mapped page that is dirty already. The next proof finds it."""
    with opened(disk_folder) as first, opened(disk_folder) as second:
        content = finish(first, FEW)
        store = first if is_known else second
        program = Mapping(content / NAME)
        program.store_what_is_there()
        assert prove(store, FEW) == content, "nothing is wrong yet"
        program.store_another_byte()
        assert prove(store, FEW) is None


@EACH_PACKAGE
def test_a_store_into_a_page_that_was_dirty_when_its_package_was_finished(
    disk_folder: Path, package: Package
) -> None:
    """Fault: a mapped page is dirty when its package is finished. The next proof finds a store."""
    with opened(disk_folder) as store:
        partial = store.begin(package.manifest, package.document)
        fill(partial, package)
        partial.sync()
        program = Mapping(next((disk_folder / "partial").iterdir()) / "content" / NAME)
        program.store_what_is_there()
        content = partial.finish()
        assert prove(store, package) == content, "nothing is wrong yet"
        program.store_another_byte()
        assert prove(store, package) is None


@pytest.mark.skipif(kind_of(MEMORY) != "tmpfs", reason="this system has no such folder in memory")
def test_what_lies_in_memory_is_hashed_for_each_proof() -> None:
    """Fault: a program stores into a mapped file on tmpfs. The next proof hashes it anyway."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as state, opened(Path(state)) as store:
        program = Mapping(finish(store, FEW) / NAME)
        program.store_what_is_there()
        assert prove(store, FEW), "nothing is wrong yet"
        program.store_another_byte()
        assert prove(store, FEW) is None


def test_pages_that_cannot_be_written_back_when_a_package_is_finished(tmp_path: Path) -> None:
    """Fault: the disk refuses pages of a finished package. dlcore hashes it before it is used."""
    disk = Refusing()
    with opened(tmp_path, disk) as store:
        content = finish(store, FEW)
        assert prove(store, FEW) is None, "it is hashed, and cannot be"
        disk.is_refusing = False
        assert finish(store, FEW) == content
        assert prove(store, FEW) == content
