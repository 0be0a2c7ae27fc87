"""``dlcore fetch`` onto what is there already, and what it leaves when it fails."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from dlcore.publish import publish
from tests.cli.files import mirror
from tests.cli.helpers import Here, digest, tree
from tests.store.helpers import read_back

ID = "ABC00004"
BLOCK = 1 << 20
CONTENT = random.Random(8).randbytes(3 * BLOCK + 3)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Two versions of a package: published in ``1`` and ``2``, their sources in ``v1``, ``v2``."""
    chance = random.Random(3)
    large = chance.randbytes(3 * BLOCK)
    # Not zeros, which count as there where a file system does not tell holes from data.
    third = chance.randbytes(BLOCK)
    files = {"large.wim": large, "setup.exe": chance.randbytes(900), "old.inf": b"old"}
    for version in (1, 2):
        source = tmp_path / f"v{version}"
        source.mkdir()
        for name, data in files.items():
            (source / name).write_bytes(data)
        publish(source, package_id=ID, version=version, destination=str(tmp_path / str(version)))
        files = {"large.wim": large[: 2 * BLOCK] + third, "setup.exe": b"v2", "new": b"new"}
    return tmp_path


def test_an_update_keeps_the_blocks_that_match(here: Here, site: Path) -> None:
    """Fault: the folder holds an older version. dlcore fetches only the blocks that differ."""
    folder = site / "to"
    here("fetch", ID, "--from", site / "1", "-o", folder)
    done = here("fetch", ID, "--from", site / "2", "-o", folder, "--json").document
    assert tree(folder) == tree(site / "v2")
    assert done["verified"] is True
    assert done["bytes_reused"] == 2 * BLOCK
    arrived = done["bytes_fetched"] - done["bytes_wasted"]
    assert done["bytes_reused"] + arrived == done["content_bytes"]
    assert sorted(done["repaired"]) == ["large.wim", "new", "old.inf", "setup.exe"]
    assert not (site / ".to.dlcore").exists()


def test_damage_is_repaired_and_named(here: Here, site: Path) -> None:
    """Fault: a delivered file was altered. dlcore names it, and fetches only its wrong blocks."""
    folder = site / "to"
    here("fetch", ID, "--from", site / "1", "-o", folder)
    with (folder / "large.wim").open("rb+") as file:
        file.seek(BLOCK + 17)
        file.write(b"altered")
    ended = here("fetch", ID, "--from", site / "1", "-o", folder, "--json")
    assert ended.document["repaired"] == ["large.wim"]
    assert ended.document["bytes_fetched"] - ended.document["bytes_wasted"] == BLOCK
    assert tree(folder) == tree(site / "v1")


def test_people_are_told_what_was_repaired(here: Here, site: Path) -> None:
    folder = site / "to"
    here("fetch", ID, "--from", site / "1", "-o", folder)
    (folder / "setup.exe").write_bytes(b"altered")
    ended = here("fetch", ID, "--from", site / "1", "-o", folder)
    assert "was different before: setup.exe" in ended.out


def test_a_planted_program_is_refused_by_name(here: Here, site: Path) -> None:
    """Fault: a planted program in a delivered folder. dlcore refuses it by name."""
    folder = site / "to"
    here("fetch", ID, "--from", site / "1", "-o", folder)
    (folder / "version.dll").write_bytes(b"planted")
    before = read_back(folder)
    ended = here("fetch", ID, "--from", site / "2", "-o", folder, "--json")
    assert (ended.status, ended.error["code"]) == (2, "config")
    assert "version.dll" in ended.error["message"]
    assert "Move that away" in ended.error["remedy"]
    assert read_back(folder) == before


def test_a_file_at_a_url_is_updated_where_dlcore_put_it(here: Here, tmp_path: Path) -> None:
    newer = CONTENT[:-1] + b"!"
    for content in (CONTENT, newer):
        sha256 = hashlib.sha256(content).hexdigest()
        with mirror(content) as server:
            ended = here("fetch", server.url(), "--sha256", sha256, "-o", tmp_path, "--json")
        assert ended.status == 0, ended.err
        assert tree(tmp_path) == {"file.bin": digest(content)}


# What is left of a failure


def test_a_claimed_length_that_does_not_fit_is_refused_at_once(here: Here, tmp_path: Path) -> None:
    """Fault: a server claims 8 TiB. dlcore refuses at once, and leaves nothing."""
    with mirror(CONTENT) as server:
        server.claimed_bytes = 8 << 40
        ended = here("fetch", server.url(), "--sha256", SHA256, "-o", tmp_path / "to", "--json")
        assert server.asked == []
    assert (ended.status, ended.error["code"]) == (8, "disk-full")
    assert not (tmp_path / "to").exists()


def test_what_holds_nothing_is_removed(here: Here, tmp_path: Path) -> None:
    """Fault: nothing that arrived was right. dlcore leaves no state folder."""
    with mirror(bytes(len(CONTENT))) as server:
        ended = here(
            *("fetch", server.url(), "--sha256", SHA256, "-o", tmp_path),
            *("--retries", "0", "--json"),
        )
    assert ended.status == 7
    assert list(tmp_path.iterdir()) == []


def test_what_is_kept_is_told(here: Here, site: Path) -> None:
    """Fault: a fetch fails for good in the middle. dlcore says how much is kept, and where."""
    for path in (site / "2" / "objects").iterdir():
        if path.stat().st_size > BLOCK:
            path.unlink()
    folder = site / "to"
    command = ("fetch", ID, "--from", site / "2", "-o", folder, "--retries", "0", "--json")
    ended = here(*command)
    assert ended.status == 4
    assert "kept in" in ended.error["remedy"]
    assert str(site / ".to.dlcore") in ended.error["remedy"]
    assert (site / ".to.dlcore").is_dir()


def test_a_name_of_250_characters(here: Here, tmp_path: Path) -> None:
    """Fault: a URL whose last part has 250 characters. dlcore shortens its state folder's name."""
    name = "n" * 246 + ".bin"
    with mirror(CONTENT) as server:
        ended = here("fetch", server.url(name), "--sha256", SHA256, "-o", tmp_path, "--json")
    assert ended.status == 0, ended.err
    assert tree(tmp_path) == {name: digest(CONTENT)}


def test_a_name_of_more_than_255_bytes_is_refused(here: Here, tmp_path: Path) -> None:
    """Fault: a URL whose last part has more than 255 bytes. dlcore refuses it by name."""
    with mirror(CONTENT) as server:
        url = server.url("n" * 256)
        ended = here("fetch", url, "--sha256", SHA256, "-o", tmp_path, "--json")
    assert (ended.status, ended.error["code"]) == (3, "manifest")
    assert "255 bytes" in ended.error["message"]
    assert list(tmp_path.iterdir()) == []
