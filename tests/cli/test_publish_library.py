"""``dlcore publish --all`` on the command line: a whole content library, in shards, in part."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.helpers import Here, refused
from tests.publish.library import file_of, state_hash, write_content
from tests.publish.whole import APPLICATION, package, write_whole

PACKAGES = 3
CONTENTS = PACKAGES + 2


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return write_whole(tmp_path / "library", PACKAGES)


def test_a_library_is_foretold_published_and_published_again(
    here: Here, library: Path, tmp_path: Path
) -> None:
    asked = ("publish", "--content-library", library, "--all", "--to", tmp_path / "site")
    foretold = here(*asked, "--dry-run")
    assert f"new: {APPLICATION} version 2" in foretold.out
    assert "5 contents: 5 new, 0 changed, 0 unchanged, 0 not published (dry run)" in foretold.out
    assert not (tmp_path / "site").exists()
    done = here(*asked)
    assert done.out.splitlines()[0].startswith("5 contents: 5 new, 0 changed, 0 unchanged")
    assert here(*asked).out.splitlines() == [
        "5 contents: 0 new, 0 changed, 5 unchanged, 0 not published",
        "0 objects (0 bytes) and 0 documents written",
    ]
    assert here("verify", tmp_path / "site").status == 0


def test_several_drives_may_each_be_named_as_a_content_library(
    here: Here, library: Path, tmp_path: Path
) -> None:
    (tmp_path / "second" / "FileLib").mkdir(parents=True)
    drives = ("--content-library", library, "--content-library", tmp_path / "second")
    done = here("publish", *drives, "--all", "--to", tmp_path / "site", "--json").document
    assert (done["contents"], done["refused"]) == (CONTENTS, [])


def test_what_is_not_published_is_named_and_decides_the_status(
    here: Here, library: Path, tmp_path: Path
) -> None:
    write_content(library, "ABC00777.1", {"file": b"rotten"})
    file_of(library, b"rotten").write_bytes(b"rotteN")
    write_content(library, "ABC00778.1", {"file": b"lost"})
    file_of(library, b"lost").unlink()
    asked = ("publish", library, "--content-library", "--all", "--to", tmp_path / "site")
    ended = here(*asked, "--json")
    assert ended.status == 7  # of an integrity error; a file that is missing has 4
    told = {each["package_id"]: each["code"] for each in ended.document["refused"]}
    assert told == {"ABC00777": "integrity", "ABC00778": "not-found"}
    assert "error (integrity): ABC00777: " in ended.err
    assert len(ended.document["new"]) == CONTENTS
    assert here("list", tmp_path / "site", "--json").status == 0


def test_what_the_library_contradicts_is_named(here: Here, library: Path, tmp_path: Path) -> None:
    tree = {"a.txt": b"a", "setup.exe": b"bb"}
    write_content(library, "ABC0F003.1", tree)
    state_hash(library, "ABC0F003.1", tree)
    asked = ("publish", "--content-library", library, "--to", tmp_path / "site")
    assert "content hash" not in here(*asked, "--all").out
    (library / "DataLib" / "ABC0F003.1" / "setup.exe.INI").unlink()
    named = "the files do not have the content hash that the content library states: ABC0F003"
    assert named in here(*asked, "--all", "--replace", "--dry-run").out
    done = here(*asked, "--all", "--replace", "--json").document
    assert (done["contradicting"], done["refused"]) == (["ABC0F003"], [])
    assert named in here(*asked, "--package-id", "ABC0F003").out


def test_shards_are_published_and_joined(here: Here, library: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    (library / "PkgLib" / f"{package(0)}.INI").write_text("[Packages]\n")
    for number in (1, 2):
        asked = ("publish", library, "--content-library", "--all", "--to", site)
        ended = here(*asked, "--shard", f"{number}/2", "--parts", tmp_path / "parts")
        assert f"in shard {number}/2: " in ended.out
        assert "--join" in ended.out
    assert not (site / "catalog.json").exists()
    joined = here("publish", "--join", "2", "--to", site, "--parts", tmp_path / "parts")
    assert joined.status == 3
    assert f"error (manifest): {package(0)}: " in joined.err
    assert joined.out.splitlines() == [
        "2 shards joined: 4 packages entered into the catalog, 0 unchanged, 1 not published"
    ]


@pytest.mark.parametrize("asked", [APPLICATION, f"{APPLICATION.upper()}.2"])
def test_the_content_of_an_application_is_fetched_from_the_site(
    here: Here, library: Path, tmp_path: Path, asked: str
) -> None:
    site, to = tmp_path / "site", tmp_path / "to"
    here("publish", library, "--content-library", "--all", "--to", site)
    fetched = here("fetch", asked, "--from", site, "--catalog", site / "catalog.json", "-o", to)
    assert fetched.status == 0, fetched.err
    assert (to / "app.msi").read_bytes() == b"app"
    assert "app.msi" in here("tree", site, asked.partition(".")[0]).out
    other = here("fetch", f"{APPLICATION}.3", "--from", site, "-o", tmp_path / "other")
    assert other.status == 4, other.err
    assert "in version 2" in other.err


def test_what_is_gone_is_withdrawn_by_its_number(here: Here, library: Path, tmp_path: Path) -> None:
    asked = ("publish", "--content-library", library, "--all", "--to", tmp_path / "site")
    here(*asked)
    (library / "PkgLib" / f"{package(1)}.INI").unlink()
    line = f"not in the library any more, and {{}}: {package(1)}"
    assert line.format("still published") in here(*asked).out
    ended = here(*asked, "--withdraw-gone", "2")
    assert ended.status == 2
    assert "1 content of" in ended.err
    assert (
        line.format("would be withdrawn") in here(*asked, "--withdraw-gone", "1", "--dry-run").out
    )
    assert line.format("withdrawn") in here(*asked, "--withdraw-gone", "1").out
    assert "not in the library any more" not in here(*asked).out
    assert here("verify", tmp_path / "site").status == 0
    alone = here("publish", library, "--to", tmp_path / "site", "--withdraw-gone", "1")
    assert (alone.status, "--withdraw-gone goes with --all" in alone.err) == (2, True)


def test_joining_says_which_shard_is_missing(here: Here, tmp_path: Path) -> None:
    ended = here("publish", "--join", "2", "--to", tmp_path / "site", "--json")
    assert "shard 1/2 has no part" in str(refused(ended, 4, "not-found")["message"])
