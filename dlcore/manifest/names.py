"""Checks that file names are safe on every system and can exist side by side.

Guarantees: an accepted path stays below the folder that it is joined to, names the same file on
Linux, macOS and Windows, and is displayed as it is spelled. Bad names are refused, never repaired:
a repaired name would not be the file that the author meant.

Source: Microsoft, "Naming Files, Paths, and Namespaces"; Unicode Standard Annex 9 (bidi controls).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import pairwise

from dlcore.errors import ManifestError
from dlcore.long_path import is_device_name
from dlcore.manifest.refusal import printable

MAX_PATH_CHARACTERS = 1024
MAX_NAME_BYTES = 255

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_BIDI = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_RESERVED = re.compile(r'[\\:*?"<>|]')


def check_path(path: str) -> None:
    """Check the path of a file or folder inside a package.

    Raises:
        ManifestError: It breaks a rule of ``docs/formats.md``; the message says which.
    """
    reason = _fault_of_path(path)
    if reason is None:
        reason = next(filter(None, map(_fault_of_name, path.split("/"))), None)
    if reason is not None:
        raise ManifestError(
            f"path '{printable(path)}' {reason}", remedy="Rename the file or folder."
        )


def _fault_of_path(path: str) -> str | None:
    if len(path) > MAX_PATH_CHARACTERS:
        return f"is longer than {MAX_PATH_CHARACTERS} characters"
    if _CONTROL.search(path):
        return "contains a control character, or bytes that are not text"
    if _BIDI.search(path):
        return "contains a character that changes the writing direction"
    if found := _RESERVED.search(path):
        return f"contains {found[0]}, which Windows reserves"
    if not unicodedata.is_normalized("NFC", path):
        return "is not in Unicode normalization form C"
    return None


def _fault_of_name(name: str) -> str | None:
    if name in ("", ".", ".."):
        return "is absolute, or has a part that is empty, '.' or '..'"
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"has a part that is longer than {MAX_NAME_BYTES} bytes"
    if name[-1] in ". ":
        return "has a part that ends in a dot or a space"
    if is_device_name(name):
        return "has a part that is the name of a Windows device"
    return None


def check_together(paths: Iterable[str]) -> None:
    """Check that files and empty folders can exist together in one tree.

    Args:
        paths: The paths of all files and all empty folders; each passed `check_path`.

    Raises:
        ManifestError: Two paths are equal or differ only in case, or a path lies inside a file or
            inside a folder that is said to be empty.
    """
    # NUL sorts before every character allowed in a name, so clashing paths become neighbors.
    folded = sorted((_folded(path), path) for path in paths)
    for (folded_first, first), (folded_second, second) in pairwise(folded):
        parts = folded_first.split("\0")
        common = _common_length(parts, folded_second.split("\0"))
        same = first.split("/")[:common] == second.split("/")[:common]
        if not same or common == len(parts):
            why = "are equal, or one is inside the other" if same else "differ only in case"
            raise ManifestError(
                f"paths '{printable(first)}' and '{printable(second)}' {why}",
                remedy="Rename one of them.",
            )


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path.casefold()).replace("/", "\0")


def _common_length(first: list[str], second: list[str]) -> int:
    unequal = (index for index, (a, b) in enumerate(zip(first, second, strict=False)) if a != b)
    return next(unequal, min(len(first), len(second)))
