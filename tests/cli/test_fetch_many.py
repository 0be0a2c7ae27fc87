"""``dlcore fetch`` of several things: where each goes, what is told of it, and who fails alone."""

from __future__ import annotations

import hashlib
import json
import random
import signal
import subprocess
from pathlib import Path

import pytest

from dlcore.cli.options.item_lists import items_of
from dlcore.engine.fetching.call import FetchItem
from tests.cli.conftest import Site
from tests.cli.files import mirror, python_server
from tests.cli.gateways import served_here
from tests.cli.helpers import (
    COMMAND,
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

FILES = {
    f"file{number}.bin": random.Random(number).randbytes(50_000 + number) for number in range(5)
}
WRONG = "0" * 64


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A folder of some files."""
    folder = tmp_path / "served"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return folder


def sha256(name: str) -> str:
    return hashlib.sha256(FILES[name]).hexdigest()


def wrong(name: str) -> str:
    """A digest that no file here has."""
    return hashlib.sha256(name.encode()).hexdigest()


def test_each_package_becomes_a_folder_of_its_own(here: Here, site: Site, tmp_path: Path) -> None:
    packages = ("ABC00002", "ABC00001")
    ended = here("fetch", *packages, "--from", site.published, "-o", tmp_path / "to", "--json")
    assert ended.status == 0, ended.err
    assert [item["what"] for item in ended.document] == list(packages)
    assert {path.name for path in (tmp_path / "to").iterdir()} == set(packages)
    for item in ended.document:
        assert item["path"] == str(tmp_path / "to" / item["package"])
        assert tree(Path(item["path"])) == tree(site.source(item["package"]))
        assert item["verified"]
        assert item["endpoints"] == {site.published.name: item["bytes_fetched"]}


def test_a_list_names_files_and_packages_with_or_without_digests(
    here: Here, site: Site, listed: Path, tmp_path: Path
) -> None:
    with python_server(listed) as url:
        lines = ["# what the branch office needs", "", "ABC00001"]
        lines += [f"{url}/{name}  {sha256(name)}" for name in FILES]
        (tmp_path / "list").write_bytes("\r\n".join(lines).encode("utf-16"))
        command = (
            "fetch",
            "-i",
            tmp_path / "list",
            "--from",
            site.published,
            "-o",
            tmp_path / "to",
        )
        first, again = here(*command, "--json"), here(*command, "--json")
    assert first.status == 0, first.err
    found = tree(tmp_path / "to")
    assert {name: found[name] for name in FILES} == {n: digest(c) for n, c in FILES.items()}
    assert tree(tmp_path / "to" / "ABC00001") == tree(site.source("ABC00001"))
    places = {Path(item["path"]) for item in first.document}
    assert places == set((tmp_path / "to").iterdir())
    assert sum(item["bytes_fetched"] for item in again.document) == 0


def test_a_list_comes_from_standard_input(listed: Path, tmp_path: Path) -> None:
    with python_server(listed) as url:
        told = f"{url}/file1.bin {sha256('file1.bin')}\n"
        ended = subprocess.run(
            [*COMMAND, "fetch", "-i", "-", "-o", str(tmp_path / "to"), "--json"],
            input=told.encode(),
            stdout=subprocess.PIPE,
            check=True,
        )
    assert [item["what"] for item in json.loads(ended.stdout)] == [f"{url}/file1.bin"]
    assert tree(tmp_path / "to") == {"file1.bin": digest(FILES["file1.bin"])}


def test_what_fails_stops_nothing_else(here: Here, listed: Path, tmp_path: Path) -> None:
    """Fault: some of many files have a wrong digest, or are not there. dlcore fetches the others.

    More of them are wrong than an endpoint may serve wrong when it serves one package.
    """
    (listed / "last.bin").write_bytes(b"right")
    with python_server(listed) as url:
        lines = [f"{url}/{name} {wrong(name)}" for name in FILES]
        lines += [
            f"{url}/nowhere.bin {WRONG}",
            f"{url}/last.bin {hashlib.sha256(b'right').hexdigest()}",
        ]
        (tmp_path / "list").write_text("\n".join(lines))
        ended = here("fetch", "-i", tmp_path / "list", "-o", tmp_path / "to", "--json")
    assert ended.status == 7, "the highest of all"
    codes = [item["error"]["code"] if "error" in item else "" for item in ended.document]
    assert codes == ["integrity"] * len(FILES) + ["not-found", ""]
    assert tree(tmp_path / "to") == {"last.bin": digest(b"right")}
    assert f"error (not-found): {url}/nowhere.bin: " in ended.err


def test_the_failure_of_one_server_is_no_reason_at_another(
    here: Here, listed: Path, tmp_path: Path
) -> None:
    """Fault: a server breaks while another serves a wrong file. dlcore tells each why."""
    with python_server(listed) as url, mirror(b"x" * 50_000) as broken:
        broken.content = b""  # it claims more than it sends
        (tmp_path / "list").write_text(
            f"{url}/file1.bin {WRONG}\n{broken.url('broken.bin')} {WRONG}\n"
        )
        ended = here(
            *("fetch", "-i", tmp_path / "list", "-o", tmp_path / "to", "--retries", "0", "--json"),
        )
    wrong, cut = (item["error"] for item in ended.document)
    assert (wrong["code"], cut["code"]) == ("integrity", "exhausted")
    assert "ended early" not in wrong["message"]
    assert ended.status == 7


def test_two_things_cannot_have_one_name(here: Here, listed: Path, tmp_path: Path) -> None:
    with mirror(FILES["file1.bin"]) as other, python_server(listed) as url:
        (tmp_path / "list").write_text(
            f"{url}/file1.bin {sha256('file1.bin')}\n{other.url('file1.bin')} {WRONG}\n"
            f"{url}/file1.bin {sha256('file1.bin')}\n"
        )
        ended = here("fetch", "-i", tmp_path / "list", "-o", tmp_path / "to", "--json")
    assert len(ended.document) == 2, "what is named twice is fetched once"
    refused = ended.document[1]["error"]
    assert refused["code"] == "config"
    assert "file1.bin is the place of http" in refused["message"]
    assert tree(tmp_path / "to") == {"file1.bin": digest(FILES["file1.bin"])}


def test_limits_hold_for_all_together(here: Here, listed: Path, tmp_path: Path) -> None:
    with python_server(listed) as url:
        lines = [f"{url}/{name} {sha256(name)}" for name in FILES]
        (tmp_path / "list").write_text("\n".join(lines))
        command = ("fetch", "-i", tmp_path / "list", "-o", tmp_path / "to", "--json")
        ended = here(*command, "--connections", "1")
    assert ended.status == 0, ended.err
    for item in ended.document:
        assert {name: at["max_connections"] for name, at in item["sources"].items()} == {
            "127.0.0.1": 1
        }


@pytest.mark.parametrize("ending", ["kill", *REQUESTS])
def test_what_was_broken_off_goes_on(ending: str, here: Here, site: Site, tmp_path: Path) -> None:
    """Fault: a fetch of several packages is broken off. The next one keeps what was verified."""
    folder, packages = tmp_path / "to", ("ABC00002", "ABC00001")
    with served_here(
        site.published, tmp_path / "emulator", bandwidth_bytes_per_s=3_000_000
    ) as gateway:
        source = ("--from", f"cmg+{gateway.url}", *gateway.access)
        process = start("fetch", *packages, *source, "-o", folder, "--json")
        journals = ".*.dlcore/partial/*/*"
        wait_until(lambda: any(map(has_journal, folder.glob(journals))), process)
        if ending in REQUESTS:
            process.send_signal(getattr(signal, ending))
        else:
            process.kill()
        broken = wait(process)
    assert broken.status == (REQUESTS[ending][0] if ending in REQUESTS else KILLED), broken
    done = here("fetch", *packages, "--from", site.published, "-o", folder, "--json").document
    assert sum(item["bytes_reused"] for item in done) > 0
    assert {path.name for path in folder.iterdir()} == set(packages)
    for package in packages:
        assert tree(folder / package) == tree(site.source(package))


def test_a_list_of_checksums_at_a_url_names_files_beside_it(
    here: Here, listed: Path, tmp_path: Path
) -> None:
    """Fault: a file is not the one that a list of checksums names. dlcore refuses that one."""
    lines = [f"{sha256(name)}  {name}" for name in FILES]
    (listed / "SHA256SUMS").write_text("\n".join([*lines, f"{WRONG} *wrong 1.bin"]))
    (listed / "wrong 1.bin").write_bytes(b"wrong")
    with python_server(listed) as url:
        command = ("fetch", "--checksums", f"{url}/SHA256SUMS", "-o", tmp_path / "to", "--json")
        ended = here(*command)
    assert ended.status == 7
    assert [item["what"] for item in ended.document if "error" in item] == [f"{url}/wrong%201.bin"]
    assert tree(tmp_path / "to") == {name: digest(content) for name, content in FILES.items()}


def test_a_list_of_checksums_gives_the_digests_of_what_is_named(
    here: Here, listed: Path, tmp_path: Path
) -> None:
    (listed / "x64").mkdir()
    (listed / "x64" / "file2.bin").write_bytes(b"x64")
    x64 = hashlib.sha256(b"x64").hexdigest()
    (tmp_path / "SUMS").write_text(f"{sha256('file2.bin')}  file2.bin\n{x64}  x64/file2.bin\n")
    with python_server(listed) as url:
        command = ("fetch", "--checksums", tmp_path / "SUMS", "-o", tmp_path / "to", "--json")
        named = here(*command, f"{url}/x64/file2.bin")
        alone = here(*command)
    assert named.status == 0, named.err
    assert tree(tmp_path / "to") == {"file2.bin": digest(b"x64")}
    assert (alone.status, alone.error["code"]) == (2, "config")
    assert "does not say where its files are" in alone.error["message"]


def test_files_of_a_list_keep_the_folders_that_it_names(here: Here, tmp_path: Path) -> None:
    """Fault: a list of checksums has a file of one name in two folders. dlcore puts each into a
    folder of its own, and none on top of the other.
    """
    served = tmp_path / "served"
    lines = []
    for name, content in (("x64/tool.zip", b"x64"), ("x86/tool.zip", b"x86"), ("tool.zip", b"no")):
        (served / name).parent.mkdir(parents=True, exist_ok=True)
        (served / name).write_bytes(content)
        lines.append(f"{hashlib.sha512(content).hexdigest()}  {name}")
    (served / "SHA512SUMS").write_text("\n".join(lines))
    with python_server(served) as url:
        command = ("fetch", "--checksums", f"{url}/SHA512SUMS", "-o", tmp_path / "to", "--json")
        first, again = here(*command), here(*command)
    assert (first.status, again.status) == (0, 0), first.err
    (served / "SHA512SUMS").unlink()
    assert tree(tmp_path / "to") == tree(served)
    assert {item["verified_by"] for item in first.document} == {"sha-512"}
    assert [item["bytes_fetched"] for item in again.document] == [0, 0, 0]


def test_a_fetch_of_which_all_fails_leaves_no_folder(here: Here, tmp_path: Path) -> None:
    """Fault: the files of a list are not what it says. dlcore leaves no empty folder for them."""
    served = tmp_path / "served"
    (served / "sub").mkdir(parents=True)
    (served / "sub" / "tool.zip").write_bytes(b"wrong")
    (served / "SUMS").write_text(f"{WRONG}  sub/tool.zip\n")
    (tmp_path / "mine").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with python_server(served) as url:
        one = (f"{url}/sub/tool.zip", "--sha256", WRONG)
        for what in (("--checksums", f"{url}/SUMS"), one):
            for folder in ("to/deep", "mine"):
                assert here("fetch", *what, "-o", tmp_path / folder).status == 7
    assert sorted(tmp_path.rglob("*")) == before


def test_a_list_of_checksums_that_is_not_there_is_not_found(here: Here, tmp_path: Path) -> None:
    with python_server(tmp_path) as url:
        ended = here("fetch", "--checksums", f"{url}/SUMS", "-o", tmp_path / "to", "--json")
    assert (ended.status, ended.error["code"]) == (4, "not-found")
    assert ended.error["remedy"] == "Check the URL."


def test_a_list_of_checksums_that_anyone_could_alter_is_refused(here: Here, tmp_path: Path) -> None:
    url = "http://192.0.2.1/SHA256SUMS"  # reserved for documentation: nothing is there
    ended = here("fetch", "--checksums", url, "-o", tmp_path / "to", "--json")
    assert (ended.status, ended.error["code"]) == (2, "config")
    assert "without TLS" in ended.error["message"]


def test_a_list_of_checksums_that_nothing_would_use_is_refused(
    here: Here, site: Site, tmp_path: Path
) -> None:
    """Fault: a list of checksums is named for packages alone. dlcore does not ignore it."""
    (tmp_path / "SUMS").write_text(f"{WRONG}  tool.zip\n")
    command = ("fetch", "ABC00002", "--checksums", tmp_path / "SUMS", "--from", site.published)
    for options in ((), ("--dry-run",)):
        ended = here(*command, "-o", tmp_path / "to", "--json", *options)
        assert (ended.status, ended.error["code"]) == (2, "config")
        assert ended.error["message"].startswith("--checksums has the digests of files at URLs")
    assert not (tmp_path / "to").exists()


def test_one_item_that_fails_is_not_counted_as_one_of_one(
    here: Here, site: Site, tmp_path: Path
) -> None:
    (tmp_path / "list").write_text("ABC00009\n")
    ended = here("fetch", "-i", tmp_path / "list", "--from", site.published, "-o", tmp_path / "to")
    assert (ended.status, ended.out) == (4, "1 item failed\n")


def test_people_are_told_of_each(here: Here, site: Site, tmp_path: Path) -> None:
    ended = here("fetch", "ABC00003", "ABC00009", "--from", site.published, "-o", tmp_path / "to")
    assert ended.status == 4
    assert "ABC00003 version 1: 4.9 KiB verified at" in ended.out
    assert "1 of 2 items failed" in ended.out
    assert "error (not-found): ABC00009: package ABC00009 is not in the catalog" in ended.err


def test_many_things_do_not_flood_the_terminal(here: Here, tmp_path: Path) -> None:
    """Fault: fifty files print two hundred lines. dlcore prints one, and those that failed."""
    folder = tmp_path / "served"
    folder.mkdir()
    digests = {}
    for number in range(50):
        content = random.Random(number).randbytes(1000)
        (folder / f"{number}.bin").write_bytes(content)
        digests[f"{number}.bin"] = hashlib.sha256(content).hexdigest()
    digests["7.bin"] = WRONG
    with python_server(folder) as address:
        (tmp_path / "list").write_text(
            "".join(f"{address}/{name} {each}\n" for name, each in digests.items())
        )
        command = ("fetch", "-i", tmp_path / "list", "-o", tmp_path / "to", "--retries", "0")
        ended = here(*command)
        again = here(*command, "-v")
    assert ended.status == again.status == 7
    assert ended.out.splitlines() == [
        f"49 items: 47.9 KiB verified in {tmp_path / 'to'} (47.9 KiB fetched, 0 bytes reused)",
        "1 of 50 items failed",
    ]
    first, *others = [line for line in ended.err.splitlines() if " ready), " not in line]
    assert "whole objects only" in first
    assert len(others) == 2, "besides progress, of a machine that is slow"
    assert others[0].startswith(f"error (integrity): {address}/7.bin: 127.0.0.1: 7.bin does not")
    assert others[1] == "  Check where the digest comes from, or name another endpoint."
    assert len(again.out.splitlines()) == 50


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((), "nothing to fetch is named"),
        (("ABC00001", "ABC00002", "--sha256", WRONG), "--sha256"),
        (("ABC00001", "ABC00002", "--catalog-sha256", "12"), "catalog's SHA-256"),
        (("ABC00001", "ABC00002", "--checksum", f"sha-1={'0' * 40}"), "--checksum"),
        (("-i", "LIST"), "nothing to fetch is named"),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: tuple[str, ...], word: str, here: Here, tmp_path: Path
) -> None:
    (tmp_path / "list").write_text("# empty\n")
    given = [str(tmp_path / "list") if word == "LIST" else word for word in arguments]
    ended = here("fetch", *given, "-o", tmp_path / "to", "--json")
    assert (ended.status, ended.error["code"]) == (2, "config")
    assert word in ended.error["message"]


def test_endpoints_that_serve_nothing_of_it_are_refused(
    here: Here, site: Site, listed: Path, tmp_path: Path
) -> None:
    with python_server(listed) as url:
        (tmp_path / "list").write_text(f"{url}/file1.bin {sha256('file1.bin')}")
        command = ("fetch", "-i", tmp_path / "list", "-o", tmp_path / "to", "--json")
        ended = here(*command, "--from", site.published)
    assert (ended.status, ended.error["code"]) == (2, "config")
    assert "no package is to be fetched from them" in ended.error["message"]


def test_secrets_of_urls_are_not_told(here: Here, listed: Path, tmp_path: Path) -> None:
    with python_server(listed) as url:
        command = ("fetch", f"{url}/file1.bin?sig=secret", f"{url}/no.bin?sig=secret")
        ended = here(*command, "-o", tmp_path / "to", "--json")
    assert "secret" not in ended.out + ended.err
    assert [item["what"] for item in ended.document] == [
        f"{url}/file1.bin?***",
        f"{url}/no.bin?***",
    ]


@pytest.mark.parametrize(
    ("line", "item"),
    [
        ("ABC00012", FetchItem("ABC00012")),
        (f"https://host/a.iso\t{WRONG}", FetchItem("https://host/a.iso", WRONG)),
        (r"C:\my manifests\tool.meta4", FetchItem(r"C:\my manifests\tool.meta4")),
        (f"my file {WRONG}", FetchItem("my file", WRONG)),
        (WRONG, FetchItem(WRONG)),
        ("https://host/a.iso#part", FetchItem("https://host/a.iso#part")),
    ],
)
def test_a_line_is_an_item_and_perhaps_its_digest(line: str, item: FetchItem) -> None:
    assert items_of(f"  {line} \n\n# {line}\n", "list") == [item]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("http://host/one.txt abc", "'abc' is not a digest"),
        ("file:///srv/one.txt abc", "'abc' is not a digest"),
        ("abc00002\tzzz", "'zzz' is not a digest"),
        (f"http://host/one.txt {WRONG[1:]}", f"'{WRONG[1:]}' is not a digest"),
        (f"http://host/one.txt {WRONG} {WRONG}", f"'{WRONG}' is not a digest"),
        ("http://host/one two.txt?sig=secret", "'two.txt?***' is not a digest"),
        (f"http://host/one.txt md5={WRONG[:32]}", "not one of sha-1"),
        ("http://host/one.txt sha-512=abc", "'sha-512=abc' is not a digest"),
    ],
)
def test_a_line_with_something_else_behind_a_thing_is_refused(
    line: str, message: str, here: Here, tmp_path: Path
) -> None:
    file = tmp_path / "list.txt"
    file.write_text(f"# {line}\n\n{line}\n")
    ended = here("fetch", "-i", file, "-o", tmp_path / "to", "--json")
    assert (ended.status, ended.error["code"]) == (2, "config")
    assert ended.error["message"].startswith(f"{file}, line 3: ")
    assert message in ended.error["message"]
    assert "64 hexadecimal digits" in ended.error["remedy"]
