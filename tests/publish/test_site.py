"""Everything that can be wrong at a published site is named, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.errors import ConfigError, ManifestError, NotFoundError, TransferError
from dlcore.manifest import decode, digest_of, encode
from dlcore.model import CATALOG_KEY, Manifest, manifest_key, object_key
from dlcore.publish import SiteFault, SiteReport, prune, publish, verify_site
from dlcore.publish.folder import FolderDestination
from dlcore.publish.policy import DEFAULT_POLICY
from dlcore.publish.site import SiteCheck
from dlcore.publish.stored import Wrong
from tests.nginx import running
from tests.publish.helpers import BLOCK, content, files_below, write_tree

SHARED = content(2 * BLOCK, 5)
TREE = {
    "large.bin": content(5 * BLOCK + 7),
    "shared.bin": SHARED,
    **{f"small/{n:02}": content(900 + n, n) for n in range(12)},
    "empty": b"",
    "nothing": None,
}
OTHER = {"same.bin": SHARED, "own.bin": content(BLOCK, 8)}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site with two packages that share an object."""
    for package_id, tree in (("ABC00012", TREE), ("ABC00013", OTHER)):
        source = write_tree(tmp_path / package_id, tree)
        publish(
            source,
            package_id=package_id,
            version=1,
            destination=str(tmp_path / "site"),
            block_bytes=BLOCK,
        )
    return tmp_path / "site"


def manifest_of(site: Path, package_id: str = "ABC00012") -> tuple[str, Manifest]:
    """Key of a package's manifest, and the manifest."""
    entry = json.loads((site / CATALOG_KEY).read_bytes())["packages"][package_id]
    key = manifest_key(entry["manifest"])
    return key, decode((site / key).read_bytes(), source="test")


def object_of(site: Path, path: str, package_id: str = "ABC00012") -> str:
    """Key of the object that a file lies in."""
    _, manifest = manifest_of(site, package_id)
    file = next(file for file in manifest.files if file.path == path)
    return object_key(manifest.objects[file.object].name)


def harm(site: Path, key: str, edit: Callable[[bytes], bytes]) -> None:
    (site / key).write_bytes(edit((site / key).read_bytes()))


def flip(at: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def faults(site: Path) -> list[SiteFault]:
    return list(verify_site(str(site)).faults)


def test_a_site_that_is_right_has_no_faults(site: Path) -> None:
    told: list[tuple[int, int]] = []
    report = verify_site(str(site), progress=lambda *at: told.append(at))
    needed_bytes = sum(map(len, filter(None, (*TREE.values(), *OTHER.values())))) - len(SHARED)
    assert report == SiteReport(2, 4, needed_bytes, (), ())
    assert told[-1] == (needed_bytes, needed_bytes)
    assert all(done <= total for done, total in told)


def test_a_bad_block_is_named_with_package_object_and_file(site: Path) -> None:
    """Fault: a block at a site is damaged. `verify` names package, object, block and file."""
    key = object_of(site, "large.bin")
    harm(site, key, flip(2 * BLOCK + 3))
    assert faults(site) == [
        SiteFault(key, Wrong.MISMATCH, "ABC00012", (2, 3), 2 * BLOCK, ("large.bin",))
    ]


def test_of_the_files_in_a_bad_block_only_the_wrong_one_is_named(site: Path) -> None:
    key = object_of(site, "small/05")
    _, manifest = manifest_of(site)
    file = next(file for file in manifest.files if file.path == "small/05")
    harm(site, key, flip(file.offset_bytes))
    (found,) = faults(site)
    assert found.files == ("small/05",)


def test_every_package_that_needs_an_object_is_named(site: Path) -> None:
    key = object_of(site, "shared.bin")
    harm(site, key, flip(0))
    assert [(fault.package_id, fault.files) for fault in faults(site)] == [
        ("ABC00012", ("shared.bin",)),
        ("ABC00013", ("same.bin",)),
    ]


@pytest.mark.parametrize(
    ("edit", "wrong"),
    [(lambda d: d[:-1], Wrong.SHORTER), (lambda d: d + b"x", Wrong.LONGER)],
    ids=["shorter", "longer"],
)
def test_an_object_of_the_wrong_length_is_named(
    site: Path, edit: Callable[[bytes], bytes], wrong: Wrong
) -> None:
    key = object_of(site, "large.bin")
    harm(site, key, edit)
    assert faults(site) == [SiteFault(key, wrong, "ABC00012", (0, 6), 0, ("large.bin",))]


def test_a_missing_object_is_named_with_all_its_files(site: Path) -> None:
    key = object_of(site, "small/00")
    (site / key).unlink()
    (found,) = faults(site)
    assert (found.key, found.wrong) == (key, Wrong.MISSING)
    assert found.files == tuple(path for path in sorted(TREE) if path.startswith("small/"))


@pytest.mark.parametrize(
    ("edit", "wrong"),
    [
        (flip(5), Wrong.MISMATCH),
        (lambda data: data[:-1], Wrong.SHORTER),
        (lambda data: data + b" ", Wrong.LONGER),
        (lambda data: b"", Wrong.SHORTER),
    ],
    ids=["flipped", "shorter", "longer", "empty"],
)
def test_a_damaged_manifest_is_named(
    site: Path, edit: Callable[[bytes], bytes], wrong: Wrong
) -> None:
    key, _ = manifest_of(site)
    harm(site, key, edit)
    assert faults(site) == [SiteFault(key, wrong, "ABC00012")]


def test_a_missing_manifest_is_named_and_the_other_package_is_checked(site: Path) -> None:
    key, _ = manifest_of(site)
    (site / key).unlink()
    harm(site, object_of(site, "own.bin", "ABC00013"), flip(1))
    assert [(fault.package_id, fault.wrong) for fault in faults(site)] == [
        ("ABC00012", Wrong.MISSING),
        ("ABC00013", Wrong.MISMATCH),
    ]


@pytest.mark.parametrize("member", ["package_id", "version"])
def test_a_manifest_of_another_package_is_named(site: Path, member: str) -> None:
    """Fault: the catalog names a manifest of another version. `verify` names the contradiction."""
    _, manifest = manifest_of(site)
    other = {"package_id": "ABC00099", "version": 2}[member]
    document = encode(msgspec.structs.replace(manifest, **{member: other}))
    assert replaced_manifest(site, document) == [Wrong.CONTRADICTION]


def test_a_malformed_manifest_is_named(site: Path) -> None:
    assert replaced_manifest(site, b"{}") == [Wrong.MALFORMED]


def replaced_manifest(site: Path, document: bytes) -> list[Wrong]:
    """What is wrong after the catalog names another manifest."""
    digest = digest_of(document)
    (site / manifest_key(digest)).write_bytes(document)
    catalog = json.loads((site / CATALOG_KEY).read_bytes())
    entry = catalog["packages"]["ABC00012"]
    entry.update(manifest=digest, manifest_bytes=len(document))
    (site / CATALOG_KEY).write_text(json.dumps(catalog))
    return [fault.wrong for fault in faults(site)]


def test_a_malformed_catalog_is_a_fault(site: Path) -> None:
    (site / CATALOG_KEY).write_text("{}")
    (found,) = faults(site)
    assert (found.key, found.wrong) == (CATALOG_KEY, Wrong.MALFORMED)
    assert CATALOG_KEY in found.message


@pytest.mark.parametrize("is_catalog", [True, False])
def test_nothing_is_called_unneeded_by_a_document_that_cannot_be_read(
    is_catalog: bool, site: Path
) -> None:
    """Fault: the catalog or a manifest is damaged. `verify` does not call the content of its
    packages unneeded: somebody might delete it.
    """
    harm(site, CATALOG_KEY if is_catalog else manifest_of(site)[0], lambda data: b"x" + data)
    assert verify_site(str(site)).unreferenced is None


def test_a_site_with_a_damaged_catalog_is_mended_as_the_remedy_says(
    site: Path, tmp_path: Path
) -> None:
    right = (site / CATALOG_KEY).read_bytes()
    write_tree(tmp_path / "again", {"b.bin": b"b"})
    publish_again = partial(
        publish, tmp_path / "again", package_id="ABC00099", version=1, destination=str(site)
    )
    (site / CATALOG_KEY).write_text("{")
    with pytest.raises(ManifestError) as caught:
        publish_again()
    with pytest.raises(ManifestError) as pruned:
        prune(str(site), keep=1)
    assert caught.value.remedy == pruned.value.remedy
    assert "move the damaged one away" in caught.value.remedy
    (site / CATALOG_KEY).rename(site / "damaged")
    assert publish_again().package_id == "ABC00099"
    (site / CATALOG_KEY).write_bytes(right)
    assert faults(site) == []


def test_a_folder_without_catalog_is_not_a_site(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="has no catalog"):
        verify_site(str(tmp_path))


def test_what_no_package_needs_is_listed_and_is_not_a_fault(site: Path, tmp_path: Path) -> None:
    old, _ = manifest_of(site, "ABC00013")
    gone = object_of(site, "own.bin", "ABC00013")
    write_tree(tmp_path / "new", {"same.bin": SHARED})
    publish(
        tmp_path / "new",
        package_id="ABC00013",
        version=2,
        destination=str(site),
        block_bytes=BLOCK,
    )
    report = verify_site(str(site))
    assert report.faults == ()
    assert report.unreferenced == tuple(sorted([old, gone]))


def test_a_site_is_not_changed_by_the_check(site: Path) -> None:
    harm(site, object_of(site, "large.bin"), flip(0))
    before = files_below(site)
    verify_site(str(site))
    assert files_below(site) == before


@pytest.fixture(scope="module")
def small_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with three files in two objects; who alters it puts it right."""
    root = tmp_path_factory.mktemp("site")
    source = write_tree(root / "source", {"a": content(BLOCK + 9), "b": b"b", "c": b"cc"})
    publish(source, package_id="ABC00012", destination=str(root / "out"), block_bytes=BLOCK)
    return root / "out"


@given(data=st.data())
def test_any_flipped_bit_of_anything_needed_is_a_fault(
    small_site: Path, data: st.DataObject
) -> None:
    """Fault: any bit of a published site flips. `verify` finds it."""
    right = files_below(small_site)
    key = data.draw(st.sampled_from(sorted(set(right) - {CATALOG_KEY})))
    at = data.draw(st.integers(0, len(right[key]) - 1))
    harm(small_site, key, flip(at))
    try:
        assert [fault.key for fault in faults(small_site)] == [key]
    finally:
        (small_site / key).write_bytes(right[key])


def test_an_object_that_becomes_shorter_meanwhile_is_named(site: Path) -> None:
    """Fault: an object becomes shorter while a site is checked. `verify` names the object."""
    victim = object_of(site, "large.bin")

    class Shrinking(FolderDestination):
        def read(self, key: str, start: int, end: int) -> memoryview:
            return super().read(key, start, end - 1 if key == victim else end)

    report = SiteCheck(Shrinking(site), lambda *_: None, DEFAULT_POLICY).run()
    assert [(fault.key, fault.wrong) for fault in report.faults] == [(victim, Wrong.SHORTER)]


@pytest.mark.parametrize(
    "where",
    ["ftp://host/site", "https://", "https://user:pw@host/site", "https://[pw", "s3://pw]/site"],
)
def test_a_url_that_cannot_be_read_is_refused_without_its_secrets(where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        verify_site(where)
    assert "pw" not in caught.value.message


def test_a_web_server_that_cannot_be_reached_is_a_transfer_error() -> None:
    with pytest.raises(TransferError):
        verify_site("http://127.0.0.1:9/site")


def test_a_site_behind_a_web_server_is_checked(site: Path) -> None:
    key = object_of(site, "large.bin")
    with running(site) as url:
        report = verify_site(url)
        assert (report.faults, report.unreferenced) == ((), None)
        harm(site, key, flip(3 * BLOCK))
        (found,) = verify_site(url).faults
    assert (found.key, found.blocks, found.files) == (key, (3, 4), ("large.bin",))
