"""``--dry-run`` tells what would be done, and changes nothing."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Site
from tests.cli.files import python_server
from tests.cli.helpers import Here, has_journal, refused
from tests.engine.scene import make_tree
from tests.users import folder_of, run_as_ordinary_user


def everything(folder: Path) -> dict[str, tuple[Any, ...]]:
    """All that is in a folder, with what a change of it would leave."""
    found: dict[str, tuple[Any, ...]] = {}
    for path in folder.rglob("*"):
        status = path.lstat()
        data = path.read_bytes() if path.is_file() else b""
        found[path.relative_to(folder).as_posix()] = (
            hashlib.sha256(data).hexdigest(),
            status.st_mtime_ns,
            status.st_ino,
            status.st_mode,
        )
    return found


@pytest.fixture
def unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails if anything in the folders of the test or of the user is another afterwards."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    monkeypatch.setenv("LOCALAPPDATA", str(home))
    yield
    assert not list(home.rglob("*"))


def test_a_fetch_of_a_package_is_foretold_and_comes_to_that(
    here: Here, site: Site, tmp_path: Path, unchanged: None
) -> None:
    source = ("--from", f"cmg+{site.gateway.url}", *site.gateway.access)
    to = tmp_path / "to"
    foretold = here("fetch", "ABC00002", *source, "-o", to, "--dry-run", "--json").document
    assert not to.exists()
    assert foretold["dry_run"] is True
    assert (foretold["bytes_present"], foretold["repaired"]) == (0, [])
    assert foretold["bytes_to_fetch"] == foretold["content_bytes"] == foretold["room_bytes"]
    (answer,) = foretold["endpoints"].values()
    assert answer == {"objects": foretold["objects_to_fetch"], "fault": ""}


def test_what_is_there_is_foretold_to_be_kept(here: Here, site: Site, tmp_path: Path) -> None:
    source, to = ("--from", site.published), tmp_path / "to"
    here("fetch", "ABC00002", *source, "-o", to)
    damaged = to / "large.bin"
    with damaged.open("r+b") as file:
        file.write(b"wrong")
    before = everything(tmp_path)
    foretold = here("fetch", "ABC00002", *source, "-o", to, "--dry-run", "--json").document
    assert everything(tmp_path) == before
    assert foretold["repaired"] == ["large.bin"]
    came_to = here("fetch", "ABC00002", *source, "-o", to, "--json").document
    assert foretold["bytes_to_fetch"] == came_to["bytes_fetched"] == 1 << 20
    assert foretold["bytes_present"] == came_to["bytes_reused"]
    foretold = here("fetch", "ABC00002", *source, "-o", to, "--dry-run", "--json").document
    assert (foretold["bytes_to_fetch"], foretold["room_bytes"], foretold["endpoints"]) == (0, 0, {})


def test_what_an_earlier_call_has_left_is_foretold_to_be_kept(
    here: Here, site: Site, tmp_path: Path
) -> None:
    """A fetch that failed leaves a partial package; a dry run only reads it."""
    half = tmp_path / "half"
    shutil.copytree(site.published, half)
    (long,) = (p for p in (half / "objects").iterdir() if p.stat().st_size == 2 * (3 << 20) + 1)
    with long.open("r+b") as file:
        file.seek(5 << 20)
        file.write(b"wrong")
    to = tmp_path / "to"
    failed = here("fetch", "ABC00002", "--from", half, "-o", to, "--retries", "0")
    assert failed.status != 0
    assert any(map(has_journal, tmp_path.rglob("journal")))
    before = everything(tmp_path)
    source = ("--from", site.published)
    foretold = here("fetch", "ABC00002", *source, "-o", to, "--dry-run", "--json").document
    assert everything(tmp_path) == before
    came_to = here("fetch", "ABC00002", *source, "-o", to, "--json").document
    assert foretold["bytes_present"] == came_to["bytes_reused"] > 0
    assert foretold["bytes_to_fetch"] == came_to["bytes_fetched"]


def test_a_fetch_that_would_fail_fails(here: Here, site: Site, tmp_path: Path) -> None:
    empty = tmp_path / "site"
    shutil.copytree(site.published, empty)
    shutil.rmtree(empty / "objects")
    (empty / "objects").mkdir()
    asked = ("fetch", "ABC00002", "--from", empty, "-o", tmp_path / "to", "--dry-run", "--json")
    told = refused(here(*asked), 4, "not-found")
    assert "would not be served" in str(told["message"])
    mine = tmp_path / "mine"
    make_tree(mine, {"mine.txt": 5})
    asked = ("fetch", "ABC00002", "--from", site.published, "-o", mine, "--dry-run", "--json")
    assert "mine.txt" in str(refused(here(*asked), 2, "config")["message"])


@pytest.mark.posix_only(reason="modes")
def test_a_place_that_may_not_be_written_is_foretold(
    here: Here, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: the folder for a package is closed to the user. A dry run ends as the fetch would."""
    here("fetch", "ABC00002", "--from", site.published, "-o", tmp_path / "to")  # imports all
    with folder_of(None, mode=0o755) as folder:
        published = shutil.copytree(site.published, folder / "site")
        for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):  # pytest's are closed to others
            monkeypatch.setenv(variable, str(folder))

        def ask() -> None:
            asked = ("fetch", "ABC00002", "--from", published, "-o", folder / "to")
            told = [here(*asked, *options, "--json") for options in (("--dry-run",), ())]
            assert [(each.status, each.error["code"]) for each in told] == [(9, "storage")] * 2
            message = "cannot open the state directory: Permission denied"
            assert all(each.error["message"].startswith(message) for each in told), told

        folder.chmod(0o555)
        run_as_ordinary_user(ask)
        folder.chmod(0o755)


def test_several_things_are_foretold_one_by_one(
    here: Here, site: Site, tmp_path: Path, unchanged: None
) -> None:
    asked = ("ABC00001", "ABC00002", "ABC00009", "--from", site.published, "-o", tmp_path / "to")
    ended = here("fetch", *asked, "--dry-run", "--json")
    assert ended.status == 4
    first, second, third = ended.document
    assert (first["package"], second["package"]) == ("ABC00001", "ABC00002")
    assert third["error"]["code"] == "not-found"
    assert not (tmp_path / "to").exists()
    shown = here("fetch", *asked, "--dry-run")
    assert "in total:" in shown.out
    assert "ABC00009" in shown.err


def test_a_file_at_a_url_is_foretold(here: Here, tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "file.bin").write_bytes(b"content")
    digest = hashlib.sha256(b"content").hexdigest()
    given = f"sha-512={hashlib.sha512(b'content').hexdigest()}"
    to = tmp_path / "to"
    with python_server(tmp_path / "www") as url:
        for known in (("--sha256", digest), ("--checksum", given)):
            asked = (f"{url}/file.bin", *known, "-o", to, "--json")
            ended = here("fetch", *asked, "--dry-run")
            assert ended.document["bytes_to_fetch"] == 7, ended.err
            assert not to.exists()
            assert here("fetch", *asked).status == 0
            ended = here("fetch", *asked, "--dry-run")
            assert ended.document["bytes_to_fetch"] == 0, ended.err
            shutil.rmtree(to)


@pytest.mark.parametrize(
    ("algorithm", "proof"),
    [
        ("sha-1", " by SHA-1, which does not protect against a deliberate forgery"),
        ("sha-256", ""),
        ("sha-512", " by SHA-512"),
    ],
)
def test_what_verifies_a_file_is_foretold(
    here: Here, tmp_path: Path, algorithm: str, proof: str
) -> None:
    """Fault: a file has only a digest that can be forged. A dry run says so, as the fetch does."""
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "file.bin").write_bytes(b"content")
    digest = hashlib.new(algorithm.replace("-", ""), b"content").hexdigest()
    with python_server(tmp_path / "www") as url:
        known = ("--checksum", f"{algorithm}={digest}", "-o", tmp_path / "to")
        asked = ("fetch", f"{url}/file.bin", *known)
        assert (
            f"0 bytes there and verified{proof}, 7 bytes to fetch" in here(*asked, "--dry-run").out
        )
        foretold = here(*asked, "--dry-run", "--json").document["verified_by"]
        assert foretold == here(*asked, "--json").document["verified_by"] == algorithm
        assert (
            f"7 bytes there and verified{proof}, 0 bytes to fetch" in here(*asked, "--dry-run").out
        )


def test_publishing_is_foretold_and_comes_to_that(
    here: Here, tmp_path: Path, unchanged: None
) -> None:
    source = make_tree(tmp_path / "source", {"large.bin": 2 << 20, "small.txt": 10})
    to = tmp_path / "site"
    asked = ("publish", source, "--package-id", "ABC00001", "--to", to, "--json")
    foretold = here(*asked, "--dry-run").document
    assert not to.exists()
    came_to = here(*asked).document
    assert foretold.pop("dry_run") is True
    assert foretold == came_to

    (source / "small.txt").write_bytes(b"other")
    with next((to / "objects").iterdir()).open("r+b") as file:
        file.write(b"wrong")
    before = everything(to)
    assert here(*asked, "--dry-run").status == 2  # other content of the same version
    foretold = here(*asked, "--version", "2", "--dry-run").document
    assert everything(to) == before
    came_to = here(*asked, "--version", "2").document
    foretold.pop("dry_run")
    assert foretold == came_to
    told = here(*asked[:-1], "--version", "3", "--dry-run").out
    assert told.startswith("would publish ABC00001 version 3: 2 files")


def test_a_dry_run_of_a_signed_site_remembers_nothing(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_tree(tmp_path / "source", {"file": 10})
    site, keys = tmp_path / "site", tmp_path / "keys"
    asked = ("publish", source, "--package-id", "ABC00001", "--to", site)
    assert here(*asked).status == 0
    assert here("trust", "init", site, "--keys", keys).status == 0
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    monkeypatch.setenv("LOCALAPPDATA", str(home))
    before = everything(tmp_path)
    again = (*asked, "--version", "2", "--sign-with", keys, "--dry-run")
    assert here(*again).status == 0
    assert here(*asked, "--version", "2", "--dry-run").status == 2  # no key is named
    root = ("--trust-root", keys / "root.json")
    fetched = here("fetch", "ABC00001", "--from", site, *root, "-o", tmp_path / "to", "--dry-run")
    assert fetched.status == 0, fetched.err
    assert everything(tmp_path) == before


def test_what_a_dry_run_cannot_tell_is_refused(here: Here, site: Site, tmp_path: Path) -> None:
    asked = ("fetch", "ABC00002", "--from", site.published, "-o", tmp_path / "to", "--dry-run")
    assert here(*asked, "--events", "ndjson").status == 2
    publish = ("publish", tmp_path, "--package-id", "ABC00001", "--to", tmp_path / "site")
    assert here(*publish, "--dry-run", "--repair").status == 2
