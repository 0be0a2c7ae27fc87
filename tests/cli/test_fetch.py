"""``dlcore fetch``: what it takes, where it puts it, and how it goes on."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Site
from tests.cli.files import mirror, python_server
from tests.cli.gateways import served_here
from tests.cli.helpers import (
    KILLED,
    REQUESTS,
    Here,
    digest,
    has_journal,
    start,
    tree,
    wait,
    wait_until,
)

CONTENT = random.Random(7).randbytes((5 << 20) + 3)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ELSEWHERE = "http://192.0.2.1"  # reserved for documentation: nothing is there


# What it takes


def test_a_native_manifest_is_fetched_from_a_folder(here: Here, site: Site, tmp_path: Path) -> None:
    catalog = json.loads((site.published / "catalog.json").read_bytes())
    digest = catalog["packages"]["ABC00001"]["manifest"]
    path = site.published / "manifests" / f"{digest}.json"
    ended = here("fetch", path, "--from", site.published, "-o", tmp_path / "to", "--json")
    assert ended.status == 0, ended.err
    assert tree(tmp_path / "to") == tree(site.source("ABC00001"))


def test_a_catalog_over_plain_http_needs_a_pin(here: Here, site: Site, tmp_path: Path) -> None:
    document = (site.published / "catalog.json").read_bytes()
    pin = hashlib.sha256(document).hexdigest()
    with mirror(document) as server:
        source = server.url("").rstrip("/")
        command = ("fetch", "ABC00009", "--from", source, "-o", tmp_path / "to", "--json")
        elsewhere = [ELSEWHERE if word == source else word for word in command]
        refused, pinned = here(*elsewhere), here(*command, "--catalog-sha256", pin)
        wrong = here(*command, "--catalog-sha256", "0" * 64)
    assert (refused.status, refused.error["code"]) == (2, "config")
    assert "not in the catalog" in pinned.error["message"]
    assert (wrong.status, wrong.error["code"]) == (7, "integrity")


def test_a_folder_that_pythons_own_server_serves_is_an_endpoint(
    here: Here, site: Site, tmp_path: Path
) -> None:
    with python_server(site.published) as url:
        for package in ("ABC00001", "ABC00002"):
            ended = here("fetch", package, "--from", url, "-o", tmp_path / package, "--json")
            assert ended.status == 0, ended.err
            assert tree(tmp_path / package) == tree(site.source(package))


def test_a_file_from_a_server_without_ranges_is_read_in_one_stream(
    here: Here, tmp_path: Path
) -> None:
    """Fault H1: a server ignores ranges. dlcore reads the file in one stream, and says so."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "file.bin").write_bytes(CONTENT)
    with python_server(tmp_path / "site") as url:
        ended = here(
            *("fetch", f"{url}/file.bin", "--sha256", SHA256, "-o", tmp_path / "to", "--json"),
        )
    assert ended.status == 0, ended.err
    assert ended.document["bytes_fetched"] == len(CONTENT)
    assert "it knows no byte ranges; each object is read in one stream" in ended.err
    assert tree(tmp_path / "to") == {"file.bin": digest(CONTENT)}


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("ABC00002", "--sha256", "0" * 64), "SHA-256 was given"),
        (("ABC00002", "--checksum", f"sha-1={'0' * 40}"), "checksum was given"),
        (("http://127.0.0.1:9/a", "--checksum", f"md5={'0' * 32}"), "is not one of sha-1"),
        (("http://127.0.0.1:9/a", "--checksum", "SHA256SUMS"), "is not ALGORITHM=HEX"),
        (("ABC00002", "--catalog-sha256", "12"), "catalog's SHA-256"),
        (("ABC00002", "--from", ""), "endpoint is empty"),
        (("ABC00002",), "no endpoint"),
        (("ABC00002", "--from", "ftp://localhost/x"), "ftp://localhost/x"),
        (("ABC00002", "--from", "https://[/x"), "https://[/x"),
        (("ABC00002", "--from", "cmg+https://localhost"), "token"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    arguments: tuple[str, ...],
    word: str,
    here: Here,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DLCORE_TOKEN", raising=False)
    ended = here("fetch", *arguments, "-o", tmp_path / "to", "--json")
    assert (ended.status, ended.error["code"]) == (2, "config")
    assert word in ended.error["message"]
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_at_a_url_must_be_meant_to_be_empty(here: Here, tmp_path: Path) -> None:
    with mirror(b"") as server:
        command = ("fetch", server.url(), "-o", tmp_path, "--json", "--sha256")
        wrong = here(*command, SHA256)
        right = here(*command, hashlib.sha256().hexdigest())
    assert (wrong.status, wrong.error["code"]) == (7, "integrity")
    assert right.status == 0, right.err
    assert tree(tmp_path) == {"file.bin": digest(b"")}


# Where it puts it


def test_a_folder_that_holds_something_else_is_left_alone(
    here: Here, site: Site, tmp_path: Path
) -> None:
    (tmp_path / "mine").write_text("mine")
    ended = here("fetch", "ABC00002", "--from", site.published, "-o", tmp_path, "--json")
    assert (ended.status, ended.error["code"]) == (2, "config")
    assert tree(tmp_path) == {"mine": digest(b"mine")}


def test_an_empty_folder_becomes_the_package(here: Here, site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "to"
    folder.mkdir()
    assert here("fetch", "ABC00001", "--from", site.published, "-o", folder).status == 0
    assert tree(folder) == tree(site.source("ABC00001"))


def test_a_package_cannot_become_a_file_system(here: Here, site: Site) -> None:
    ended = here("fetch", "ABC00001", "--from", site.published, "-o", "/", "--json")
    assert (ended.status, ended.error["code"]) == (2, "config")


def test_a_file_that_differs_is_not_replaced(here: Here, tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(b"mine")
    with mirror(CONTENT) as server:
        ended = here("fetch", server.url(), "--sha256", SHA256, "-o", tmp_path, "--json")
    assert (ended.status, ended.error["code"]) == (2, "config")
    assert tree(tmp_path) == {"file.bin": digest(b"mine")}


@pytest.mark.skipif(os.name != "posix", reason="rights are POSIX's here")
@pytest.mark.posix_only(reason="modes are POSIX's")
def test_what_is_fetched_has_the_rights_of_any_new_file(
    here: Here, site: Site, tmp_path: Path
) -> None:
    before = os.umask(0o027)
    try:
        here("fetch", "ABC00001", "--from", site.published, "-o", tmp_path / "to")
    finally:
        os.umask(before)
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in (tmp_path / "to", tmp_path / "to" / "a", tmp_path / "to" / "empty")
    }
    assert modes == {"to": 0o750, "a": 0o750, "empty": 0o640}


# How it goes on


@pytest.mark.parametrize("ending", ["kill", *REQUESTS])
def test_a_fetch_that_was_broken_off_goes_on(
    ending: str, here: Here, site: Site, tmp_path: Path
) -> None:
    folder = tmp_path / "to"
    with served_here(
        site.published, tmp_path / "emulator", bandwidth_bytes_per_s=3_000_000
    ) as gateway:
        source = ("--from", f"cmg+{gateway.url}", *gateway.access)
        command = ("fetch", "ABC00002", *source, "-o", folder, "--json")
        process = start(*command)
        partial = tmp_path / ".to.dlcore" / "partial"
        wait_until(lambda: any(map(has_journal, partial.glob("*/*"))), process)
        if ending in REQUESTS:
            process.send_signal(signal.Signals[ending])
        else:
            process.kill()
        broken = wait(process)
    assert not folder.exists()
    if ending in REQUESTS:
        assert (broken.status, broken.error["code"]) == REQUESTS[ending]
    else:
        assert broken.status == KILLED

    done = here("fetch", "ABC00002", "--from", site.published, "-o", folder, "--json").document
    assert tree(folder) == tree(site.source("ABC00002"))
    assert done["bytes_reused"] > 0
    arrived = done["bytes_fetched"] - done["bytes_wasted"]
    assert done["bytes_reused"] + arrived == done["content_bytes"]
    assert not (tmp_path / ".to.dlcore").exists()


def test_a_second_fetch_into_the_same_folder_waits_or_says_who_is_there(
    here: Here, tmp_path: Path
) -> None:
    with mirror(CONTENT) as server:
        server.gate.clear()
        command = ("fetch", server.url(), "--sha256", SHA256, "-o", tmp_path / "to", "--json")
        first = start(*command)
        wait_until(lambda: bool(server.asked), first)
        refused = here(*command)
        waiting = start(*command, "--wait", "60")
        server.gate.set()
        ended, waited = wait(first), wait(waiting)
    assert (refused.status, refused.error["code"]) == (10, "locked")
    assert str(first.pid) in refused.error["message"]
    assert (ended.status, waited.status) == (0, 0), waited.err
    assert waited.document["bytes_fetched"] == 0
