"""``dlcore fetch`` of files at URLs: their digests, names, mirrors and Metalinks."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import struct
import subprocess
from pathlib import Path

import pytest

from tests.cli.files import mirror
from tests.cli.helpers import (
    COMMAND,
    Here,
    digest,
    tree,
)

CONTENT = random.Random(7).randbytes((5 << 20) + 3)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
BLOCK = 1 << 20
ELSEWHERE = "http://192.0.2.1"  # reserved for documentation: nothing is there


def metalink(path: Path, *urls: str) -> Path:
    """A Metalink 4 of CONTENT with digests of its blocks."""
    blocks = (CONTENT[at : at + BLOCK] for at in range(0, len(CONTENT), BLOCK))
    hashes = "".join(f"<hash>{hashlib.sha256(block).hexdigest()}</hash>" for block in blocks)
    places = "".join(f'<url priority="{n}">{url}</url>' for n, url in enumerate(urls, 1))
    path.write_text(
        '<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="file.bin">'
        f'<size>{len(CONTENT)}</size><hash type="sha-256">{SHA256}</hash>'
        f'<pieces length="{BLOCK}" type="sha-256">{hashes}</pieces>{places}</file></metalink>'
    )
    return path


def piece_hash_file(path: Path) -> Path:
    """A Delivery Optimization piece hash file of CONTENT."""
    blocks = (CONTENT[at : at + BLOCK] for at in range(0, len(CONTENT), BLOCK))
    digests = [hashlib.sha256(block).digest() for block in blocks]
    head = struct.pack("<IQI", 1, len(CONTENT), BLOCK)
    told = {
        "MajorVersion": 1,
        "MinorVersion": 0,
        "HashOfHashes": base64.b64encode(
            hashlib.sha256(head + b"".join(digests)).digest()
        ).decode(),
        "ContentLength": len(CONTENT),
        "PieceSize": BLOCK,
        "Pieces": [base64.b64encode(digest).decode() for digest in digests],
    }
    path.write_text(json.dumps(told))
    return path


def test_a_url_with_its_digest_is_put_beside_other_files(here: Here, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with mirror(CONTENT) as server:
        command = ("fetch", server.url(), "--sha256", SHA256, "-o", tmp_path, "--json")
        first, again = here(*command), here(*command)
    assert first.document["path"] == str(tmp_path / "file.bin")
    assert (first.document["bytes_fetched"], first.document["verified"]) == (len(CONTENT), True)
    assert again.document["bytes_fetched"] == 0
    assert tree(tmp_path) == {"mine": digest(b"mine"), "file.bin": digest(CONTENT)}


def test_a_url_without_a_digest_is_refused(here: Here, tmp_path: Path) -> None:
    with mirror(CONTENT) as server:
        for url in (f"{ELSEWHERE}/file.bin", "https://[/x", server.url()):  # the last is silent
            ended = here("fetch", url, "-o", tmp_path, "--json")
            assert (ended.status, ended.error["code"]) == (2, "config")
            assert "--sha256" in ended.error["remedy"]
        assert not server.asked


@pytest.mark.parametrize("algorithm", ["sha-1", "sha-224", "sha-384", "sha-512", "blake2b"])
def test_a_file_is_verified_by_whatever_digest_its_publisher_gives(
    algorithm: str, here: Here, tmp_path: Path
) -> None:
    """Fault: a publisher gives a digest that attackers can forge. dlcore says so."""
    right = hashlib.new(algorithm.replace("-", ""), CONTENT).hexdigest()
    with mirror(CONTENT) as server:
        command = ("fetch", server.url(), "-o", tmp_path / "to", "--checksum")
        wrong = here(*command, f"{algorithm}={right[::-1]}", "--retries", "0")
        assert not tree(tmp_path / "to")
        told = here(*command, f"{algorithm}={right}")
        again = here(*command, f"{algorithm}={right}", "--json")
    assert wrong.status == 7
    assert tree(tmp_path / "to") == {"file.bin": digest(CONTENT)}
    assert f"verified by {algorithm.upper().replace('BLAKE2B', 'BLAKE2b-512')}" in told.out
    assert ("does not protect against a deliberate forgery" in told.out) is (algorithm == "sha-1")
    assert again.document["bytes_reused"] == len(CONTENT)
    assert again.document["verified_by"] == algorithm.replace("blake2b", "blake2b-512")


def repr_digest(content: bytes) -> dict[str, str]:
    """What a server says that knows the digest of the whole."""
    told = base64.b64encode(hashlib.sha256(content).digest()).decode()
    return {"Repr-Digest": f"sha-512=:AA==:, sha-256=:{told}:"}


def test_a_file_is_verified_by_what_its_server_says_if_nobody_else_says_it(
    here: Here, tmp_path: Path
) -> None:
    with mirror(CONTENT) as server:
        server.headers = repr_digest(CONTENT)
        right = here("fetch", server.url(), "-o", tmp_path / "right", "--json")
        server.content = CONTENT[:-1] + b"x"
        wrong = here("fetch", server.url(), "-o", tmp_path / "wrong", "--json")
    assert right.status == 0, right.err
    assert f"says that the SHA-256 is {SHA256}" in right.err
    assert tree(tmp_path / "right") == {"file.bin": digest(CONTENT)}
    assert (wrong.status, wrong.error["code"]) == (7, "integrity")


def test_a_file_that_is_another_by_its_servers_own_word_is_not_fetched(
    here: Here, tmp_path: Path
) -> None:
    other = bytes(len(CONTENT))
    with mirror(other) as server:
        server.headers = repr_digest(other)
        command = ("fetch", server.url(), "--sha256", SHA256, "-o", tmp_path / "to", "--json")
        alone = here(*command)
        assert not server.asked
        with mirror(CONTENT) as good:
            helped = here(*command, "--from", good.url())
    assert (alone.status, alone.error["code"]) == (7, "integrity")
    assert hashlib.sha256(other).hexdigest() in alone.error["message"]
    assert SHA256 in alone.error["message"]
    assert helped.status == 0, helped.err
    done = helped.document
    assert done["bytes_fetched"] - done["bytes_wasted"] == len(CONTENT), "nothing of the other file"
    assert done["endpoints"]["127.0.0.1 #2"] >= len(CONTENT)


@pytest.mark.parametrize(
    ("suggested", "name"),
    [
        ('attachment; filename="tool 1.2.bin"', "tool 1.2.bin"),
        ('attachment; filename="../../../evil.bin"', "evil.bin"),
        ('attachment; filename="CON"', "file.bin"),
        ('attachment; filename="a:b"', "file.bin"),
        ('attachment; filename=".bashrc"', "file.bin"),
        ("inline", "file.bin"),
    ],
)
def test_a_file_has_the_name_that_its_server_suggests_if_that_is_safe(
    suggested: str, name: str, here: Here, tmp_path: Path
) -> None:
    with mirror(CONTENT) as server:
        server.headers = {"Content-Disposition": suggested}
        ended = here("fetch", server.url(), "--sha256", SHA256, "-o", tmp_path / "to", "--json")
    assert ended.status == 0, ended.err
    assert tree(tmp_path / "to") == {name: digest(CONTENT)}


def test_a_wrong_file_at_a_url_never_appears(here: Here, tmp_path: Path) -> None:
    with mirror(bytes(len(CONTENT))) as server:
        ended = here(
            *("fetch", server.url(), "--sha256", SHA256, "-o", tmp_path / "to", "--json"),
        )
    assert (ended.status, ended.error["code"]) == (7, "integrity")
    found = hashlib.sha256(bytes(len(CONTENT))).hexdigest()
    expected = f"file.bin does not match its digest: its SHA-256 is {found}, not {SHA256[:16]}…"
    assert ended.error["message"] == f"127.0.0.1: {expected}"
    assert sum(map(length, server.asked)) < 2 * len(CONTENT), "one look is enough"
    assert not (tmp_path / "to" / "file.bin").exists()


def test_a_wrong_file_is_told_of_in_one_line_and_by_its_name(here: Here, tmp_path: Path) -> None:
    """Fault: a file has another digest. dlcore says so once: which file, where, what to do."""
    with mirror(bytes(len(CONTENT))) as server:
        events = tmp_path / "events.ndjson"
        ended = here(
            *("fetch", server.url(), "--sha256", SHA256, "-o", tmp_path / "to"),
            *("--events", "ndjson", "--events-file", events),
        )
    lines = [line.partition("Z ")[2] or line for line in ended.err.splitlines()]
    assert lines[0].startswith("file.bin: fetching ")
    (place,) = (at for at, line in enumerate(lines) if "does not match" in line)
    error = "error (integrity): 127.0.0.1: file.bin does not match its digest: "
    assert lines[place].startswith(error)
    assert lines[place + 1 :] == ["  Check where the digest comes from, or name another endpoint."]
    assert "LOCAL000" not in ended.err + ended.out + events.read_text("utf-8")
    told = here("report", events).out.splitlines()
    assert told[0].startswith("failed, begun ")
    why = "file.bin could not be fetched: 127.0.0.1: file.bin does not match"
    assert [line for line in told[1:3] if line.startswith(why)], told


def test_digests_that_begin_alike_are_told_apart(here: Here, tmp_path: Path) -> None:
    alike = SHA256[:40] + "".join("0" if digit == "1" else "1" for digit in SHA256[40:])
    with mirror(CONTENT) as server:
        ended = here("fetch", server.url(), "--sha256", alike, "-o", tmp_path / "to")
    assert ended.status == 7
    assert f"is {SHA256}, not {alike[:48]}…" in ended.err


def test_a_file_gets_a_name_of_the_users_own(here: Here, tmp_path: Path) -> None:
    with mirror(CONTENT) as server:
        source = (server.url(), "--sha256", SHA256, "-o", tmp_path / "to", "--name")
        assert here("fetch", *source, "mine.bin", "-q") == (0, "", "")
        assert tree(tmp_path / "to") == {"mine.bin": digest(CONTENT)}
        for name in ("../mine.bin", "a/b", "con"):
            ended = here("fetch", *source, name)
            assert (ended.status, "is not the name of a file" in ended.err) == (2, True), name
    ended = here("fetch", "ABC00001", "--from", tmp_path, "-o", tmp_path / "to", "--name", "x")
    assert (ended.status, "is not a URL" in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://user:hidden@localhost/tool.bin", "dlcore does not read ftp:// URLs"),
        ("htp://localhost/tool.bin", "does not read htp:// URLs (did you mean http?)"),
        ("localhost:8077/tool.bin", "does not begin with a scheme"),
    ],
)
@pytest.mark.parametrize("more", [(), ("--sha256", SHA256), ("--name", "x"), ("ABC00001",)])
def test_a_scheme_that_dlcore_does_not_read_is_named(
    url: str, message: str, more: tuple[str, ...], here: Here, tmp_path: Path
) -> None:
    ended = here("fetch", url, *more, "-o", tmp_path / "to", "--from", tmp_path)
    assert "az://, gs://, http://, https://, s3:// and file:" in ended.err
    assert message in ended.err
    assert "hidden" not in ended.err


@pytest.mark.parametrize("is_right", [True, False])
def test_only_what_is_right_is_written_to_standard_output(is_right: bool) -> None:
    """Fault: a file that goes to standard output has another digest. dlcore writes nothing."""
    with mirror(CONTENT if is_right else bytes(len(CONTENT))) as server:
        command = [*COMMAND, "fetch", server.url(), "--sha256", SHA256, "-o", "-"]
        ended = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == ((0, CONTENT) if is_right else (7, b""))


@pytest.mark.parametrize("more", [("--json",), ("--dry-run",), ("--events", "ndjson"), ("-i", "x")])
def test_standard_output_is_for_one_file(here: Here, more: tuple[str, ...]) -> None:
    ended = here("fetch", "http://127.0.0.1:9/x", "--sha256", SHA256, "-o", "-", *more)
    assert ended.status == 2


def test_what_arrived_is_called_by_its_name(here: Here, tmp_path: Path) -> None:
    with mirror(CONTENT) as server:
        ended = here("fetch", server.url(), "--sha256", SHA256, "-o", tmp_path / "to")
    assert ended.out.startswith("file.bin: ")
    assert "LOCAL000" not in ended.err + ended.out


def length(asked: str) -> int:
    """Bytes of a range that was asked for."""
    first, last = map(int, asked.removeprefix("bytes=").split("-"))
    return last + 1 - first


def test_a_file_that_is_not_there_is_not_found(here: Here, tmp_path: Path) -> None:
    with mirror(CONTENT) as server:
        server.missing = True
        command = ("fetch", server.url(), "--sha256", SHA256, "-o", tmp_path / "to", "--json")
        ended = here(*command)
        path = metalink(tmp_path / "file.meta4", server.url())
        described = here("fetch", path, "-o", tmp_path / "to", "--retries", "0", "--json")
    assert (ended.status, ended.error["code"]) == (4, "not-found")
    assert "404" in ended.error["message"]
    assert (described.status, described.error["code"]) == (4, "not-found")


def test_a_metalink_is_fetched_from_the_good_one_of_two_mirrors(here: Here, tmp_path: Path) -> None:
    with mirror(bytes(len(CONTENT))) as bad, mirror(CONTENT) as good:
        path = metalink(tmp_path / "file.meta4", bad.url(), good.url())
        ended = here("fetch", path, "-o", tmp_path / "to", "--json")
    assert ended.status == 0, ended.err
    assert tree(tmp_path / "to") == {"file.bin": digest(CONTENT)}
    assert "does not match" in ended.err


DESCRIBED = "<file.bin.meta4>; rel=describedby; type=application/metalink4+xml"


def test_a_file_is_verified_by_the_metalink_that_its_own_server_names(
    here: Here, tmp_path: Path
) -> None:
    """Fault: a server sends a wrong file beside a right Metalink. dlcore takes it from a mirror."""
    with mirror(bytes(len(CONTENT))) as bad, mirror(CONTENT) as good:
        document = metalink(tmp_path / "file.meta4", good.url()).read_bytes()
        bad.documents["/file.bin.meta4"] = document
        bad.headers["Link"] = DESCRIBED
        ended = here("fetch", bad.url(), "-o", tmp_path / "to", "--json", "--retries", "0")
    assert ended.status == 0, ended.err
    assert tree(tmp_path / "to") == {"file.bin": digest(CONTENT)}
    assert "says its digests in a Metalink" in ended.err


def test_a_metalink_of_another_origin_tells_mirrors_and_no_digest(
    here: Here, tmp_path: Path
) -> None:
    """Fault: a server names a Metalink of a stranger. dlcore believes no digest in it."""
    with mirror(CONTENT) as server, mirror(CONTENT) as other:
        document = metalink(tmp_path / "file.meta4", other.url("file.bin")).read_bytes()
        other.documents["/file.bin.meta4"] = document
        server.headers["Link"] = DESCRIBED.replace("<", f"<{other.url('')}")
        command = ("fetch", server.url(), "-o", tmp_path / "to", "--json")
        refused, named = here(*command), here(*command, "--sha256", SHA256)
    assert (refused.status, refused.error["code"]) == (2, "config")
    assert named.status == 0, named.err
    assert len(named.document["sources"]) == 2


@pytest.mark.parametrize("document", [b"", b"<html/>", b"<metalink xmlns='x'/>"])
def test_a_metalink_that_is_none_is_left_alone(document: bytes, here: Here, tmp_path: Path) -> None:
    with mirror(CONTENT) as server:
        server.documents["/file.bin.meta4"] = document or b" "
        server.headers["Link"] = DESCRIBED
        command = ("fetch", server.url(), "-o", tmp_path / "to", "--json")
        refused, ended = here(*command), here(*command, "--sha256", SHA256, "-v")
    assert (refused.status, refused.error["code"]) == (2, "config")
    assert "file.bin.meta4" in refused.error["message"]
    assert ended.status == 0, ended.err
    assert "the Metalink of" in ended.err


def test_duplicates_that_a_server_names_are_mirrors(here: Here, tmp_path: Path) -> None:
    with mirror(bytes(len(CONTENT))) as bad, mirror(CONTENT) as good:
        bad.headers["Link"] = f"<{good.url('copy')}>; rel=duplicate"
        ended = here("fetch", bad.url(), "--sha256", SHA256, "-o", tmp_path / "to", "--json")
    assert ended.status == 0, ended.err
    assert tree(tmp_path / "to") == {"file.bin": digest(CONTENT)}


def test_a_piece_hash_file_is_fetched_from_the_url_that_is_named(
    here: Here, tmp_path: Path
) -> None:
    path = piece_hash_file(tmp_path / "file.bin.phf")
    with mirror(CONTENT) as server:
        ended = here("fetch", path, "--from", server.url(), "-o", tmp_path / "to", "--json")
    assert ended.status == 0, ended.err
    assert tree(tmp_path / "to") == {"file.bin": digest(CONTENT)}


def test_a_piece_hash_file_alone_tells_no_place(here: Here, tmp_path: Path) -> None:
    path = piece_hash_file(tmp_path / "file.bin.phf")
    ended = here("fetch", path, "-o", tmp_path / "to", "--json")
    assert ended.status == 2
    assert "--from" in ended.error["remedy"]
