"""Which file names are safe everywhere, and which sets of names can live side by side.

Guarantees: a path that passes stays below the folder it is joined to on Linux, macOS and
Windows, means the same file on all of them, and is shown as it is. Names are refused, never
mended: a mended name would be another file than its author meant.

Source: Microsoft, "Naming Files, Paths, and Namespaces"; Unicode Standard Annex 9 (bidi controls).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import pairwise

from dlcore.errors import ManifestError
from dlcore.manifest.refusal import shown

MAX_PATH_CHARACTERS = 1024
MAX_NAME_BYTES = 255

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_BIDI = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_RESERVED = re.compile(r'[\\:*?"<>|]')
_DEVICE = re.compile(
    r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³]) *(?:\.|$)", re.IGNORECASE
)


def check_path(path: str) -> None:
    """Accept a path of a file or folder inside a package.

    Raises:
        ManifestError: The path breaks a rule of ``docs/formats.md``; the message says which.
    """
    reason = _fault_of_path(path)
    if reason is None:
        reason = next(filter(None, map(_fault_of_name, path.split("/"))), None)
    if reason is not None:
        raise ManifestError(f"path '{shown(path)}' {reason}", remedy="Rename the file or folder.")


def _fault_of_path(path: str) -> str | None:
    if len(path) > MAX_PATH_CHARACTERS:
        return f"is longer than {MAX_PATH_CHARACTERS} characters"
    if _CONTROL.search(path):
        return "has a control character, or bytes that are not text"
    if _BIDI.search(path):
        return "has a character that changes the direction of writing"
    if found := _RESERVED.search(path):
        return f"has a {found[0]}, which Windows reserves"
    if not unicodedata.is_normalized("NFC", path):
        return "is not in Unicode normalization form C"
    return None


def _fault_of_name(name: str) -> str | None:
    if name in ("", ".", ".."):
        return "is absolute, or has an empty, '.' or '..' part"
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"has a part of more than {MAX_NAME_BYTES} bytes"
    if name[-1] in ". ":
        return "has a part that ends in a dot or a space"
    if _DEVICE.match(name):
        return "has a part that is the name of a Windows device"
    return None


def check_together(paths: Iterable[str]) -> None:
    """Accept the paths of files and empty folders as one tree.

    Raises:
        ManifestError: Two paths are equal, differ only in case, or need one name for a file (or
            a folder said to be empty) and for a folder.
    """
    # NUL sorts before all that names may hold, so paths that clash in leading parts are neighbours.
    folded = sorted((_folded(path), path) for path in paths)
    for (folded_first, first), (folded_second, second) in pairwise(folded):
        parts = folded_first.split("\0")
        common = _common_length(parts, folded_second.split("\0"))
        same = first.split("/")[:common] == second.split("/")[:common]
        if not same or common == len(parts):
            why = "are equal, or one lies in the other" if same else "differ only in case"
            raise ManifestError(
                f"paths '{shown(first)}' and '{shown(second)}' {why}",
                remedy="Rename one of them.",
            )


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path.casefold()).replace("/", "\0")


def _common_length(first: list[str], second: list[str]) -> int:
    unequal = (index for index, (a, b) in enumerate(zip(first, second, strict=False)) if a != b)
    return next(unequal, min(len(first), len(second)))
