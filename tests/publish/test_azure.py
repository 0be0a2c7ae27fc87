"""Publishing to a real Azure Blob server."""

from __future__ import annotations

import os
import re
import threading
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dlcore.errors import AuthError, ConfigError, NotFoundError, StorageError, TransferError
from dlcore.model import CATALOG_KEY
from dlcore.publish import Progress, Published, Stage, publish, repair, verify_site
from dlcore.publish.bucket import BucketDestination
from dlcore.publish.policy import PublishPolicy
from dlcore.publish.pruning import Pruning
from dlcore.publish.replaced import Limits
from dlcore.publish.stored import Wrong
from tests.azurite import Azurite
from tests.publish.helpers import Read, content, published_tree, sample, write_tree

DAY_S = 86_400.0
NAMES = (f"publish{n}" for n in range(1000))


@pytest.fixture
def container(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> str:
    """A container of its own, and the environment to write to it."""
    for name, value in azurite.environment().items():
        monkeypatch.setenv(name, value)
    name = next(NAMES)
    azurite.create_container(name)
    return name


@pytest.fixture
def read(azurite: Azurite, container: str) -> Read:
    """Reads blobs below the prefix as a client would, with a signature."""
    signature = azurite.container_sas(container)

    def read_key(key: str) -> bytes:
        url = f"{azurite.url}/{container}/pre/fix/{key}?{signature}"
        with urllib.request.urlopen(url, timeout=30) as response:
            data: bytes = response.read()
            return data

    return read_key


def publish_to_container(
    source: Path,
    container: str,
    package_id: str = "ABC00012",
    version: int = 1,
    progress: Callable[[Progress], None] | None = None,
) -> Published:
    return publish(
        source,
        package_id=package_id,
        version=version,
        destination=f"az://{container}/pre/fix",
        progress=progress,
    )


def test_a_folder_survives_the_round_trip_and_is_sent_once(
    tmp_path: Path, container: str, read: Read
) -> None:
    tree = {**sample(), "in many parts": content(20_000_000)}
    source = write_tree(tmp_path / "source", tree)
    first = publish_to_container(source, container)
    assert published_tree(read, "ABC00012") == tree
    again = publish_to_container(source, container)
    assert (again.objects_written, again.objects_present) == (0, first.objects_written)
    assert again.manifest == first.manifest


def test_a_damaged_blob_is_written_again_and_a_right_one_is_not_read(
    azurite: Azurite, tmp_path: Path, container: str, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: a blob was replaced behind dlcore's back. `publish` sees that, and writes it again."""
    tree = {"small": content(5000), "in many parts": content(20_000_000)}
    source = write_tree(tmp_path / "source", tree)
    publish_to_container(source, container)
    (damaged,) = [
        name
        for name in blobs(azurite, container, "objects/")
        if read(name)[:4] == tree["small"][:4]
    ]
    azurite.put_blob(container, f"pre/fix/{damaged}", b"\0" + tree["small"][1:])
    ranges: list[str] = []
    plain = BucketDestination.read

    def noted(self: BucketDestination, key: str, start: int, end: int) -> memoryview:
        ranges.append(key)
        return plain(self, key, start, end)

    monkeypatch.setattr(BucketDestination, "read", noted)
    again = publish_to_container(source, container)
    assert (again.objects_written, again.objects_rewritten) == (1, 1)
    assert ranges == [damaged]  # the other one has its content address beside it
    assert published_tree(read, "ABC00012") == tree


def test_a_blob_without_address_is_read_and_kept_if_it_is_right(
    azurite: Azurite, tmp_path: Path, container: str, read: Read
) -> None:
    source = write_tree(tmp_path / "source", {"file": content(20_000_000)})
    publish_to_container(source, container)
    (name,) = blobs(azurite, container, "objects/")
    azurite.put_blob(container, f"pre/fix/{name}", read(name))
    again = publish_to_container(source, container)
    assert (again.objects_written, again.objects_present) == (0, 1)


def test_a_site_in_a_container_is_verified_and_repaired(
    azurite: Azurite, tmp_path: Path, container: str, read: Read
) -> None:
    tree = {**sample(), "in many parts": content(20_000_000)}
    source = write_tree(tmp_path / "source", tree)
    publish_to_container(source, container)
    where = f"az://{container}/pre/fix"
    report = verify_site(where)
    assert (report.faults, report.unreferenced) == ((), ())
    name, *_ = blobs(azurite, container, "objects/")
    right = read(name)
    azurite.put_blob(container, f"pre/fix/{name}", right[:-1] + bytes([right[-1] ^ 1]))
    azurite.put_blob(container, "pre/fix/objects/nobody's", b"x")
    report = verify_site(where)
    assert {(fault.key, fault.wrong) for fault in report.faults} == {(name, Wrong.MISMATCH)}
    assert report.unreferenced == ("objects/nobody's",)
    assert repair(source, package_id="ABC00012", destination=where).rewritten == (name,)
    assert verify_site(where).faults == ()
    assert published_tree(read, "ABC00012") == tree


def blobs(azurite: Azurite, container: str, folder: str) -> list[str]:
    """Names of the blobs in a folder of the site, without its prefix."""
    query = f"restype=container&comp=list&prefix=pre/fix/{folder}"
    url = f"{azurite.url}/{container}?{query}&{azurite.container_sas(container)}"
    with urllib.request.urlopen(url, timeout=30) as response:
        return [
            name.decode() for name in re.findall(rb"<Name>pre/fix/(.*?)</Name>", response.read())
        ]


def test_all_entries_of_publishers_at_work_at_once_survive(
    tmp_path: Path, container: str, read: Read
) -> None:
    ids = [f"ABC0000{n}" for n in range(6)]
    start = threading.Barrier(len(ids))

    def publish_one(package_id: str) -> None:
        source = write_tree(tmp_path / package_id, {"file": package_id.encode()})
        start.wait()
        publish_to_container(source, container, package_id)

    with ThreadPoolExecutor(len(ids)) as pool:
        list(pool.map(publish_one, ids))
    for package_id in ids:
        assert published_tree(read, package_id) == {"file": package_id.encode()}


def test_a_catalog_that_changes_every_time_is_given_up_on(container: str) -> None:
    policy = PublishPolicy(max_catalog_attempts=3)
    store, rival = (BucketDestination(f"az://{container}/pre/fix", policy) for _ in range(2))
    calls: list[bytes | None] = []

    def change(current: bytes | None) -> bytes:
        calls.append(current)
        rival.change(CATALOG_KEY, lambda _: b"rival %d" % len(calls))
        return b"ours"

    with pytest.raises(TransferError, match="3 times in a row"):
        store.change(CATALOG_KEY, change)
    assert calls == [None, b"rival 1", b"rival 2"]
    assert store.read_whole(CATALOG_KEY) == b"rival 3"


def test_other_content_of_the_same_version_is_refused(tmp_path: Path, container: str) -> None:
    publish_to_container(write_tree(tmp_path / "one", {"a": b"1"}), container)
    with pytest.raises(
        ConfigError, match=r"az://.*/catalog.json: ABC00012 version 1 already has other"
    ):
        publish_to_container(write_tree(tmp_path / "two", {"a": b"2"}), container)


@pytest.mark.parametrize("length", [1000, 30_000_000])
def test_a_file_that_changes_meanwhile_never_appears(
    azurite: Azurite, tmp_path: Path, container: str, length: int
) -> None:
    source = write_tree(tmp_path / "source", {"file": content(length)})

    def progress(at: Progress) -> None:
        if at.stage is Stage.HASH and at.done_bytes == at.total_bytes:
            with (source / "file").open("r+b") as file:
                file.seek(-1, os.SEEK_END)
                file.write(b"!")

    with pytest.raises(StorageError, match="changed while") as caught:
        publish_to_container(source, container, progress=progress)
    assert caught.value.path == source / "file"
    listing = f"{azurite.url}/{container}?restype=container&comp=list"
    with urllib.request.urlopen(f"{listing}&{azurite.container_sas(container)}") as response:
        assert b"<Blobs/>" in response.read()


def test_a_signature_in_the_environment_is_enough(
    azurite: Azurite,
    tmp_path: Path,
    container: str,
    read: Read,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_KEY")
    sas = azurite.container_sas(container, permissions="rwcl")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", sas)
    publish_to_container(write_tree(tmp_path / "source", {"a": b"1"}), container)
    assert published_tree(read, "ABC00012") == {"a": b"1"}


def test_a_signature_that_does_not_suffice_is_never_shown(
    azurite: Azurite, tmp_path: Path, container: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_KEY")
    sas = azurite.container_sas(container, permissions="r")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", sas)
    with pytest.raises(AuthError) as caught:
        publish_to_container(write_tree(tmp_path / "source", {"a": b"1"}), container)
    shown = repr(caught.value) + caught.value.remedy + repr(caught.value.__cause__)
    assert sas.rpartition("sig=")[2] not in shown
    assert "AuthorizationPermissionMismatch" not in caught.value.message
    assert f"az://{container}/pre/fix" in caught.value.message


def test_a_container_that_does_not_exist_is_named(tmp_path: Path, container: str) -> None:
    source = write_tree(tmp_path / "source", {"a": b"1"})
    with pytest.raises(NotFoundError, match="az://missing/pre/fix") as caught:
        publish(source, package_id="ABC00012", version=1, destination="az://missing/pre/fix")
    assert "container" in caught.value.remedy


def test_old_versions_are_removed_from_a_container(
    container: str, read: Read, tmp_path: Path
) -> None:
    for version in (1, 2):
        source = write_tree(tmp_path / f"v{version}", {"file": content(5000, version)})
        publish_to_container(source, container, version=version)
    target = BucketDestination(f"az://{container}/pre/fix")
    kept = {each.key for each in target.list_folder("objects")}

    def pruning(policy: PublishPolicy) -> Pruning:
        return Pruning(target, lambda: target.read_whole(CATALOG_KEY), Limits(1, None), policy)

    assert pruning(PublishPolicy()).run().versions == ()  # all is young
    done = pruning(PublishPolicy(stale_s=-DAY_S)).run()
    assert ([each.version for each in done.versions], done.objects) == ([1], 1)
    assert {each.key for each in target.list_folder("objects")} < kept
    assert published_tree(read, "ABC00012") == {"file": content(5000, 2)}
    target.remove(["objects/none", *kept])  # what is not there does not matter
    assert not list(target.list_folder("objects"))
