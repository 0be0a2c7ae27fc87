"""``dlcore verify`` of a package that was published nowhere: what it finds, and its status."""

from __future__ import annotations

from pathlib import Path

from tests.cli.helpers import Here, refused
from tests.manifest.package_hash import Tree, told_by
from tests.publish.library import PACKAGE_ID, write_library


def folder_of(tmp_path: Path) -> tuple[Path, str]:
    folder = tmp_path / "package"
    (folder / "Drivers" / "None").mkdir(parents=True)
    (folder / "Setup.exe").write_bytes(b"setup")
    (folder / "Drivers" / "net.inf").write_bytes(b"net")
    tree: Tree = {"Setup.exe": b"setup", "Drivers": {"None": {}, "net.inf": b"net"}}
    return folder, told_by(tree)


def test_a_right_folder_is_status_0(here: Here, tmp_path: Path) -> None:
    folder, told = folder_of(tmp_path)
    ended = here("verify", folder, "--content-hash", told.lower(), "--json")
    assert ended.document == {"content_hash": told, "files": 2, "verified": True}
    plain = here("verify", folder, "--content-hash", told)
    assert (plain.status, plain.err) == (0, "")
    assert plain.out == f"{folder}: 2 files, content hash {told}: as given\n"


def test_a_folder_that_differs_is_status_7(here: Here, tmp_path: Path) -> None:
    """Fault: a file of a package without a manifest was altered. `verify` says so."""
    folder, told = folder_of(tmp_path)
    (folder / "Drivers" / "net.inf").write_bytes(b"nut")
    ended = here("verify", folder, "--content-hash", told, "--json")
    assert (ended.status, ended.document["verified"]) == (7, False)
    assert ended.document["content_hash"] != told
    plain = here("verify", folder, "--content-hash", told)
    assert (plain.status, f"not {told}" in plain.out) == (7, True)


def test_what_is_no_content_hash_is_refused(here: Here, tmp_path: Path) -> None:
    folder, told = folder_of(tmp_path)
    for wrong in (told[:-1], told[:40], "x" * 64):
        refused(here("verify", folder, "--content-hash", wrong, "--json"), 2, "config")
    half = ("--package", "ABC00012", "--json")
    refused(here("verify", folder, *half), 2, "config")
    both = ("--content-hash", told, "--manifest", folder / "Setup.exe", "--json")
    refused(here("verify", folder, *both), 2, "config")


def test_a_folder_is_compared_with_a_content_library(here: Here, tmp_path: Path) -> None:
    """Fault: a file of a package without a manifest was altered. `verify` names it."""
    folder, _ = folder_of(tmp_path)
    files = {"Setup.exe": b"setup", "Drivers/net.inf": b"net", "Drivers/None": None}
    library = write_library(tmp_path / "library", files)
    how = ("--package", PACKAGE_ID, "--from", f"content-library+{library}", "--json")
    assert here("verify", folder, *how).document["verified"] is True
    (folder / "Drivers" / "net.inf").write_bytes(b"nut")
    ended = here("verify", folder, *how)
    assert (ended.status, ended.document["version"]) == (7, 3)
    assert [bad["path"] for bad in ended.document["bad"]] == ["Drivers/net.inf"]
