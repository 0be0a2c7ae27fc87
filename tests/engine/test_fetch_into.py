"""A fetch by itself, broken off where only its own bookkeeping is left to do."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from pathlib import Path

import msgspec
import pytest

from dlcore.engine.delivery.deliveries import Deliveries
from dlcore.engine.delivery.one_file import OneFile
from dlcore.engine.delivery.own_folder import OwnFolder
from dlcore.engine.documents.manifests import load_manifest
from dlcore.engine.download.downloads import Downloads
from dlcore.engine.download.packages import Retry
from dlcore.engine.events import Event, PackageReady
from dlcore.engine.fetching.fetch import fetch
from dlcore.engine.fetching.fetch_into import Fetched
from dlcore.errors import ExhaustedError, IntegrityError, LockedError, NotFoundError, OwnershipError
from dlcore.long_path import plain_path
from dlcore.manifest import encode
from dlcore.model import Object, object_key
from dlcore.store import Store
from tests.cli.files import mirror
from tests.engine.scene import publish_packages
from tests.no_temporary_folder import take_away_temporary_files
from tests.users import ADVERSARY, folder_of, give, needs_root

PACKAGE = "ABC00001"


def test_what_was_delivered_and_then_taken_away_is_fetched_again(tmp_path: Path) -> None:
    published = publish_packages(tmp_path, {PACKAGE: {"file": 10_000}})
    goal = OwnFolder(tmp_path / "to", Deliveries(tmp_path / "records"))
    stored: list[Path] = []

    async def start(*, breaks_off: bool) -> Fetched:
        def hear(event: Event) -> None:
            if breaks_off and isinstance(event, PackageReady):
                stored.append(Path(event.path))
                task.cancel()

        task = asyncio.ensure_future(
            fetch(
                PACKAGE,
                to=goal.path,
                endpoints=[str(published)],
                catalog=published / "catalog.json",
                on_event=hear,
            )
        )
        return await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(start(breaks_off=True))
    goal.deliver(stored[0], load_manifest(stored[0].parent / "manifest.json"))
    shutil.rmtree(goal.path)
    fetched = asyncio.run(start(breaks_off=False))
    assert fetched.bytes_fetched == 10_000
    assert (goal.path / "file").stat().st_size == 10_000
    assert not goal.state.exists()


def test_a_fetch_needs_no_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault D12: there is no temporary folder, or one on another disk. dlcore fetches into the disk
    of the target, and leaves nothing but it.
    """
    take_away_temporary_files(tmp_path / "gone", monkeypatch)
    published = publish_packages(tmp_path, {PACKAGE: {"folder/file": 10_000}})
    before = {path.name for path in tmp_path.iterdir()}
    assert _fetch(published, tmp_path / "to").bytes_fetched == 10_000
    assert {path.name for path in tmp_path.iterdir()} - before == {"to"}


@needs_root
@pytest.mark.parametrize("planted", ["", "folder", "folder/file"])
def test_right_content_that_another_user_owns_is_replaced(tmp_path: Path, planted: str) -> None:
    """Fault: a target is right, but another user owns part of it. dlcore replaces it by its own."""
    published = publish_packages(tmp_path, {PACKAGE: {"folder/file": 10_000, "other": 5}})
    to = tmp_path / "to"
    shutil.copytree(tmp_path / "source" / PACKAGE, to)
    os.chown(to / planted, ADVERSARY, ADVERSARY)
    fetched = _fetch(published, to)
    assert fetched.bytes_fetched == 0
    assert {path.stat().st_uid for path in [to, *to.rglob("*")]} == {os.geteuid()}
    assert (to / "folder" / "file").read_bytes() == _source(tmp_path, "folder/file")


@needs_root
def test_right_content_in_a_folder_that_others_may_change_is_refused(tmp_path: Path) -> None:
    """Fault: others may rename a right target. dlcore refuses it as it refuses a new one."""
    published = publish_packages(tmp_path, {PACKAGE: {"file": 10_000}})
    parent = tmp_path / "open"
    shutil.copytree(tmp_path / "source" / PACKAGE, parent / "to")
    parent.chmod(0o777)
    with pytest.raises(OwnershipError, match="writable by others"):
        _fetch(published, parent / "to")
    assert (parent / "to" / "file").read_bytes() == _source(tmp_path, "file")


@needs_root
def test_root_fetches_nothing_to_where_a_link_of_another_user_leads(tmp_path: Path) -> None:
    """Fault: root fetches into a user's folder, where that user has put a link to one of root's.
    dlcore refuses the link by name.
    """
    published = publish_packages(tmp_path, {PACKAGE: {"file": 10_000}})
    (tmp_path / "roots").mkdir()
    with folder_of(ADVERSARY) as folder:
        (folder / "to").symlink_to(tmp_path / "roots")
        give(folder / "to", ADVERSARY)
        for to in (folder / "to", folder / "to" / "below"):
            with pytest.raises(OwnershipError, match="is a link of"):
                _fetch(published, to)
    assert not [*(tmp_path / "roots").iterdir()]


@needs_root
def test_a_right_single_file_that_another_user_owns_is_refused(tmp_path: Path) -> None:
    """Fault: a fetched file is right, but another user owns it. dlcore refuses it by name."""
    published = publish_packages(tmp_path, {PACKAGE: {"file": 10_000}})
    manifest = load_manifest(next((published / "manifests").iterdir()))
    shutil.copytree(tmp_path / "source" / PACKAGE, tmp_path / "to")
    os.chown(tmp_path / "to" / "file", ADVERSARY, ADVERSARY)
    goal = OneFile(tmp_path / "to", "file", Deliveries(tmp_path / "records"))
    with pytest.raises(OwnershipError, match=f"file is owned by user {ADVERSARY}"):
        goal.look(manifest)


def test_nothing_is_kept_of_a_file_with_one_digest_that_is_wrong(tmp_path: Path) -> None:
    """Fault: every endpoint serves a file wrong that has one digest. dlcore keeps nothing of it."""
    published = publish_packages(tmp_path, {PACKAGE: {"file": 10_000}})
    manifest = load_manifest(next((published / "manifests").iterdir()))
    wrong = Object("00" * 32, 10_000, sha256=bytes(32))
    (published / object_key(wrong.name)).write_bytes(bytes(10_000))
    document = tmp_path / "wrong.json"
    document.write_bytes(encode(msgspec.structs.replace(manifest, objects=(wrong,))))
    with pytest.raises(IntegrityError) as caught:
        asyncio.run(
            fetch(document, to=tmp_path / "to", endpoints=[str(published)], retry=Retry(0, 0.0))
        )
    assert "of it are kept" not in caught.value.remedy
    assert {path.name for path in tmp_path.iterdir()} == {"source", "published", "wrong.json"}


def test_a_file_with_one_digest_that_broke_off_is_kept(tmp_path: Path) -> None:
    """Fault: a file that has one digest breaks off half way. dlcore keeps what has arrived."""
    published = publish_packages(tmp_path, {PACKAGE: {"file": 4 << 20}})
    manifest = load_manifest(next((published / "manifests").iterdir()))
    content = (published / object_key(manifest.objects[0].name)).read_bytes()
    digest = hashlib.sha256(content)
    whole = Object(digest.hexdigest(), len(content), sha256=digest.digest())
    document = tmp_path / "whole.json"
    document.write_bytes(encode(msgspec.structs.replace(manifest, objects=(whole,))))
    with mirror(content[: 2 << 20]) as server:
        server.claimed_bytes = len(content)
        fetching = fetch(
            document, to=tmp_path / "to", endpoints=[server.url("")], retry=Retry(0, 0.0)
        )
        with pytest.raises(ExhaustedError) as caught:
            asyncio.run(fetching)
    assert "of it are kept" in caught.value.remedy


def test_a_folder_that_is_not_there_is_told_before_anything_is_made(tmp_path: Path) -> None:
    published = publish_packages(tmp_path, {PACKAGE: {"file": 10_000}})
    fetching = fetch(
        PACKAGE,
        to=tmp_path / "to",
        endpoints=[str(tmp_path / "nowhere")],
        catalog=published / "catalog.json",
        retry=Retry(0, 0.0),
    )
    with pytest.raises(NotFoundError, match="nowhere"):
        asyncio.run(fetching)
    assert {path.name for path in tmp_path.iterdir()} == {"source", "published"}


def test_what_is_kept_of_a_failed_fetch_is_told(tmp_path: Path) -> None:
    """Fault: no endpoint has all of a package. dlcore keeps what it got, and says where."""
    published = publish_packages(tmp_path, {PACKAGE: {"a": 3 << 20, "b": 2 << 20}})
    for path in (published / "objects").iterdir():
        if path.stat().st_size == 2 << 20:
            path.write_bytes(bytes(2 << 20))
    with pytest.raises(IntegrityError) as caught:
        _fetch(published, tmp_path / "to", Retry(0, 0.0))
    assert f"of it are kept in {tmp_path / '.to.dlcore'}" in caught.value.remedy
    assert (tmp_path / ".to.dlcore").is_dir()


def test_a_manifest_that_no_endpoint_has_is_told_with_each_reason(tmp_path: Path) -> None:
    published = publish_packages(tmp_path, {PACKAGE: {"file": 10_000}})
    for path in (published / "manifests").iterdir():
        path.unlink()
    with pytest.raises(NotFoundError, match="no endpoint has the manifest of package ABC00001"):
        _fetch(published, tmp_path / "to", Retry(0, 0.0))


def test_a_fetch_is_capped_and_tried_again_as_its_caller_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[object] = []
    monkeypatch.setattr(Downloads, "set_cap", lambda _, cap: said.append(cap))
    monkeypatch.setattr(Downloads, "set_retry", lambda _, retry: said.append(retry))
    published = publish_packages(tmp_path, {PACKAGE: {"file": 10_000}})
    asyncio.run(
        fetch(
            PACKAGE,
            to=tmp_path / "to",
            endpoints=[str(published)],
            catalog=published / "catalog.json",
            retry=Retry(7, 0.5),
            cap_bytes_per_s=5e8,
        )
    )
    assert said == [Retry(7, 0.5), 5e8]


def _fetch(published: Path, to: Path, retry: Retry | None = None) -> Fetched:
    catalog = published / "catalog.json"
    return asyncio.run(
        fetch(PACKAGE, to=to, endpoints=[str(published)], catalog=catalog, retry=retry)
    )


def _source(root: Path, name: str) -> bytes:
    return (root / "source" / PACKAGE / name).read_bytes()


def test_an_event_names_paths_as_other_programs_do(tmp_path: Path) -> None:
    """Fault: a program that hears events cannot open marked paths. dlcore tells them plainly."""
    published = publish_packages(tmp_path, {PACKAGE: {"file": 10_000}})
    heard: list[Event] = []
    asyncio.run(
        fetch(
            PACKAGE,
            to=tmp_path / "to",
            endpoints=[str(published)],
            catalog=published / "catalog.json",
            deliveries=tmp_path / "records",
            on_event=heard.append,
        )
    )
    paths = [event.path for event in heard if isinstance(event, PackageReady)]
    assert paths
    assert all(Path(path).is_relative_to(tmp_path) for path in paths)


async def test_a_second_fetch_into_a_folder_is_told_of_the_first(tmp_path: Path) -> None:
    """Fault: two commands fetch into one folder. dlcore speaks of that folder, and of no other."""
    published = publish_packages(tmp_path, {PACKAGE: {"file": 10_000}})
    goal = OwnFolder(tmp_path / "to", Deliveries(tmp_path / "records"))
    with Store.open(goal.state), pytest.raises(LockedError) as raised:
        await fetch(PACKAGE, to=goal.path, endpoints=[str(published)])
    told = raised.value
    assert told.message.endswith(f"fetches into {plain_path(goal.path)} at present")
    assert f"process {os.getpid()} on" in told.message
    assert "state directory" not in f"{told.message} {told.remedy}"
    assert told.path
    assert plain_path(told.path) == plain_path(goal.path)
    assert "choose another folder" in told.remedy
