"""Lists of digests: the forms in which they come, and what is refused."""

from __future__ import annotations

import pytest

from dlcore.digests import Digest
from dlcore.errors import ManifestError
from dlcore.manifest import parse_checksum_list

ONE, TWO = "1a" * 32, "2b" * 32
SHA1, SHA224, SHA384, LONG = "3c" * 20, "4d" * 28, "5e" * 48, "6f" * 64


def listed(text: str, name: str) -> dict[str, str]:
    """Each path, and its digest as people write it."""
    return {path: str(digest) for path, digest in parse_checksum_list(text, name).items()}


@pytest.mark.parametrize(
    ("line", "path"),
    [
        (f"{ONE}  tool.zip", "tool.zip"),
        (f"{ONE} *tool.zip", "tool.zip"),
        (f"{ONE.upper()}\ttool 1.zip", "tool 1.zip"),
        (f"{ONE}  ./x64/tool.zip", "x64/tool.zip"),
        (f"SHA256 (tool (1).zip) = {ONE}", "tool (1).zip"),
        (ONE, "named.iso"),
    ],
)
def test_a_line_names_a_file_and_its_digest(line: str, path: str) -> None:
    expected = {path: f"sha-256={ONE}"}
    assert listed(f"# made today\n\n{line}\n", "named.iso.sha256") == expected


def test_a_list_has_many_files() -> None:
    text = f"{ONE}  a\r\n{TWO}  b\r\n{ONE}  a\r\n"
    assert listed(text, "SHA256SUMS") == {"a": f"sha-256={ONE}", "b": f"sha-256={TWO}"}


@pytest.mark.parametrize(
    ("line", "name", "digest"),
    [
        (f"{SHA1}  a", "list.txt", f"sha-1={SHA1}"),
        (f"{SHA1} *a", "SHA1SUMS", f"sha-1={SHA1}"),
        (f"{SHA224}  a", "SHA224SUMS", f"sha-224={SHA224}"),
        (f"{SHA384}  a", "sha384sums.txt", f"sha-384={SHA384}"),
        (f"{LONG}  a", "SHA512SUMS", f"sha-512={LONG}"),
        (f"{LONG}  a", "SHASUMS512.txt", f"sha-512={LONG}"),
        (f"{LONG}  a", "B2SUMS", f"blake2b-512={LONG}"),
        (f"{ONE}  a", "release-b2sums", f"blake2b-256={ONE}"),
        (f"SHA512 (a) = {LONG}", "CHECKSUM", f"sha-512={LONG}"),
        (f"SHA1(a)= {SHA1}", "CHECKSUM", f"sha-1={SHA1}"),
        (f"BLAKE2b (a) = {LONG}", "CHECKSUM", f"blake2b-512={LONG}"),
        (f"BLAKE2b-384 (a) = {SHA384}", "SHA1SUMS", f"blake2b-384={SHA384}"),
        (LONG, "a.sha512", f"sha-512={LONG}"),
        (LONG, "a.b2", f"blake2b-512={LONG}"),
        (SHA1, "a.sha1sum", f"sha-1={SHA1}"),
    ],
)
def test_the_algorithm_is_what_the_line_or_the_list_says(line: str, name: str, digest: str) -> None:
    assert listed(line, name) == {"a": digest}


def test_the_strongest_of_several_digests_counts() -> None:
    lines = [f"MD5 (a) = {'0' * 32}", f"SHA1 (a) = {SHA1}", f"SHA512 (a) = {LONG}"]
    lines += [f"SHA256 (a) = {ONE}"]
    assert parse_checksum_list("\n".join(lines), "CHECKSUM") == {
        "a": Digest("sha-512", bytes.fromhex(LONG))
    }


@pytest.mark.parametrize(
    ("line", "name", "algorithm"),
    [
        (f"{'0' * 32}  a", "MD5SUMS", "md5"),
        (f"{'0' * 32}  a", "list.txt", "MD5"),
        (f"MD5 (a) = {'0' * 32}", "CHECKSUM", "MD5"),
        (f"{ONE}  a", "B3SUMS", "b3"),
        (ONE, "a.blake3", "blake3"),
        (f"{ONE}  a", "SHA3-256SUMS", "sha3-256"),
        (f"SHA3-256 (a) = {ONE}", "SHA256SUMS", "SHA3-256"),
        (f"{SHA1}  a", "B2SUMS", "b2"),
    ],
)
def test_a_digest_of_an_unknown_algorithm_is_not_taken_for_another(
    line: str, name: str, algorithm: str
) -> None:
    with pytest.raises(ManifestError) as refused:
        parse_checksum_list(line, name)
    assert f"dlcore does not verify: {algorithm}" in refused.value.message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "lists no file"),
        ("<html>not found</html>", "line 1 is not a digest and a name"),
        (f"{ONE}  a\n{'3c' * 64}  b", "line 2 does not have a digest of SHA256"),
        (f"{'3c' * 20}  a", "line 1 does not have a digest of SHA256"),
        (f"SHA256 (a) = {LONG}", "line 1 does not have the 64 hexadecimal digits of sha-256"),
        (f"{ONE}  a\n{TWO}  a", "gives a two digests"),
        (f"{ONE}  ../a", "'../a'"),
        (f"{ONE}  /etc/passwd", "'/etc/passwd'"),
        (f"{ONE}  CON", "'CON'"),
    ],
)
def test_what_is_no_such_list_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ManifestError) as refused:
        parse_checksum_list(text, "SHA256SUMS")
    assert reason in refused.value.message


def test_a_path_that_cannot_be_used_is_found_by_its_line() -> None:
    with pytest.raises(ManifestError) as caught:
        listed(f"{ONE}  good\n\n{TWO}  ../bad\n", "SHA256SUMS")
    assert caught.value.message.startswith("SHA256SUMS, line 3: path '../bad' is absolute")
    assert "without that line" in caught.value.remedy
