"""Publishers that are interrupted, and those that come after them."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from dlcore.publish import Published
from dlcore.publish.destination import Change, Listed, Stored
from dlcore.publish.folder import FolderDestination
from dlcore.publish.policy import PublishPolicy
from dlcore.publish.preparing import PublishOptions
from dlcore.publish.publishing import publish_to
from tests.publish.helpers import (
    BLOCK,
    KILL,
    KILLED_STATUS,
    content,
    files_below,
    from_folder,
    published_tree,
    write_tree,
)

OLD = {"file": content(2 * BLOCK)}
NEW = {
    **{f"large {n}": content(3 * BLOCK + n, n) for n in range(4)},
    **{f"small {n}": content(10, n) for n in range(5)},
    "larger": content(100_000),
}
SPANS = PublishPolicy(span_bytes=1 << 16)  # the larger one has two

MOMENTS_APART = 8 if sys.platform == "win32" else 1
"""Each copy of a site takes a second under Wine."""


class InterruptionError(Exception):
    pass


class Fragile:
    """A real folder that fails at the n-th moment of what is asked of it."""

    def __init__(self, root: Path, moments: int) -> None:
        self._folder = FolderDestination(root)
        self._moments = moments
        self.name = str(root)
        self.workers = 1

    def _moment(self) -> None:
        self._moments -= 1
        if self._moments < 0:
            raise InterruptionError

    def find(self, key: str) -> Stored | None:
        self._moment()
        return self._folder.find(key)

    def read(self, key: str, start: int, end: int) -> memoryview:
        self._moment()
        return self._folder.read(key, start, end)

    def keys(self, folder: str) -> Iterator[str]:
        self._moment()
        return self._folder.keys(folder)

    def write(
        self, key: str, content: Iterable[memoryview], length_bytes: int, *, address: str = ""
    ) -> None:
        self._moment()
        self._folder.write(key, self._interrupted(content), length_bytes)
        self._moment()

    def _interrupted(self, content: Iterable[memoryview]) -> Iterator[memoryview]:
        for data in content:
            yield data[: len(data) // 2]
            self._moment()
            yield data[len(data) // 2 :]
        self._moment()

    @property
    def folder(self) -> Path | None:
        return self._folder.folder

    def check_removable(self) -> None:
        self._folder.check_removable()

    def list_folder(self, folder: str) -> Iterator[Listed]:
        self._moment()
        return self._folder.list_folder(folder)

    def remove(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._moment()
            self._folder.remove([key])
        self._moment()

    def sync(self) -> None:
        self._moment()
        self._folder.sync()

    def read_whole(self, key: str) -> bytes | None:
        self._moment()
        return self._folder.read_whole(key)

    def create(self, key: str, document: bytes) -> bool:
        self._moment()
        created = self._folder.create(key, document)
        self._moment()
        return created

    def change(self, key: str, change: Change) -> None:
        self._moment()
        self._folder.change(key, change)
        self._moment()


def publish_version(root: Path, source: Path, version: int, moments: int = 10**9) -> Published:
    options = PublishOptions("ABC00012", version, BLOCK)
    return publish_to(Fragile(root, moments), source, options, lambda _: None, SPANS)


def test_an_interruption_at_any_moment_leaves_a_valid_catalog_and_is_made_good(
    tmp_path: Path,
) -> None:
    """Fault P1: publishing is cut off at any moment. dlcore leaves a valid catalog, old or new, and
    goes on next time.
    """
    old, new = write_tree(tmp_path / "old", OLD), write_tree(tmp_path / "new", NEW)
    publish_version(tmp_path / "before", old, 1)
    interrupted = 0
    for moments in itertools.count(0, MOMENTS_APART):
        root = tmp_path / f"out {moments}"
        shutil.copytree(tmp_path / "before", root)
        try:
            publish_version(root, new, 2, moments)
        except InterruptionError:
            interrupted += 1
        else:
            break
        assert published_tree(from_folder(root), "ABC00012") in (OLD, NEW)
        assert not list(root.glob("*/.*"))
        there = set(files_below(root / "objects"))
        again = publish_version(root, new, 2)
        assert published_tree(from_folder(root), "ABC00012") == NEW
        assert again.objects_present == len(there) - 1  # all but the old version's
    assert interrupted > 20 // MOMENTS_APART
    assert published_tree(from_folder(root), "ABC00012") == NEW


KILLED = """
import os, sys
from pathlib import Path
from dlcore.publish.folder import FolderDestination
from dlcore.publish.policy import PublishPolicy
from dlcore.publish.preparing import PublishOptions
from dlcore.publish.publishing import publish_to
left = int(sys.argv[3])
def progress(_):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), int(sys.argv[4]))
publish_to(FolderDestination(Path(sys.argv[2])), Path(sys.argv[1]),
           PublishOptions("ABC00012", 2, 4096), progress, PublishPolicy(span_bytes=1 << 16))
"""


@pytest.mark.parametrize("moments", [0, 6, 7, 9, 11])
def test_a_killed_publisher_leaves_a_valid_catalog_and_is_made_good(
    tmp_path: Path, moments: int
) -> None:
    """Fault P1: a publisher is killed. dlcore leaves a valid catalog and goes on next time."""
    root = tmp_path / "out"
    new = write_tree(tmp_path / "new", NEW)
    publish_version(root, write_tree(tmp_path / "old", OLD), 1)
    command = [sys.executable, "-c", KILLED, str(new), str(root), str(moments), KILL]
    killed = subprocess.run(command, check=False)
    assert killed.returncode in KILLED_STATUS
    assert published_tree(from_folder(root), "ABC00012") == OLD
    publish_version(root, new, 2)
    assert published_tree(from_folder(root), "ABC00012") == NEW
