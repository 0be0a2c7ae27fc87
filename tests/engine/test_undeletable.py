"""What a repair has replaced, and what may not be deleted: it is told, and stops only repairs."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcore.engine.delivery.deliveries import Deliveries
from dlcore.engine.delivery.own_folder import OwnFolder
from dlcore.engine.delivery.target import Disk, Standing
from dlcore.errors import StorageError
from tests.engine.deliveries import V1, Memory, bring, put
from tests.store.helpers import read_back
from tests.users import needs_root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A delivered folder that was damaged."""
    folder = tmp_path / "to"
    put(V1, folder, tmp_path / "records")
    (folder / "setup.exe").write_bytes(b"damaged")
    return folder


@contextlib.contextmanager
def immutable(path: Path) -> Iterator[Path]:
    """A file that not even root can delete; yields where it may be by now."""
    if subprocess.run(["chattr", "+i", path], capture_output=True, check=False).returncode:
        pytest.skip("there are no immutable files here")
    moved = path.parents[2] / ".to.dlcore" / "replaced" / path.parent.name / path.name
    try:
        yield moved
    finally:
        for each in (path, moved):
            subprocess.run(["chattr", "-i", each], capture_output=True, check=False)


@pytest.mark.posix_only(reason="a file system of Linux has immutable files")
@needs_root
def test_a_repair_goes_on_when_the_file_in_its_way_may_be_deleted(folder: Path) -> None:
    """Fault: a file of a damaged folder is immutable. dlcore repairs the folder once, names the
    file when it is to repair it again, and goes on once the file may be deleted.
    """
    records = folder.parent / "records"
    with immutable(folder / "old" / "only.txt") as left:
        put(V1, folder, records)
        assert read_back(folder) == V1.contents
        assert put(V1, folder, records).standing is Standing.RIGHT
        (folder / "setup.exe").write_bytes(b"damaged")
        with pytest.raises(StorageError) as told:
            put(V1, folder, records)
        assert str(left) in told.value.message
        assert "chattr -i" in (told.value.remedy or "")
    put(V1, folder, records)
    assert read_back(folder) == V1.contents
    assert not left.parents[2].exists()


class Stubborn(Disk):
    """A disk on which what was replaced cannot be deleted."""

    def remove_tree(self, path: Path) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), path.name)

    def clear(self, folder: Path) -> Path | None:
        return folder / "setup.exe"


def test_what_may_not_be_deleted_stops_only_a_repair(folder: Path) -> None:
    """Fault: what a killed repair has replaced may not be deleted. dlcore names it before anything
    is fetched for another repair, and takes content that is right for right.
    """
    records = folder.parent / "records"
    replaced = folder.parent / ".to.dlcore" / "replaced"
    replaced.mkdir(parents=True, mode=0o700)
    replaced.parent.chmod(0o700)
    (replaced / "setup.exe").write_bytes(b"old")
    source = Memory(V1)
    with pytest.raises(StorageError) as told:
        bring(OwnFolder(folder, Deliveries(records), Stubborn()), V1, source)
    assert f": {replaced / 'setup.exe'}" in told.value.message
    assert source.fills == 0
    (folder / "setup.exe").write_bytes(V1.contents["setup.exe"])
    assert put(V1, folder, records, Stubborn()).standing is Standing.RIGHT
