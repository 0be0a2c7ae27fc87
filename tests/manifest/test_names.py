from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.errors import ManifestError
from dlcore.manifest import check_path, check_together
from tests.manifest.helpers import legal_paths, live_together

REFUSED = {
    "empty": "",
    "absolute": "/etc/passwd",
    "folder only": "a/",
    "empty part": "a//b",
    "dot": "a/./b",
    "parent": "a/../../b",
    "drive": "C:/a",
    "drive-relative": "C:a",
    "backslash": "a\\b",
    "share": "\\\\host\\share",
    "stream": "a.txt:hidden",
    "wildcard": "a*",
    "question": "a?",
    "quote": 'a"',
    "pipe": "a|b",
    "less": "a<b",
    "nul": "a\0b",
    "line feed": "a\nb",
    "escape": "a\x1b[2J",
    "c1 control": "a\x85b",
    "line separator": "a\u2028b",
    "right-to-left override": "a\u202etxt.exe",
    "isolate": "a\u2066b",
    "surrogate": "a\udc80",
    "not NFC": "u\u0308ber",
    "trailing dot": "a./b",
    "trailing space": "a/b ",
    "device": "CON",
    "device in lower case": "a/nul",
    "device with extension": "aux.tar.gz",
    "device with spaces": "PRN .txt",
    "numbered device": "lpt9.log",
    "superscript device": "COM¹",
    "console": "conin$",
    "part of 256 bytes": "é" * 128,
    "one character too many": "/".join(["abc"] * 256) + "/a",
}


@pytest.mark.parametrize("path", REFUSED.values(), ids=REFUSED)
def test_a_hostile_path_is_refused_in_a_printable_message(path: str) -> None:
    """Fault M1: a manifest names a path that leads elsewhere or cannot be one on Windows. dlcore
    refuses it.
    """
    with pytest.raises(ManifestError) as caught:
        check_path(path)
    assert caught.value.message.isprintable()
    assert caught.value.remedy


@pytest.mark.parametrize(
    "path",
    [
        "a",
        "Ünïcode/日本語.txt",
        "a b/.hidden",
        "CONSOLE",
        "COM10",
        "nulls.txt",
        "~",
        "é" * 127 + "a",
        "/".join(["abc"] * 256) + "d",
    ],
)
def test_an_ordinary_path_is_accepted(path: str) -> None:
    check_path(path)


@given(legal_paths)
def test_an_accepted_path_has_no_part_that_leads_elsewhere(path: str) -> None:
    assert not {"", ".", ".."} & set(path.split("/"))
    assert not set("\\:\0") & set(path)


@pytest.mark.parametrize(
    "paths",
    [
        ["a", "a"],
        ["a", "A"],
        ["straße", "STRASSE"],
        ["é", "É"],
        ["Drivers/a", "drivers/b"],
        ["a", "a/b"],
        ["a/b/c", "A/B"],
        ["x/a", "x/a!", "x/a/b/c"],
    ],
)
def test_paths_that_clash_are_refused_in_any_order(paths: list[str]) -> None:
    """Fault M2: two names clash on a file system that ignores case. dlcore refuses the manifest."""
    for order in (paths, paths[::-1]):
        with pytest.raises(ManifestError):
            check_together(order)


def test_paths_that_share_only_the_beginning_of_a_name_live_together() -> None:
    check_together(["a!", "a/b", "ab", "a/bc", "a/b c/d"])


small_paths = st.lists(st.sampled_from(["a", "A", "b", "a!"]), min_size=1, max_size=3).map("/".join)


@given(st.lists(small_paths, max_size=5))
def test_clashes_are_found_exactly_when_a_case_blind_disk_would_have_them(
    paths: list[str],
) -> None:
    assert live_together(paths) != _disk_clash(paths)


def _disk_clash(paths: list[str]) -> bool:
    """Create the paths one after the other, as leaves, on a disk that does not tell case apart."""
    spelled: dict[str, str] = {}
    leaves: set[str] = set()
    for path in paths:
        parts = path.split("/")
        for end in range(1, len(parts) + 1):
            name = "/".join(parts[:end])
            key = name.lower()
            is_leaf = end == len(parts)
            if key in leaves or (is_leaf and key in spelled) or spelled.get(key, name) != name:
                return True
            spelled[key] = name
        leaves.add(path.lower())
    return False
