"""A real file system that really runs full."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcore.errors import DiskFullError
from dlcore.store import Store
from tests.store.helpers import Package, fill, make_package, read_back

LARGE = make_package({f"{i}.bin": 300_000 for i in range(10)})
SMALL = make_package({f"{i:04}.txt": 3_000 for i in range(1_000)})


def mount(folder: Path, *options: str) -> bool:
    if sys.platform != "linux":
        return False
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    if not mount(tmp_path, "size=2m"):
        pytest.skip("mounting a tmpfs needs root on Linux")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.parametrize("package", [LARGE, SMALL], ids=["at the beginning", "on the way"])
def test_a_full_disk_keeps_what_is_there_and_goes_on_when_there_is_room(
    tiny_disk: Path, package: Package
) -> None:
    """Fault D1: the disk fills up. dlcore keeps what is verified and goes on when there is room."""
    state = tiny_disk / "state"
    with Store.open(state) as store, pytest.raises(DiskFullError) as caught:
        fill(store.begin(package.manifest, package.document), package)
    assert "bytes are still to come" in caught.value.message
    assert mount(tiny_disk, "remount", "size=16m")
    with Store.open(state) as store:
        partial = store.begin(package.manifest, package.document)
        assert (partial.have.count(1) > 0) == (package is SMALL)
        fill(partial, package)
        assert read_back(partial.finish()) == package.contents
