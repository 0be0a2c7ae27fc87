"""``dlcore fetch --remote-time``: files at URLs with the time that their server states."""

from __future__ import annotations

import hashlib
import os
import random
from pathlib import Path

import pytest

from tests.cli.files import mirror, python_server
from tests.cli.helpers import Here

CONTENT = random.Random(8).randbytes(300_003)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MODIFIED = {"Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT"}
MODIFIED_S = 784_111_777


def time_of(path: Path) -> float:
    return path.stat().st_mtime


def test_the_file_has_its_servers_time_and_is_right_at_the_next_fetch(
    here: Here, tmp_path: Path
) -> None:
    file = tmp_path / "to" / "file.bin"
    with mirror(CONTENT) as server:
        server.headers = MODIFIED
        command = ("fetch", server.url(), "--sha256", SHA256, "-o", file.parent, "--json")
        first = here(*command, "-R")
        assert time_of(file) == MODIFIED_S
        again = here(*command, "--remote-time")
        assert (first.document["bytes_fetched"], again.document["bytes_fetched"]) == (
            len(CONTENT),
            0,
        )
        assert time_of(file) == MODIFIED_S
        file.write_bytes(CONTENT[:-1] + b"x")
        repaired = here(*command, "-R")
        assert repaired.document["repaired"] == ["file.bin"], "it is known as dlcore's own"
        assert time_of(file) == MODIFIED_S
        assert file.read_bytes() == CONTENT


def test_without_the_option_the_time_is_that_of_the_fetch(here: Here, tmp_path: Path) -> None:
    with mirror(CONTENT) as server:
        server.headers = MODIFIED
        command = ("fetch", server.url(), "--sha256", SHA256, "-o", tmp_path)
        assert here(*command).status == 0
        fetched_s = time_of(tmp_path / "file.bin")
        assert fetched_s > MODIFIED_S
        assert here(*command, "-R").status == 0
        assert time_of(tmp_path / "file.bin") == fetched_s, "what is right is left alone"


@pytest.mark.parametrize("said", [None, "soon", "Wed, 31 Dec 1969 23:59:59 GMT"])
def test_a_server_that_says_no_time_is_no_fault(
    said: str | None, here: Here, tmp_path: Path
) -> None:
    """Fault: a server says no time, or none that is one. dlcore says so and keeps its own."""
    with mirror(CONTENT) as server:
        server.headers = {"Last-Modified": said} if said else {}
        log = tmp_path / "log"
        ended = here(
            *("fetch", server.url(), "--sha256", SHA256, "-o", tmp_path / "to", "-R"),
            *("--log-file", log),
        )
    assert ended.status == 0
    assert "file.bin: its server does not say when it was modified" in log.read_text()
    assert time_of(tmp_path / "to" / "file.bin") > MODIFIED_S


def test_files_of_lists_have_their_time_too(here: Here, tmp_path: Path) -> None:
    site, modified_s = tmp_path / "site", [1_000_000_000, 1_100_000_000, 1_200_000_000]
    (site / "sub").mkdir(parents=True)
    names = ["a.bin", "b.bin", "sub/c.bin"]
    for name, time_s in zip(names, modified_s, strict=True):
        (site / name).write_bytes(CONTENT)
        os.utime(site / name, (time_s, time_s))
    (site / "SHA256SUMS").write_text("".join(f"{SHA256}  {name}\n" for name in names))
    with python_server(site) as url:
        assert (
            here("fetch", "-R", "--checksums", f"{url}/SHA256SUMS", "-o", tmp_path / "1").status
            == 0
        )
        listed = tmp_path / "list"
        listed.write_text(
            f"{url}/a.bin {SHA256}\n{(site / 'b.bin').as_uri()} {SHA256}\n", encoding="utf-8"
        )
        assert here("fetch", "-R", "-i", listed, "-o", tmp_path / "2").status == 0
    assert [time_of(tmp_path / "1" / name) for name in names] == modified_s
    assert [time_of(tmp_path / "2" / name) for name in names[:2]] == modified_s[:2]
