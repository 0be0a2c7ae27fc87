"""What is wrong at a destination is written again from the source, and nothing else."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dlcore.errors import ConfigError, IntegrityError, ManifestError, NotFoundError
from dlcore.manifest import digest_of, encode
from dlcore.model import CATALOG_KEY, CatalogEntry, manifest_key
from dlcore.publish import Repaired, publish, repair
from dlcore.publish.admission import with_entry
from dlcore.publish.folder import FolderDestination
from dlcore.publish.layout import without_digests_of_files
from dlcore.publish.preparing import PublishOptions
from dlcore.publish.publishing import publish_to
from dlcore.publish.repairing import repair_at
from dlcore.publish.site import verify_site
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
from tests.publish.test_interruption import Fragile, InterruptionError
from tests.publish.test_site import flip, manifest_of, object_of

TREE = {
    "large.bin": content(5 * BLOCK + 7),
    "other.bin": content(3 * BLOCK),
    **{f"small/{n:02}": content(900 + n, n) for n in range(12)},
}
HARMS: dict[str, Callable[[bytes], bytes]] = {
    "flipped": flip(3),
    "shorter": lambda data: data[:-1],
    "longer": lambda data: data + b"x",
    "empty": lambda data: b"",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "source", TREE)


@pytest.fixture
def site(tmp_path: Path, source: Path) -> Path:
    publish(
        source,
        package_id="ABC00012",
        version=3,
        destination=str(tmp_path / "site"),
        block_bytes=BLOCK,
    )
    return tmp_path / "site"


def repaired(source: Path, site: Path, block_bytes: int = BLOCK) -> Repaired:
    return repair(source, package_id="ABC00012", destination=str(site), block_bytes=block_bytes)


def times(site: Path) -> dict[str, int]:
    return {key: (site / key).stat().st_mtime_ns for key in files_below(site)}


def test_nothing_is_written_where_all_is_right(source: Path, site: Path) -> None:
    before = times(site)
    done = repaired(source, site)
    assert (done.objects, done.rewritten, done.written_bytes, done.version) == (3, (), 0, 3)
    assert times(site) == before


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
@pytest.mark.parametrize("path", ["large.bin", "small/03"])
def test_a_damaged_object_is_rewritten_and_nothing_else(
    source: Path, site: Path, path: str, harm: Callable[[bytes], bytes]
) -> None:
    """Fault: an object at a site is damaged. `publish --repair` rewrites it and nothing else."""
    right, before = files_below(site), times(site)
    key = object_of(site, path)
    (site / key).write_bytes(harm(right[key]))
    assert repaired(source, site).rewritten == (key,)
    assert files_below(site) == right
    after = times(site)
    assert {k: t for k, t in after.items() if k != key} == {
        k: t for k, t in before.items() if k != key
    }


def test_a_missing_object_is_written(source: Path, site: Path) -> None:
    right = files_below(site)
    key = object_of(site, "other.bin")
    (site / key).unlink()
    assert repaired(source, site).rewritten == (key,)
    assert files_below(site) == right


@pytest.mark.parametrize("harm", [*HARMS.values(), None], ids=[*HARMS, "missing"])
def test_a_damaged_manifest_is_made_again(
    source: Path, site: Path, harm: Callable[[bytes], bytes] | None
) -> None:
    """Fault: a manifest at a site is damaged. `publish --repair` makes it again from the source."""
    right = files_below(site)
    key, _ = manifest_of(site)
    if harm is None:
        (site / key).unlink()
    else:
        (site / key).write_bytes(harm(right[key]))
    assert repaired(source, site).rewritten == (key,)
    assert files_below(site) == right


def test_a_manifest_that_other_options_would_give_is_not_written(source: Path, site: Path) -> None:
    key, _ = manifest_of(site)
    (site / key).unlink()
    before = files_below(site)
    with pytest.raises(ConfigError, match="gives another one"):
        repaired(source, site, block_bytes=2 * BLOCK)
    assert files_below(site) == before


def test_the_layout_is_that_of_the_manifest_and_not_of_the_options(
    source: Path, site: Path
) -> None:
    right = files_below(site)
    key = object_of(site, "small/00")
    (site / key).unlink()
    assert repaired(source, site, block_bytes=4 * BLOCK).rewritten == (key,)
    assert files_below(site) == right


def test_a_damaged_manifest_of_schema_1_is_made_again(source: Path, site: Path) -> None:
    _, manifest = manifest_of(site)
    document = encode(without_digests_of_files(manifest))
    entry = CatalogEntry(3, digest_of(document), len(document), manifest.content_bytes)

    def change(current: bytes | None) -> bytes | None:
        return with_entry(current, "ABC00012", entry, replace=True, source="test")

    FolderDestination(site).change(CATALOG_KEY, change)
    key = manifest_key(entry.manifest)
    assert repaired(source, site).rewritten == (key,)
    assert (site / key).read_bytes() == document


def test_what_the_source_does_not_have_stays_wrong_and_is_named_and_the_rest_is_repaired(
    source: Path, site: Path
) -> None:
    """Fault: the source has changed since. `publish --repair` writes only what was published."""
    right = files_below(site)
    keys = [object_of(site, path) for path in ("large.bin", "other.bin", "small/00")]
    for key in keys:
        (site / key).write_bytes(b"wrong")
    (source / "large.bin").write_bytes(content(5 * BLOCK + 7, 99))  # the same length
    (source / "small/07").unlink()
    (source / "new").write_bytes(b"new")
    with pytest.raises(IntegrityError, match=r"2 objects at .* are still wrong") as caught:
        repaired(source, site)
    assert caught.value.path == "large.bin"
    wrong = {keys[0]: b"wrong", keys[2]: b"wrong"}
    assert files_below(site) == {**right, **wrong}


def test_a_package_that_is_not_published_cannot_be_repaired(source: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="ABC00012"):
        repaired(source, tmp_path / "none")


def test_another_version_cannot_be_repaired(source: Path, site: Path) -> None:
    with pytest.raises(ConfigError, match="is at version 3, not 2"):
        repair(source, package_id="ABC00012", version=2, destination=str(site))


def test_a_damaged_catalog_is_never_replaced(source: Path, site: Path) -> None:
    """Fault: the catalog is damaged. `publish --repair` stops; it would lose other packages."""
    (site / CATALOG_KEY).write_bytes(b"{")
    before = files_below(site)
    with pytest.raises(ManifestError, match=CATALOG_KEY):
        repaired(source, site)
    assert files_below(site) == before


@pytest.mark.parametrize("member", ["content_bytes", "manifest_bytes"])
def test_a_catalog_that_contradicts_its_manifest_is_named(
    source: Path, site: Path, member: str
) -> None:
    """Fault: the catalog states another length than the manifest that it names. `publish --repair`
    says so and writes nothing; publishing again mends it.
    """
    catalog = json.loads((site / CATALOG_KEY).read_bytes())
    catalog["packages"]["ABC00012"][member] += 1
    (site / CATALOG_KEY).write_text(json.dumps(catalog))
    before = files_below(site)
    with pytest.raises(IntegrityError, match=CATALOG_KEY) as caught:
        repaired(source, site)
    assert "--replace" in caught.value.remedy
    assert files_below(site) == before
    publish(
        source,
        package_id="ABC00012",
        version=3,
        destination=str(site),
        block_bytes=BLOCK,
        replace=True,
    )
    assert not verify_site(str(site)).faults


KILLED = """
import os, sys
from pathlib import Path
from dlcore.publish import repair
left = int(sys.argv[3])
def progress(_):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), int(sys.argv[4]))
repair(Path(sys.argv[1]), package_id="ABC00012", destination=sys.argv[2], block_bytes=4096,
       progress=progress)
"""


@pytest.mark.parametrize("moments", [0, 2, 3, 4])
def test_a_killed_repair_leaves_the_site_no_worse_and_is_made_good(
    source: Path, site: Path, moments: int
) -> None:
    """Fault P1: repairing is killed. Each object is as it was, or right, and repair goes on."""
    right = files_below(site)
    wrong = dict(right)
    for path in ("large.bin", "other.bin", "small/00"):
        key = object_of(site, path)
        wrong[key] = flip(9)(right[key])
        (site / key).write_bytes(wrong[key])
    command = [sys.executable, "-c", KILLED, str(source), str(site), str(moments), KILL]
    assert subprocess.run(command, check=False).returncode in KILLED_STATUS
    for key in right:
        assert (site / key).read_bytes() in (wrong[key], right[key])
    repaired(source, site)
    for key in right:
        assert (site / key).read_bytes() == right[key]


def test_an_interruption_at_any_moment_leaves_the_site_no_worse_and_is_made_good(
    tmp_path: Path,
) -> None:
    """Fault P1: repairing is cut off at any moment. Each object is as it was, or right."""
    source = write_tree(tmp_path / "source", TREE)
    options = PublishOptions("ABC00012", 1, BLOCK)
    before = tmp_path / "before"
    publish_to(FolderDestination(before), source, options, lambda _: None)
    right = files_below(before)
    interrupted = 0
    for moments in itertools.count():
        root = tmp_path / f"out {moments}"
        shutil.copytree(before, root)
        wrong = dict(right)
        key, _ = manifest_of(root)
        for harmed in (key, object_of(root, "large.bin"), object_of(root, "small/00")):
            wrong[harmed] = flip(9)(right[harmed])
            (root / harmed).write_bytes(wrong[harmed])
        try:
            repair_at(
                Fragile(root, moments), source, options, lambda _: None, catalog=right[CATALOG_KEY]
            )
        except InterruptionError:
            interrupted += 1
        else:
            break
        for name, data in files_below(root).items():
            assert data in (wrong[name], right[name])
        repair_at(
            FolderDestination(root), source, options, lambda _: None, catalog=right[CATALOG_KEY]
        )
        assert files_below(root) == right
    assert interrupted > 10
    assert published_tree(from_folder(root), "ABC00012") == TREE
