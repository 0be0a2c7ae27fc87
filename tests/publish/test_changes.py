"""Files that change while they are being published."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from dlcore.errors import StorageError
from dlcore.publish import Progress, Stage, publish
from dlcore.store.files import Files
from tests.medium import waited_for
from tests.publish.helpers import BLOCK, content, write_tree


def publish_while(folder: Path, out: Path, change: Callable[[], None]) -> StorageError:
    """Publish; the change happens once all is hashed and nothing is written."""

    def progress(at: Progress) -> None:
        if at.stage is Stage.HASH and at.done_bytes == at.total_bytes:
            change()

    with pytest.raises(StorageError, match="changed while it was being published") as caught:
        publish(
            folder,
            package_id="ABC00012",
            version=1,
            destination=str(out),
            block_bytes=BLOCK,
            progress=progress,
        )
    assert not (out / "catalog.json").exists()
    assert not list(out.glob("manifests/*"))
    assert not list(out.glob("*/.*"))
    return caught.value


def publish_again_while(folder: Path, out: Path, change: Callable[[], None]) -> None:
    """Publish what is there already; the change happens once all is hashed."""

    def progress(at: Progress) -> None:
        if at.stage is Stage.HASH and at.done_bytes == at.total_bytes:
            change()

    again = partial(publish, folder, package_id="ABC00012", destination=str(out), block_bytes=BLOCK)
    again(version=1)
    catalog = (out / "catalog.json").read_bytes()
    with pytest.raises(StorageError, match="changed while it was being published"):
        again(version=2, progress=progress)
    assert (out / "catalog.json").read_bytes() == catalog


def test_a_change_of_what_is_published_already_is_noticed(source: Path, tmp_path: Path) -> None:
    """Fault: a source file changes after it was hashed, and the site has what it held before, so
    that it is not read again. dlcore publishes nothing of it and names it.
    """

    def change() -> None:
        (source / "a").write_bytes(content(5 * BLOCK, 1))

    publish_again_while(source, tmp_path / "out", change)


@pytest.mark.posix_only(reason="Windows tells which files are open to write")
@pytest.mark.parametrize("more", [0, 70], ids=["few files", "many files"])
def test_a_store_through_a_mapping_is_noticed(source: Path, tmp_path: Path, more: int) -> None:
    """Fault: a program stores into a mapped page of a source file that is dirty already, which
    changes no time. dlcore has written the page back, and publishes nothing of it.
    """
    if Files().is_in_memory(tmp_path):
        pytest.skip("the temporary folder is in memory, where nothing is ever written back")
    for number in range(more):
        (source / f"more {number:02}").write_bytes(b"x")
    with (source / "a").open("r+b") as file:
        program = mmap.mmap(file.fileno(), 0)

    def store() -> None:
        program[0] ^= 1

    store()
    os.utime(source / "a", ns=(1, 1))  # long ago, and the page stays dirty
    with waited_for():
        publish_again_while(source, tmp_path / "out", store)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_tree(
        tmp_path / "source", {"a": content(5 * BLOCK), "b": content(100), "c": content(200)}
    )


@pytest.mark.parametrize("name", ["a", "b", "c"])
@pytest.mark.parametrize("length", [0, 50, 6 * BLOCK])
def test_a_file_of_another_length_is_named(
    source: Path, tmp_path: Path, name: str, length: int
) -> None:
    error = publish_while(source, tmp_path / "out", lambda: os.truncate(source / name, length))
    assert error.path == source / name


def test_a_file_of_the_same_length_and_age_is_named(source: Path, tmp_path: Path) -> None:
    """Fault: a source file changes while it is published. dlcore publishes nothing of it and names
    it.
    """

    def change() -> None:
        times = (source / "a").stat()
        (source / "a").write_bytes(content(5 * BLOCK, 1))
        os.utime(source / "a", ns=(times.st_atime_ns, times.st_mtime_ns))

    assert publish_while(source, tmp_path / "out", change).path == source / "a"


def test_a_packed_file_of_the_same_length_and_age_is_among_those_named(
    source: Path, tmp_path: Path
) -> None:
    def change() -> None:
        times = (source / "c").stat()
        (source / "c").write_bytes(content(200, 1))
        os.utime(source / "c", ns=(times.st_atime_ns, times.st_mtime_ns))

    message = publish_while(source, tmp_path / "out", change).message
    assert f"{source / 'b'} (or one of the 1 files after it)" in message


def test_a_file_that_disappears_is_named(source: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        publish(
            source,
            package_id="ABC00012",
            version=1,
            destination=str(tmp_path / "out"),
            progress=lambda _: (source / "a").unlink(missing_ok=True),
        )
    assert caught.value.path == source / "a"


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_file_that_becomes_a_link_is_not_followed(
    source: Path, tmp_path: Path, name: str
) -> None:
    """Fault: a source file becomes a link while it is published. dlcore does not follow it."""

    def progress(at: Progress) -> None:
        if at.stage is Stage.HASH and at.done_bytes == at.total_bytes:
            (source / name).rename(tmp_path / "elsewhere")
            (source / name).symlink_to(tmp_path / "elsewhere")

    out = tmp_path / "out"
    with pytest.raises(StorageError) as caught:
        publish(source, package_id="ABC00012", destination=str(out), progress=progress)
    assert caught.value.path == source / name
    assert not (out / "catalog.json").exists()
