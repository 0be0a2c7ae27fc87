"""Lists of SHA-256: the forms in which they come, and what is refused."""

from __future__ import annotations

import pytest

from dlcore.errors import ManifestError
from dlcore.manifest import parse_checksum_list

ONE, TWO = "1a" * 32, "2b" * 32


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
    assert parse_checksum_list(f"# made today\n\n{line}\n", "named.iso.sha256") == {path: ONE}


def test_a_list_has_many_files() -> None:
    text = f"{ONE}  a\r\n{TWO}  b\r\n{ONE}  a\r\n"
    assert parse_checksum_list(text, "SHA256SUMS") == {"a": ONE, "b": TWO}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "lists no file"),
        ("<html>not found</html>", "line 1 is not a SHA-256 and a name"),
        (f"{ONE}  a\n{'3c' * 64}  b", "line 2 is not a SHA-256 and a name"),
        (f"{'3c' * 20}  a", "line 1 is not a SHA-256 and a name"),
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
