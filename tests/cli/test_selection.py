"""``dlcore fetch --include`` and ``--exclude``: some files of a package, and what is told."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.cli.files import python_server
from tests.cli.gateways import served_here
from tests.cli.helpers import Here, tree


@pytest.fixture
def source(here: Here, tmp_path: Path) -> Path:
    """A folder, published as ABC00077 below ``site`` beside it."""
    folder = tmp_path / "source"
    files = {f"drivers/{n}/d{n}.inf": bytes([n]) * (700 + n) for n in range(6)}
    files |= {"drivers/0/d.sys": b"sys" * 9000, "big.wim": bytes(range(256)) * 9000, "no.txt": b""}
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    options = ("--package-id", "ABC00077", "--version", "1", "--to", tmp_path / "site")
    assert here("publish", folder, *options).status == 0
    return folder


def files_of(folder: Path, suffix: str = "") -> dict[str, str]:
    """The digests of the files in a folder whose names end so."""
    return {path: found for path, found in tree(folder).items() if found and path.endswith(suffix)}


@pytest.mark.parametrize("scheme", ["file", "http"])
def test_only_the_files_that_match_are_fetched(
    scheme: str, source: Path, here: Here, tmp_path: Path
) -> None:
    to, site = tmp_path / "to", tmp_path / "site"
    options = ("-o", to, "--include", "*.INF", "--exclude", "drivers/3", "--json")
    with python_server(site) as url:  # it knows no ranges
        where = url if scheme == "http" else site
        ended = here("fetch", "ABC00077", "--from", where, *options)
    assert ended.status == 0, ended.err
    expected = files_of(source, ".inf")
    del expected["drivers/3/d3.inf"]
    assert files_of(to) == expected
    done = ended.document
    assert (done["verified"], done["complete"]) == (True, False)
    assert done["selection"]["files"] == len(expected)
    assert done["selection"]["package_files"] == 9
    used_bytes = done["bytes_fetched"] - done["bytes_wasted"]  # what was skipped is wasted
    assert used_bytes == done["content_bytes"] == sum(700 + n for n in (0, 1, 2, 4, 5))


def test_a_dry_run_tells_that_it_is_not_the_whole_package(
    source: Path, here: Here, tmp_path: Path
) -> None:
    """Fault: a dry run of some files looks like one of the package. dlcore tells how many."""
    asked = ("fetch", "ABC00077", "--from", tmp_path / "site", "-o", tmp_path / "to", "--dry-run")
    patterns = ("--include", "*.inf")
    told = here(*asked, *patterns).out
    assert "ABC00077 version 1 (6 of 9 files; not the whole package): 6 files" in told
    foretold = here(*asked, *patterns, "--json").document
    assert foretold["complete"] is False
    done = here(*asked[:-1], *patterns, "--json").document
    assert foretold["selection"] == done["selection"]
    (many, _) = here(*asked, "ABC00078", *patterns, "--json").document
    assert (many["complete"], many["selection"]) == (False, done["selection"])
    foretold = here(*asked, "--json").document
    assert (foretold["complete"], foretold["selection"]) == (True, None)
    assert "not the whole" not in here(*asked).out


def test_a_gateway_is_asked_for_those_bytes_alone(source: Path, here: Here, tmp_path: Path) -> None:
    """In the gateway's storage the files are in the middle of one object."""
    with served_here(tmp_path / "site", tmp_path / "emulator") as gateway:
        where = ("--from", f"cmg+{gateway.url}", *gateway.access)
        options = ("--include", "d[24].inf", "-o", tmp_path / "to", "--json")
        ended = here("fetch", "ABC00077", *where, *options)
    assert ended.status == 0, ended.err
    names = [f"drivers/{n}/d{n}.inf" for n in (2, 4)]
    assert files_of(tmp_path / "to") == {name: files_of(source)[name] for name in names}
    assert sum(ended.document["endpoints"].values()) == 702 + 704


def test_people_are_told_that_it_is_not_the_package(
    source: Path, here: Here, tmp_path: Path
) -> None:
    where = ("--from", tmp_path / "site", "-o", tmp_path / "to")
    ended = here("fetch", "ABC00077", *where, "--include", "big.wim")
    assert "ABC00077 version 1 (1 of 9 files; not the whole package): " in ended.out
    many = here("fetch", "ABC00077", "ABC00077", *where, "--include", "*.inf", "--json")
    assert [item["complete"] for item in many.document] == [False]
    assert files_of(tmp_path / "to" / "ABC00077") == files_of(source, ".inf")


def test_a_selection_grows_and_a_fetch_without_patterns_completes_it(
    source: Path, here: Here, tmp_path: Path
) -> None:
    """Fault: a folder holds some files of a package. dlcore takes it for the package only when all
    of it is there, and no pattern takes anything away again.
    """
    to = tmp_path / "to"
    fetch = ("fetch", "ABC00077", "--from", tmp_path / "site", "-o", to, "--json")
    first = here(*fetch, "--include", "drivers/0")
    wider = here(*fetch, "--include", "drivers/**")
    assert wider.document["bytes_reused"] == first.document["content_bytes"]
    narrower = here(*fetch, "--include", "drivers/0")
    assert (narrower.status, narrower.error["code"]) == (2, "config")
    assert "holds more than the patterns select: drivers/1" in narrower.error["message"]
    whole = here(*fetch)
    assert whole.document["complete"] is True
    assert tree(to) == tree(source)
    after = here(*fetch, "--include", "*.inf")
    assert after.status == 2
    assert tree(to) == tree(source)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("ABC00077", "--include", "*.msi"), "no file of ABC00077 matches"),
        (("ABC00077", "--include", "/"), "'/' is not a pattern"),
        (("ABC00077", "--exclude", "**"), "no file of ABC00077 matches"),
    ],
)
def test_patterns_that_select_nothing_are_refused(
    arguments: tuple[str, ...], word: str, source: Path, here: Here, tmp_path: Path
) -> None:
    assert source.is_dir()
    where = ("--from", tmp_path / "site", "-o", tmp_path / "to", "--json")
    ended = here("fetch", *arguments, *where)
    assert (ended.status, ended.error["code"]) == (2, "config")
    assert word in ended.error["message"]


def test_patterns_are_not_for_a_file_at_a_url(source: Path, here: Here, tmp_path: Path) -> None:
    sha256 = hashlib.sha256((source / "big.wim").read_bytes()).hexdigest()
    options = ("--sha256", sha256, "--include", "*", "-o", tmp_path / "to")
    ended = here("fetch", (source / "big.wim").as_uri(), *options, "--json")
    assert (ended.status, ended.error["code"]) == (2, "config")
    assert "is a single file" in ended.error["message"]


def test_files_that_were_not_selected_before_are_not_called_different(
    source: Path, here: Here, tmp_path: Path
) -> None:
    fetch = ("fetch", "ABC00077", "--from", tmp_path / "site", "-o", tmp_path / "to", "--json")
    assert here(*fetch, "--include", "no.txt").status == 0
    assert here(*fetch, "--dry-run").document["repaired"] == []
    assert here(*fetch).document["repaired"] == []
    (tmp_path / "to" / "big.wim").unlink()
    assert here(*fetch).document["repaired"] == ["big.wim"]
