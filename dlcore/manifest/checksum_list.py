"""Lists of the SHA-256 of files, as ``sha256sum`` writes them: ``SHA256SUMS`` and ``*.sha256``.

Guarantees: a name is one that a file can have on every system, below the folder of the list. A list
of other digests is refused, and not read as one of fewer files.

Source: GNU coreutils manual, "cksum output modes": the untagged and the tagged (BSD) form.
"""

from __future__ import annotations

import re
from typing import Final

from dlcore.errors import ManifestError
from dlcore.manifest.names import check_path
from dlcore.printable import printable

MAX_CHECKSUM_LIST_BYTES: Final = 16 << 20  # that of a distribution with 100,000 files

_UNTAGGED: Final = re.compile(r"(?P<sha256>[0-9A-Fa-f]{64})(?:[ \t]+\*?(?P<name>\S.*))?")
_TAGGED: Final = re.compile(r"SHA256 ?\((?P<name>.+)\) ?= ?(?P<sha256>[0-9A-Fa-f]{64})")
_SUFFIX: Final = re.compile(r"\.sha256(sum)?$", re.IGNORECASE)


def parse_checksum_list(text: str, name: str) -> dict[str, str]:
    """Read a list.

    Args:
        text: The list. A digest alone is that of the file that the list is named after.
        name: The list's own file name, such as ``tool.zip.sha256``.

    Returns:
        Path of each file, relative to the list -> its SHA-256, lower-case hex.

    Raises:
        ManifestError: It is no such list, names a file twice with two digests, or names a path that
            cannot be used.
    """
    digests: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        path, sha256 = _entry(line, name, f"{printable(name)}, line {number}")
        if digests.setdefault(path, sha256) != sha256:
            raise ManifestError(f"{printable(name)} gives {path} two digests")
    if not digests:
        raise ManifestError(f"{printable(name)} lists no file")
    return digests


def _entry(line: str, name: str, place: str) -> tuple[str, str]:
    found = _TAGGED.fullmatch(line) or _UNTAGGED.fullmatch(line)
    if found is None:
        raise ManifestError(
            f"{place} is not a SHA-256 and a name",
            remedy="Name a list that sha256sum has made. Lists of other digests are not read.",
        )
    path = (found["name"] or _SUFFIX.sub("", name)).removeprefix("./")
    check_path(path)
    return path, found["sha256"].lower()
