"""``dlcore fetch`` from a bucket and from ``file:`` URLs: packages, single files, lists."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import buckets
from tests.cli.conftest import Site
from tests.cli.helpers import Here, digest, tree

CONTENT = bytes(range(256)) * 5000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """That of the client of an S3 server, which holds a file and a list."""
    pytest.importorskip("obstore")
    sums = f"{hashlib.sha512(CONTENT).hexdigest()}  tool 1.bin\n".encode()
    with buckets.s3({"7.1/tool%201.bin": CONTENT, "7.1/SHA512SUMS": sums}) as found:
        yield found


@pytest.fixture
def bucket(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://{buckets.BUCKET}"


def test_a_package_that_is_published_to_a_bucket_is_fetched_from_it(
    bucket: str, here: Here, site: Site, tmp_path: Path
) -> None:
    source, there = site.source("ABC00001"), f"{bucket}/site"
    options = ("--package-id", "ABC00001", "--version", "1", "--to", there)
    assert here("publish", source, *options).status == 0
    fetched = here("fetch", "ABC00001", "--from", there, "-o", tmp_path / "to", "--json")
    assert fetched.status == 0, fetched.err
    assert tree(tmp_path / "to") == tree(source)
    assert fetched.document["endpoints"] == {buckets.BUCKET: fetched.document["bytes_fetched"]}
    assert here("verify", there).status == 0


def test_a_bucket_with_a_site_is_found_sound(
    bucket: str, here: Here, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where, state = f"{bucket}/sound", ("--state", tmp_path / "state", "--json")
    options = ("--package-id", "ABC00001", "--version", "1", "--to", where)
    assert here("publish", site.source("ABC00001"), *options).status == 0
    (checks,) = here("doctor", "--from", where, *state).document["endpoints"].values()
    assert {check["name"]: check["outcome"] for check in checks}["catalog"] == "passed"
    assert len(checks) > 1  # where it is, and how far a request gets
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")  # nothing tells where the bucket is then
    (checks,) = here("doctor", "--from", where, *state).document["endpoints"].values()
    assert [check["name"] for check in checks] == ["catalog"]


def test_a_deployment_may_name_a_bucket(
    bucket: str, here: Here, site: Site, tmp_path: Path
) -> None:
    where = f"{bucket}/deployed"
    for package in ("ABC00001", "ABC00002", "ABC00003"):
        options = ("--package-id", package, "--version", "1", "--to", where)
        assert here("publish", site.source(package), *options).status == 0
    config = tmp_path / "deployment.toml"
    config.write_text(
        '[catalog]\nendpoint = "s3"\n[client]\nallow_cloud_dp = true\non_internet = false\n'
        f'[[endpoint]]\nname = "s3"\nkind = "bucket"\nurl = "{where}"\n'
    )
    command = (site.sequence, "--config", config, "--state", tmp_path / "state", "--simulate", "0")
    ended = here("run", *command, "--json")
    assert ended.status == 0, ended.err
    assert ended.document["endpoints"]["s3"]


def test_a_file_in_a_bucket_is_fetched_by_its_url_and_by_a_list(
    bucket: str, here: Here, tmp_path: Path
) -> None:
    named = f"{bucket}/7.1/tool 1.bin"
    by_url = here("fetch", named, "--sha256", SHA256, "-o", tmp_path / "url")
    by_list = here("fetch", "--checksums", f"{bucket}/7.1/SHA512SUMS", "-o", tmp_path / "list")
    assert (by_url.status, by_list.status) == (0, 0), by_url.err + by_list.err
    expected = {"tool 1.bin": digest(CONTENT)}
    assert tree(tmp_path / "url") == tree(tmp_path / "list") == expected


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        ("/7.1/none", 4, "was answered 404"),
        ("", 2, "names a bucket and no object"),
        ("/a?sig=CANARY", 2, "has a query"),
    ],
)
def test_what_is_not_in_a_bucket_is_told(
    path: str, status: int, word: str, bucket: str, here: Here, tmp_path: Path
) -> None:
    ended = here("fetch", bucket + path, "--sha256", SHA256, "-o", tmp_path / "to", "--json")
    assert ended.status == status
    assert word in ended.error["message"]
    assert "CANARY" not in ended.out + ended.err


def test_a_file_and_a_folder_are_fetched_by_file_urls(
    here: Here, site: Site, tmp_path: Path
) -> None:
    file = tmp_path / "a file.bin"
    file.write_bytes(CONTENT)
    (tmp_path / "SHA256SUMS").write_text(f"{SHA256}  {file.name}\n")
    by_url = here("fetch", file.as_uri(), "--sha256", SHA256, "-o", tmp_path / "url")
    sums = (tmp_path / "SHA256SUMS").as_uri()
    by_list = here("fetch", "--checksums", sums, "-o", tmp_path / "list")
    published = Path(site.published).as_uri()
    package = here("fetch", "ABC00001", "--from", published, "-o", tmp_path / "package")
    missing = here("fetch", f"{file.as_uri()}x", "--sha256", SHA256, "-o", tmp_path / "no")
    assert [by_url.status, by_list.status, package.status] == [0, 0, 0], by_url.err
    assert tree(tmp_path / "url") == tree(tmp_path / "list") == {file.name: digest(CONTENT)}
    assert tree(tmp_path / "package") == tree(site.source("ABC00001"))
    assert here("list", published).status == 0
    assert missing.status == 4
