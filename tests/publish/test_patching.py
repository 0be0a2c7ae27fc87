"""Patches as they are published: what is made, and how the commands that walk a site know it."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from io import BytesIO
from pathlib import Path

import pytest

from dlcore.errors import ConfigError, DiskFullError, IntegrityError, NotFoundError, StorageError
from dlcore.model import patch_list_key
from dlcore.patches import PatchList, apply, decode_patch_list
from dlcore.publish import Progress, Published, Stage, Wrong, prune, publish, repair, verify_site
from dlcore.publish.folder import FolderDestination
from dlcore.publish.old_versions import open_old_versions
from dlcore.publish.patching import MadePatches
from dlcore.publish.policy import DEFAULT_POLICY
from dlcore.publish.preparing import PublishOptions, hash_files, list_files
from tests.no_temporary_folder import take_away_temporary_files
from tests.publish.helpers import BLOCK, content, write_tree

ID = "ABC00012"
LARGE = content(20 * BLOCK)
OLD = {
    "large.dll": LARGE,
    "moved.dll": content(6 * BLOCK),
    "same.dll": content(5 * BLOCK),
    **{f"inf/{n:02}.inf": content(500, n) for n in range(30)},
}
NEW = {
    **{path: data for path, data in OLD.items() if path != "moved.dll"},
    "large.dll": LARGE[:9_000] + b"new" + LARGE[9_100:],
    "sub/moved too.dll": content(6 * BLOCK),
    "inf/07.inf": content(500, 7)[:100] + b"new",
    "inf/added.inf": b"; comment\n" * 40,
}


def published(root: Path, version: int, *patch_from: str, **options: object) -> Published:
    folder = root / f"v{version}"
    if not folder.exists():
        write_tree(folder, OLD if version == 1 else NEW)
    return publish(
        folder,
        package_id=ID,
        version=version,
        destination=str(root / "site"),
        block_bytes=BLOCK,
        patch_from=patch_from,
        **options,  # type: ignore[arg-type]
    )


def names(root: Path, folder: str) -> set[str]:
    return {path.name for path in (root / "site" / folder).iterdir()}


def listed(root: Path, made: Published) -> PatchList:
    document = (root / "site" / patch_list_key(made.manifest)).read_bytes()
    return decode_patch_list(document, source="site")


class FullDisk(BytesIO):
    """A file with no room, whose buffer cannot be written when it is closed either."""

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        super().close()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_with_no_room_for_patches_is_named(tmp_path: Path) -> None:
    """Fault: the disk is full while patches are made. dlcore names the disk, and publishes none."""
    published(tmp_path, 1)
    write_tree(tmp_path / "v2", NEW)
    target = FolderDestination(tmp_path / "site")
    options = PublishOptions(ID, 2, BLOCK, patch_from=("1",))
    source = list_files(tmp_path / "v2", options, DEFAULT_POLICY)
    old = open_old_versions(options.patch_from, target, options, DEFAULT_POLICY)
    manifest = hash_files(source, 2, options, lambda _: None, DEFAULT_POLICY)
    made = MadePatches(
        *(source, manifest, "0" * 64, DEFAULT_POLICY),
        folder=tmp_path / "site",
        open_waiting=lambda _: FullDisk(),
    )
    with pytest.raises(DiskFullError, match="site"), made:
        made.make(old, lambda *_: None)


def test_each_patch_gives_its_new_file(tmp_path: Path) -> None:
    published(tmp_path, 1)
    made = published(tmp_path, 2, "1")
    patches = listed(tmp_path, made)
    paths = sorted(NEW)
    given = {}
    for patch in patches.patches:
        old = OLD[patch.old.path] if patch.old else b""
        if patch.old:
            assert hashlib.sha256(old).digest() == patch.old.sha256
        if patch.length_bytes:
            name = patches.objects[patch.object].name
            data = (tmp_path / "site" / "objects" / name).read_bytes()
            part = data[patch.offset_bytes : patch.offset_bytes + patch.length_bytes]
            old = apply(old, part, len(NEW[paths[patch.file]]))
        given[paths[patch.file]] = old
    assert given == {
        path: NEW[path]
        for path in ("large.dll", "sub/moved too.dll", "inf/07.inf", "inf/added.inf")
    }
    assert (made.patches, made.patch_bytes) == (4, patches.content.content_bytes)
    assert made.patch_bytes < 1_000


def test_a_version_and_the_folder_that_it_was_published_from_give_the_same(tmp_path: Path) -> None:
    first = published(tmp_path, 1)
    for named in ("1", str(tmp_path / "v1"), first.manifest):
        made = published(tmp_path, 2, named)
        site = {p: p.stat().st_mtime_ns for p in (tmp_path / "site" / "objects").iterdir()}
        if named == "1":
            known = listed(tmp_path, made), site.keys()
        assert (listed(tmp_path, made), site.keys()) == known


def test_publishing_again_writes_no_object_again(tmp_path: Path) -> None:
    published(tmp_path, 1)
    published(tmp_path, 2, "1")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "site" / "objects").iterdir()}
    published(tmp_path, 2, "1")
    published(tmp_path, 2)
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "site" / "objects").iterdir()} == before
    assert verify_site(str(tmp_path / "site")).faults == ()


def test_a_damaged_patch_is_found_by_verify_and_mended_by_publishing_again(tmp_path: Path) -> None:
    published(tmp_path, 1)
    made = published(tmp_path, 2, "1")
    path = tmp_path / "site" / "objects" / listed(tmp_path, made).objects[0].name
    path.write_bytes(bytes(path.stat().st_size))
    (fault,) = verify_site(str(tmp_path / "site")).faults
    assert (fault.key, fault.wrong) == (f"objects/{path.name}", Wrong.MISMATCH)
    published(tmp_path, 2, "1")
    assert verify_site(str(tmp_path / "site")).faults == ()


@pytest.mark.parametrize("document", [b"{}", b"", b'{"schema":2}'])
def test_a_patch_list_that_no_client_can_use_is_a_fault(tmp_path: Path, document: bytes) -> None:
    published(tmp_path, 1)
    made = published(tmp_path, 2, "1")
    key = patch_list_key(made.manifest)
    (tmp_path / "site" / key).write_bytes(document)
    report = verify_site(str(tmp_path / "site"))
    assert [(fault.key, fault.wrong) for fault in report.faults] == [(key, Wrong.MALFORMED)]


@pytest.mark.parametrize("is_repair", [True, False], ids=["repair", "publish"])
@pytest.mark.parametrize("what", ["object", "list"])
def test_damaged_patches_are_removed_where_nothing_can_make_them_anew(
    tmp_path: Path, what: str, is_repair: bool
) -> None:
    """Fault: a patch or a patch list is damaged. dlcore removes it, and clients fetch blocks."""
    published(tmp_path, 1)
    made = published(tmp_path, 2, "1")
    key, name = patch_list_key(made.manifest), listed(tmp_path, made).objects[0].name
    expected = (key,) if what == "list" else (key, f"objects/{name}")
    path = tmp_path / "site" / expected[-1]
    path.write_bytes(b"x" + path.read_bytes()[1:])
    site = str(tmp_path / "site")
    foreseen = published(tmp_path, 2, dry_run=True).patches_removed
    assert [fault.key for fault in verify_site(site).faults] == [expected[-1]]
    if is_repair:
        folder = tmp_path / "v2"
        done = repair(folder, package_id=ID, destination=site, block_bytes=BLOCK).patches_removed
    else:
        done = published(tmp_path, 2).patches_removed
    assert (foreseen, done) == (expected, expected)
    assert verify_site(site).faults == ()
    published(tmp_path, 2, "1")
    assert listed(tmp_path, made).objects[0].name == name
    assert verify_site(site).faults == ()


def test_verify_knows_what_is_needed_for_patches_of_the_current_version(tmp_path: Path) -> None:
    published(tmp_path, 1)
    old_needs = names(tmp_path, "objects")
    made = published(tmp_path, 2, "1")
    report = verify_site(str(tmp_path / "site"))
    assert report.unreferenced is not None
    patches = {f"objects/{item.name}" for item in listed(tmp_path, made).objects}
    assert not patches & set(report.unreferenced)
    assert {key.rpartition("/")[2] for key in report.unreferenced if "objects" in key} < old_needs
    assert not [key for key in report.unreferenced if key.startswith("patches/")]


def age(root: Path) -> None:
    for path in (root / "site").rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - 90_000,) * 2)


def test_pruning_keeps_the_patches_of_what_it_keeps_and_removes_the_others(tmp_path: Path) -> None:
    site = str(tmp_path / "site")
    published(tmp_path, 1)
    second = published(tmp_path, 2, "1")
    of_second = {item.name for item in listed(tmp_path, second).objects}
    age(tmp_path)
    prune(site, keep=1)
    assert verify_site(site).faults == ()
    assert of_second <= names(tmp_path, "objects")
    publish(tmp_path / "v1", package_id=ID, version=3, destination=site, block_bytes=BLOCK)
    age(tmp_path)
    foreseen = prune(site, keep=1, dry_run=True)
    pruned = prune(site, keep=1)
    assert pruned == foreseen
    assert names(tmp_path, "patches") == set()
    assert not of_second & names(tmp_path, "objects")
    assert verify_site(site).unreferenced == ()


def test_a_dry_run_tells_and_writes_nothing(tmp_path: Path) -> None:
    published(tmp_path, 1)
    before = sorted((tmp_path / "site").rglob("*"))
    told = published(tmp_path, 2, "1", dry_run=True)
    assert sorted((tmp_path / "site").rglob("*")) == before
    made = published(tmp_path, 2, "1")
    assert (told.patches, told.patch_bytes) == (made.patches, made.patch_bytes)


def test_several_old_versions_have_patches_of_their_own(tmp_path: Path) -> None:
    published(tmp_path, 1)
    other = write_tree(tmp_path / "other", {**OLD, "large.dll": LARGE[:-50]})
    made = published(tmp_path, 2, "1", str(other))
    patches = listed(tmp_path, made)
    of_large = [p for p in patches.patches if p.file == sorted(NEW).index("large.dll")]
    assert {p.old.length_bytes for p in of_large if p.old} == {20 * BLOCK, 20 * BLOCK - 50}
    assert len({p.object for p in of_large}) == 2  # a client fetches what it needs of them
    assert len({(p.file, p.old) for p in patches.patches}) == len(patches.patches)


def test_patches_wait_on_the_disk_of_the_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault D12: there is no temporary folder, or one on a small disk. dlcore publishes all the
    same: what is unfinished lies on the disk of the site.
    """
    take_away_temporary_files(tmp_path / "gone", monkeypatch)
    published(tmp_path, 1)
    made = published(tmp_path, 2, "1")
    assert listed(tmp_path, made).patches
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site", "v1", "v2"]
    assert not list((tmp_path / "site").rglob("*.tmp"))


def test_patches_of_a_new_site_wait_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tree(tmp_path / "v1", OLD)
    take_away_temporary_files(tmp_path / "gone", monkeypatch)
    made = published(tmp_path, 2, str(tmp_path / "v1"))
    assert listed(tmp_path, made).patches
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site", "v1", "v2"]


def test_a_dry_run_without_a_temporary_folder_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(tmp_path, 1)
    take_away_temporary_files(tmp_path / "gone", monkeypatch)
    with pytest.raises(StorageError, match="TMPDIR"):
        published(tmp_path, 2, "1", dry_run=True)


def test_progress_of_patching_is_told_to_the_end(tmp_path: Path) -> None:
    published(tmp_path, 1)
    heard: list[Progress] = []
    published(tmp_path, 2, "1", progress=heard.append)
    patched = [each for each in heard if each.stage is Stage.PATCH]
    assert patched[-1].done_bytes == patched[-1].total_bytes > 20 * BLOCK


@pytest.mark.parametrize("named", ["no/such/folder", "1.5", "-1", ""])
def test_what_is_neither_a_version_nor_a_folder_is_refused(tmp_path: Path, named: str) -> None:
    published(tmp_path, 1)
    with pytest.raises(ConfigError, match="neither a version nor a folder"):
        published(tmp_path, 2, named)
    with pytest.raises(NotFoundError):
        published(tmp_path, 2, "7")
    assert not (tmp_path / "site" / "patches").exists()


def test_an_old_version_that_is_damaged_at_the_site_is_refused(tmp_path: Path) -> None:
    first = published(tmp_path, 1)
    for path in (tmp_path / "site" / "objects").iterdir():
        path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(IntegrityError, match="is damaged, so no patch can be made from it"):
        published(tmp_path, 2, "1")
    assert first.manifest in (tmp_path / "site" / "catalog.json").read_text()
