"""What publishing refuses before it writes anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.errors import ConfigError, ManifestError
from dlcore.publish import Published, publish
from dlcore.publish.opening import open_destination
from tests.publish.helpers import files_below, from_folder, published_tree, write_tree


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder with version 5 of a package."""
    publish_bytes(tmp_path / "out", b"five", 5)
    return tmp_path / "out"


def publish_bytes(out: Path, data: bytes, version: int, *, replace: bool = False) -> Published:
    source = out.parent / f"source {version} {data.decode()}"
    if not source.exists():
        write_tree(source, {"file": data})
    return publish(
        source, package_id="ABC00012", version=version, destination=str(out), replace=replace
    )


@pytest.mark.parametrize(
    ("data", "version", "reason"),
    [
        (b"other", 5, "ABC00012 version 5 already has other content"),
        (b"five", 4, "ABC00012 is already at version 5, later than 4"),
    ],
)
def test_the_catalog_is_not_turned_back(out: Path, data: bytes, version: int, reason: str) -> None:
    """Fault M7: an older version is published over a later one. dlcore refuses it unless told to
    replace.
    """
    before = files_below(out)
    with pytest.raises(ConfigError, match=reason) as caught:
        publish_bytes(out, data, version)
    assert str(out) in caught.value.message
    assert "catalog.json" in caught.value.message
    assert caught.value.remedy
    assert files_below(out) == before


@pytest.mark.parametrize(("data", "version"), [(b"other", 5), (b"four", 4)])
def test_the_catalog_is_turned_back_on_purpose(out: Path, data: bytes, version: int) -> None:
    publish_bytes(out, data, version, replace=True)
    assert published_tree(from_folder(out), "ABC00012") == {"file": data}


def test_a_later_version_takes_its_place_and_the_old_one_stays_readable(out: Path) -> None:
    old = files_below(out)
    publish_bytes(out, b"six", 6)
    assert published_tree(from_folder(out), "ABC00012") == {"file": b"six"}
    assert {key: data for key, data in files_below(out).items() if key in old} | {
        "catalog.json": old["catalog.json"]
    } == old


def test_other_packages_keep_their_entries(out: Path, tmp_path: Path) -> None:
    source = write_tree(tmp_path / "another", {"a": b"a"})
    publish(source, package_id="ABC00013", version=1, destination=str(out))
    assert published_tree(from_folder(out), "ABC00012") == {"file": b"five"}
    assert published_tree(from_folder(out), "ABC00013") == {"a": b"a"}


def test_a_malformed_catalog_is_left_alone(out: Path) -> None:
    (out / "catalog.json").write_bytes(b'{"schema":1')
    before = files_below(out)
    with pytest.raises(ManifestError, match=r"catalog\.json"):
        publish_bytes(out, b"six", 6)
    assert files_below(out) == before


@pytest.mark.parametrize(
    ("package_id", "version", "block_bytes"),
    [
        ("abc", 1, 1 << 20),
        ("../ABC01", 1, 1 << 20),
        ("ABC00012", 0, 1 << 20),
        ("ABC00012", 1 << 31, 1 << 20),
        ("ABC00012", 1, 1 << 25),
        ("ABC00012", 1, 5000),
    ],
)
def test_arguments_out_of_range_are_refused(
    tmp_path: Path, package_id: str, version: int, block_bytes: int
) -> None:
    (tmp_path / "source").mkdir()
    with pytest.raises(ConfigError) as caught:
        publish(
            tmp_path / "source",
            package_id=package_id,
            version=version,
            destination=str(tmp_path / "out"),
            block_bytes=block_bytes,
        )
    assert caught.value.remedy
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("inside", ["", "out", "a/../out/deep"])
def test_a_destination_inside_the_source_is_refused(tmp_path: Path, inside: str) -> None:
    with pytest.raises(ConfigError, match="lies in"):
        publish(tmp_path, package_id="ABC00012", version=1, destination=str(tmp_path / inside))


@pytest.mark.parametrize(
    "where",
    [
        "az://container/prefix?sv=2021&sig=CANARY",
        "az://user:CANARY@container/prefix",
        "s3://key:CANARY@bucket",
        "az://container#CANARY",
        "https://account.blob.core.windows.net/container?sig=CANARY",
    ],
)
def test_credentials_in_a_url_are_refused_without_showing_them(where: str) -> None:
    with pytest.raises(ConfigError, match="query or credentials") as caught:
        open_destination(where)
    assert "CANARY" not in repr(caught.value) + caught.value.remedy


@pytest.mark.parametrize("where", ["https://host/path", "ftp://host", "az://"])
def test_a_url_of_another_kind_is_refused(where: str) -> None:
    with pytest.raises(ConfigError, match="cannot publish to"):
        open_destination(where)


def test_a_store_without_an_account_in_the_environment_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(ConfigError, match="Account must be specified") as caught:
        open_destination("az://container/prefix")
    assert "AZURE_STORAGE_ACCOUNT_NAME" in caught.value.remedy


@pytest.mark.parametrize("where", ["s3://bucket/prefix", "gs://bucket/prefix"])
def test_other_object_stores_open(where: str) -> None:
    assert open_destination(where).name == where
