"""Reading a description takes a time linear in its length, whatever its author wrote.

Each document here is of a shape for which the time of a careless reader grows with the square of
its length, or worse: then the test would run into its time limit.
"""

from __future__ import annotations

import pytest

from dlcore.errors import ManifestError
from dlcore.manifest import check_path, decode_metalink
from dlcore.manifest.metalink import MAX_TAGS
from dlcore.manifest.strictjson import parse
from dlcore.model import Catalog

METALINK = '<metalink xmlns="urn:ietf:params:xml:ns:metalink">{}</metalink>'
HASH = f'<hash type="sha-256">{"ab" * 32}</hash>'
MANY = 100_000


def metalink(inner: str) -> None:
    decode_metalink(METALINK.format(inner).encode(), source="s", package_id="ABC00012")


def test_a_metalink_that_nests_its_files_is_refused() -> None:
    """Fault M6: a Metalink nests its elements without end. dlcore refuses it in linear time."""
    with pytest.raises(ManifestError):
        metalink('<file name="f">' * MANY + "</file>" * MANY)


def test_a_metalink_that_repeats_what_counts_once_is_read_in_linear_time() -> None:
    """Fault M5: a Metalink repeats its hashes and URLs. dlcore reads it in linear time."""
    urls = "<url>http://h/f</url>" * MANY
    metalink(f'<file name="f"><size>5</size>{HASH * MANY}{urls}</file>')


def test_a_metalink_of_too_many_tags_is_refused_before_a_tree_is_made_of_it() -> None:
    """Fault M5: a Metalink is millions of empty tags. dlcore refuses it before it takes memory."""
    with pytest.raises(ManifestError, match="tags"):
        metalink("<a/>" * (MAX_TAGS + 1))


def test_a_path_of_very_many_parts_is_refused_in_linear_time() -> None:
    with pytest.raises(ManifestError):
        check_path("a/" * 1_000_000 + "b")


@pytest.mark.parametrize(
    "document",
    [
        b'{"schema":' + b"1" * 4_000_000 + b"}",
        b'{"a":' * 1_000_000 + b"1" + b"}" * 1_000_000,
        b"[" * 4_000_000,
        b'{"schema":1,"packages":{"' + b"\\" * 4_000_000,
        b'"' * 4_000_000,
    ],
    ids=["digits", "members", "lists", "escapes", "quotes"],
)
def test_json_that_goes_on_and_on_is_refused_in_linear_time(document: bytes) -> None:
    """Fault M5: a JSON document is millions of digits or brackets. dlcore refuses it at once."""
    with pytest.raises((ValueError, RecursionError)):
        parse(document, Catalog, max_bytes=len(document))
