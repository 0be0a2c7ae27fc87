"""``dlcore list``, ``tree`` and ``diff`` on a published site."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from dlcore.publish import publish
from tests.cli.conftest import Site
from tests.cli.files import python_server
from tests.cli.helpers import Here, refused
from tests.engine.scene import make_tree
from tests.nginx import running

TREES = {1: {"same": 10, "other": 5, "old": 1}, 2: {"same": 10, "other": 6, "new": 2}}


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    """A site with two versions of a package."""
    for version, tree in TREES.items():
        source = make_tree(tmp_path / str(version), tree)
        (source / "same").write_bytes(b"0123456789")
        site = str(tmp_path / "site")
        publish(source, package_id="ABC00012", version=version, destination=site)
    return tmp_path / "site"


def test_packages_are_listed(here: Here, site: Site) -> None:
    ended = here("list", site.published)
    assert ended.out.split()[3:5] == ["ABC00001", "1"]
    listed = here("list", site.published, "--json").document["packages"]
    assert [each["package_id"] for each in listed] == ["ABC00001", "ABC00002", "ABC00003"]


def test_earlier_versions_are_listed_if_asked(here: Here, versions: Path) -> None:
    assert "earlier" not in here("list", versions).out
    lines = here("list", versions, "--earlier").out.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["ABC00012", "1"], ["ABC00012", "2"]]
    assert [line.endswith("earlier") for line in lines[1:]] == [True, False]


@pytest.mark.parametrize("new", [(), ("2",)], ids=["current", "named"])
def test_the_files_that_differ_are_told(here: Here, versions: Path, new: tuple[str, ...]) -> None:
    told = here("diff", versions, "abc00012", "1", *new, "--json").document
    files = [(each["path"], each["change"]) for each in told["files"]]
    assert files == [("new", "added"), ("old", "removed"), ("other", "changed")]
    assert (told["old"], told["new"], told["new_bytes"]) == (1, 2, 8)
    shown = here("diff", versions, "ABC00012", "1", *new).out
    assert "changed  5 bytes  6 bytes  other" in shown
    assert "3 files not the same, 8 bytes of 18 bytes in new or changed files" in shown


def test_the_same_version_does_not_differ(here: Here, versions: Path) -> None:
    assert "0 files not the same" in here("diff", versions, "ABC00012", "2").out


@pytest.mark.parametrize(
    "command",
    [
        "diff SITE drivers 1",
        "tree SITE drivers 1",
        "fetch drivers --from SITE -o OUT",
        "fetch drivers -o OUT --no-agent",
        "verify SITE --package drivers --from SITE",
        "publish SITE --package-id drivers --to OUT",
        "agent want drivers --state OUT",
    ],
)
def test_what_is_no_package_id_is_told(
    command: str, here: Here, versions: Path, tmp_path: Path
) -> None:
    """Fault: an argument is not a package id. Every command ends with status 2, and says so."""
    places: dict[str, object] = {"SITE": versions, "OUT": tmp_path / "out"}
    words = [places.get(word, word) for word in command.split()]
    fields = refused(here(*words, "--json"), 2, "config")
    assert "package id" in str(fields["message"])
    assert "site code" in str(fields["remedy"])


def test_the_files_of_a_version_are_told(here: Here, versions: Path) -> None:
    told = here("tree", versions, "abc00012", "1", "--json").document
    lengths = {file["path"]: file["length_bytes"] for file in told["files"]}
    assert (told["version"], lengths) == (1, TREES[1])
    lines = here("tree", versions, "ABC00012").out.splitlines()
    assert [line.split()[-1] for line in lines[1:-1]] == ["new", "other", "same"]
    assert lines[-1] == "ABC00012 version 2: 3 files, 18 bytes"


def test_an_empty_folder_is_told(here: Here, site: Site) -> None:
    assert "hollow/inside/" in here("tree", site.published, "ABC00001").out
    assert here("tree", site.published, "ABC00001", "--json").document["folders"]


def test_a_server_without_ranges_is_listed_too(here: Here, versions: Path) -> None:
    """Fault: a web server knows no ranges. dlcore reads its documents as a whole."""
    with python_server(versions) as url:
        assert here("list", url).out.split()[3:5] == ["ABC00012", "2"]
        assert "same" in here("tree", url, "ABC00012").out


def test_a_site_with_a_certificate_of_its_own_authority_is_read(
    here: Here, versions: Path, tmp_path: Path
) -> None:
    """Fault: an authority that the system does not know vouches for the server. dlcore trusts it if
    `--ca-file` names it.
    """
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate = authority.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    with running(versions, certificate=tmp_path / "server.pem") as url:
        for command in (
            ("list", url),
            ("tree", url, "ABC00012"),
            ("verify", url),
        ):
            assert here(*command, "--ca-file", tmp_path / "ca.pem").status == 0
    (tmp_path / "wrong.pem").write_bytes(b"no certificate")
    told = refused(here("list", url, "--ca-file", tmp_path / "wrong.pem", "--json"), 2, "config")
    assert "wrong.pem cannot be used" in str(told["message"])
