from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from dlcore.disk import held_files, system
from dlcore.disk.lock import FileLock
from dlcore.disk.system import move, sync_folder
from dlcore.errors import DiskFullError, LockedError, ManifestError, StorageError
from dlcore.model import CATALOG_KEY
from dlcore.publish import publish, repair
from dlcore.publish.folder import LOCK_NAME, FolderDestination
from dlcore.publish.policy import PublishPolicy
from tests.publish.helpers import content, from_folder, published_tree, sample, write_tree


def test_all_entries_of_publishers_at_work_at_once_survive(tmp_path: Path) -> None:
    start = threading.Barrier(6)
    out = tmp_path / "out"

    def publish_some(publisher: int) -> None:
        start.wait()
        for n in range(5):
            package_id = f"ABC0{publisher}00{n}"
            source = write_tree(tmp_path / package_id, {"file": package_id.encode()})
            publish(source, package_id=package_id, version=1, destination=str(out))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(publish_some, range(6)))
    for publisher in range(6):
        for n in range(5):
            package_id = f"ABC0{publisher}00{n}"
            tree = published_tree(from_folder(out), package_id)
            assert tree == {"file": package_id.encode()}


@pytest.mark.posix_only(reason="/proc tells which file was synced")
def test_content_is_synced_before_its_name_and_each_stage_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace: list[tuple[str, str]] = []
    fsync = os.fsync

    def traced_fsync(descriptor: int) -> None:
        fsync(descriptor)
        trace.append(("sync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))

    def traced_sync_folder(path: Path) -> None:
        sync_folder(path)
        trace.append(("sync", str(path)))

    def traced_move(source: str, target: str, *, source_parent: int, target_parent: int) -> None:
        folder = Path(f"/proc/self/fd/{target_parent}").readlink()
        assert ("sync", str(folder / source)) in trace
        move(source, target, source_parent=source_parent, target_parent=target_parent)
        trace.append(("name", str(folder / target)))

    monkeypatch.setattr(os, "fsync", traced_fsync)
    monkeypatch.setattr(system, "move", traced_move)
    monkeypatch.setattr("dlcore.publish.folder.sync_folder", traced_sync_folder)
    out = tmp_path / "out"
    published = publish(
        write_tree(tmp_path / "source", sample()),
        package_id="ABC00012",
        version=1,
        destination=str(out),
    )
    *named, last = (Path(path) for what, path in trace if what == "name")
    assert last == out / "history.json"
    manifest = out / "manifests" / f"{published.manifest}.json"
    assert named[-2:] == [manifest, out / "catalog.json"]
    assert {path.parent for path in named[:-2]} == {out / "objects"}
    at = {path: trace.index(("name", str(path))) for path in named}
    before_manifest = trace[at[named[-3]] + 1 : at[manifest]]
    assert ("sync", str(out / "objects")) in before_manifest
    before_catalog = trace[at[manifest] + 1 : at[named[-1]]]
    assert {("sync", str(out / "manifests")), ("sync", str(out))} <= set(before_catalog)
    assert ("sync", str(out)) in trace[at[named[-1]] + 1 :]
    assert ("sync", str(tmp_path)) in trace


def test_a_full_disk_is_reported_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """Fault D1: the disk of a site fills up. dlcore says so and leaves nothing half-written."""

    def windows() -> Iterator[memoryview]:
        yield memoryview(content(100))
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DiskFullError) as caught:
        FolderDestination(tmp_path).write("objects/x", windows(), 200)
    assert caught.value.path == tmp_path / "objects/x"
    assert not list((tmp_path / "objects").iterdir())


def test_a_folder_in_the_place_of_an_object_is_named(tmp_path: Path) -> None:
    """Fault: a folder has the name of an object of a site. dlcore says so, and leaves it there."""
    (tmp_path / "objects" / "x" / "mine").mkdir(parents=True)
    with pytest.raises(StorageError, match="is a folder, and a file of the site belongs there"):
        FolderDestination(tmp_path).write("objects/x", iter([memoryview(b"x")]), 1)
    assert [path.name for path in (tmp_path / "objects").iterdir()] == ["x"]


def test_a_destination_that_is_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(StorageError) as caught:
        FolderDestination(tmp_path / "out").write("objects/x", [], 0)
    assert caught.value.path == tmp_path / "out/objects/x"


def test_a_publisher_does_not_wait_for_a_lock_for_ever(tmp_path: Path) -> None:
    folder = FolderDestination(tmp_path, PublishPolicy(lock_timeout_s=0.0))
    with (
        FileLock(tmp_path / LOCK_NAME, wait_s=0),
        pytest.raises(LockedError, match="another publisher"),
    ):
        folder.change(CATALOG_KEY, lambda _: b"")


def test_leftovers_of_killed_publishers_are_removed_after_a_day(tmp_path: Path) -> None:
    """Fault: a publisher is killed while it writes. dlcore removes what it left after a day."""
    (tmp_path / "objects").mkdir()
    ages_s = {"objects/.a.0.tmp": 90_000, "objects/.b.0.tmp": 80_000, ".catalog.json.0.tmp": 90_000}
    for name, age_s in ages_s.items():
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, time.time() - age_s))
    FolderDestination(tmp_path).change(CATALOG_KEY, lambda _: None)
    assert [name for name in ages_s if (tmp_path / name).exists()] == ["objects/.b.0.tmp"]


@pytest.mark.wine_cannot(reason="makes no symbolic links")
def test_leftovers_are_not_looked_for_through_links(tmp_path: Path) -> None:
    """Fault: a link to another folder is planted in a site. dlcore removes nothing there."""
    elsewhere = tmp_path / "elsewhere" / ".a.0.tmp"
    elsewhere.parent.mkdir()
    elsewhere.touch()
    os.utime(elsewhere, (0, 0))
    site = tmp_path / "site"
    site.mkdir()
    (site / "objects").symlink_to(elsewhere.parent)
    FolderDestination(site).change(CATALOG_KEY, lambda _: b"{}")
    assert elsewhere.exists()


def test_a_leftover_that_a_program_holds_does_not_stop_a_publisher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: a program holds what a killed publisher left. dlcore publishes, and leaves it."""
    at_once = partial(held_files.Patience, pause=lambda _: None)
    monkeypatch.setattr(held_files, "Patience", at_once)  # else it takes a minute on Windows
    left = tmp_path / ".catalog.json.0.tmp"
    left.touch()
    os.utime(left, (0, 0))
    with left.open("rb"):  # Windows does not delete a file that is open
        FolderDestination(tmp_path).change(CATALOG_KEY, lambda _: b"{}")
    assert (tmp_path / CATALOG_KEY).read_bytes() == b"{}"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
@pytest.mark.parametrize("begin", [publish, repair])
def test_a_pipe_in_the_place_of_the_catalog_is_refused(
    tmp_path: Path, begin: Callable[..., object]
) -> None:
    """Fault: a pipe is in the place of a site's catalog. dlcore refuses it, and does not wait."""
    source, out = write_tree(tmp_path / "source", {"a": b"1"}), tmp_path / "out"
    publish(source, package_id="ABC00012", version=1, destination=str(out))
    (out / CATALOG_KEY).unlink()
    os.mkfifo(out / CATALOG_KEY)
    caught: list[StorageError] = []

    def try_it() -> None:
        try:
            begin(source, package_id="ABC00012", destination=str(out))
        except StorageError as error:
            caught.append(error)

    attempt = threading.Thread(target=try_it, daemon=True)
    attempt.start()
    attempt.join(20)
    assert [error.path for error in caught] == [out / CATALOG_KEY]


def test_a_document_of_a_site_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    """Fault: a site's catalog was made huge. dlcore reads no more than a catalog can have."""
    (tmp_path / CATALOG_KEY).write_bytes(bytes(101))
    folder = FolderDestination(tmp_path, PublishPolicy(max_document_bytes=100))
    with pytest.raises(ManifestError, match="longer than 100 bytes"):
        folder.read_whole(CATALOG_KEY)


def test_a_path_up_from_a_folder_that_is_missing_does_not_make_it(tmp_path: Path) -> None:
    """Fault: ``--to a/../site``, and there is no a. dlcore does not make one."""
    source = write_tree(tmp_path / "source", {"file": b"content"})
    where = tmp_path / "a" / ".." / "site"
    publish(source, package_id="ABC00001", version=1, destination=str(where))
    assert {path.name for path in tmp_path.iterdir()} == {"source", "site"}
