"""A site tells which packages and versions it holds, the earlier ones too."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.errors import ConfigError, IntegrityError, NotFoundError
from dlcore.publish import PackageVersion, list_site, publish, read_version
from tests.nginx import running
from tests.publish.helpers import write_tree

ID, OTHER = "ABC00012", "ABC00345"


def put(root: Path, version: int, package_id: str = ID, data: bytes = b"") -> str:
    """Publish a version whose one file holds its number; returns the manifest's digest."""
    source = write_tree(root / f"{package_id} {version} {len(data)}", {"a": b"%d" % version + data})
    done = publish(
        source,
        package_id=package_id,
        version=version,
        destination=str(root / "site"),
        replace=bool(data),
    )
    return done.manifest


@pytest.fixture
def site(tmp_path: Path) -> str:
    put(tmp_path, 1)
    put(tmp_path, 2)
    put(tmp_path, 7, OTHER)
    return str(tmp_path / "site")


def told(found: tuple[PackageVersion, ...]) -> list[tuple[str, int, bool]]:
    return [(each.package_id, each.version, each.is_current) for each in found]


def test_the_current_versions_are_listed_and_earlier_ones_if_asked(site: str) -> None:
    assert told(list_site(site)) == [(ID, 2, True), (OTHER, 7, True)]
    earlier = [(ID, 1, False), (ID, 2, True), (OTHER, 7, True)]
    assert told(list_site(site, with_earlier=True)) == earlier


def test_a_version_is_read_by_its_number_or_digest(site: str) -> None:
    assert read_version(site, ID, "").version == 2
    for each in list_site(site, with_earlier=True):
        if each.package_id == ID:
            assert read_version(site, ID, str(each.version)).version == each.version
            assert read_version(site, ID, each.manifest.upper()).version == each.version


def test_a_number_that_means_several_manifests_is_refused(site: str, tmp_path: Path) -> None:
    digest = put(tmp_path, 2, data=b"once more")
    assert read_version(site, ID, "2").files[0].length_bytes == len(b"2once more")
    put(tmp_path, 3)
    with pytest.raises(ConfigError, match="2 times as version 2"):
        read_version(site, ID, "2")
    assert read_version(site, ID, digest).version == 2


def test_what_is_not_there_is_told(site: str) -> None:
    with pytest.raises(NotFoundError, match="has no package ABC00012 version 9"):
        read_version(site, ID, "9")
    with pytest.raises(NotFoundError, match=r"ABC00013 \(did you mean ABC00012\?\)"):
        read_version(site, "ABC00013", "")
    with pytest.raises(NotFoundError, match="has no catalog"):
        list_site(f"{site}/objects")


def test_a_damaged_manifest_is_not_believed(site: str, caplog: pytest.LogCaptureFixture) -> None:
    """Fault: a manifest at a site is damaged. `diff` refuses it, and `list` leaves it out."""
    earlier, current, _ = list_site(site, with_earlier=True)
    for each in (earlier, current):
        (Path(site) / "manifests" / f"{each.manifest}.json").write_text("{}")
    with pytest.raises(IntegrityError, match="is damaged"):
        read_version(site, ID, "2")
    with pytest.raises(NotFoundError, match="version 1"):
        read_version(site, ID, "1")
    assert told(list_site(site, with_earlier=True)) == [(ID, 2, True), (OTHER, 7, True)]
    assert f"{earlier.manifest}.json is damaged" in caplog.text


def test_a_web_server_tells_only_the_current_versions(site: str) -> None:
    with running(Path(site)) as url:
        assert told(list_site(url)) == [(ID, 2, True), (OTHER, 7, True)]
        with pytest.raises(ConfigError, match="does not list earlier versions"):
            list_site(url, with_earlier=True)
