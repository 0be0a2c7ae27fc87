"""Lists of digests of files, as ``sha256sum`` and its like write them: ``SHA512SUMS``, ``*.sha1``.

Guarantees: a name is one that a file can have on every system, below the folder of the list. A list
of digests that dlcore does not know is refused, and not read as one of others or of fewer files: a
digest without the name of its algorithm is taken for what the list's own name says, and else for
the one that is usual at its length. Of several digests of a file the strongest counts.

Source: GNU coreutils manual, "cksum output modes": the untagged and the tagged (BSD) form.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from dlcore.digests import Digest, algorithm_named, digest_of_hex, strength, title
from dlcore.errors import ManifestError
from dlcore.manifest.names import check_path
from dlcore.printable import printable

MAX_CHECKSUM_LIST_BYTES: Final = 16 << 20  # that of a distribution with 100,000 files

_UNTAGGED: Final = re.compile(r"(?P<digits>[0-9A-Fa-f]{32,128})(?:[ \t]+\*?(?P<name>\S.*))?")
_TAGGED: Final = re.compile(
    r"(?P<algorithm>[A-Za-z][A-Za-z0-9-]*) ?\((?P<name>.+)\) ?= ?(?P<digits>[0-9A-Fa-f]{32,128})"
)
_ALGORITHM: Final = r"sha-?\d+|md5|blake2b|blake2|blake3|b2|b3|sha3-?\d*|sm3"
_SUFFIX: Final = re.compile(rf"\.(?P<suffix>{_ALGORITHM})(sums?)?$", re.IGNORECASE)
_SUMS: Final = re.compile(rf"(?:^|[^a-z0-9])(?P<sums>{_ALGORITHM})[-_]?sums?\b", re.IGNORECASE)
_BY_LENGTH: Final = {40: "sha-1", 56: "sha-224", 64: "sha-256", 96: "sha-384", 128: "sha-512"}


class _ChecksumLine(NamedTuple):
    path: str
    digest: Digest | None  # None if its algorithm is not known
    said: str  # the algorithm as the list names it


def parse_checksum_list(text: str, name: str) -> dict[str, Digest]:
    """Read a list.

    Args:
        text: The list. A digest alone is that of the file that the list is named after.
        name: The list's own file name, such as ``tool.zip.sha256``.

    Returns:
        Path of each file, relative to the list -> its digest.

    Raises:
        ManifestError: It is not a list of checksums, has no digest of a file that dlcore knows,
            names a file twice with two digests, or names a path that cannot be used.
    """
    digests: dict[str, Digest] = {}
    unknown: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        entry = _entry(line, name, f"{printable(name)}, line {number}")
        if entry.digest is None:
            unknown.setdefault(entry.path, entry.said)
            continue
        known = digests.setdefault(entry.path, entry.digest)
        if known.algorithm == entry.digest.algorithm and known != entry.digest:
            raise ManifestError(f"{printable(name)} gives {entry.path} two digests")
        digests[entry.path] = max(known, entry.digest, key=strength)
    for path, said in unknown.items():
        if path not in digests:
            raise _not_read(f"{printable(name)}: {path}", said)
    if not digests:
        raise ManifestError(f"{printable(name)} lists no file")
    return digests


def _entry(line: str, name: str, place: str) -> _ChecksumLine:
    tagged = _TAGGED.fullmatch(line)
    found = tagged or _UNTAGGED.fullmatch(line)
    if found is None:
        raise ManifestError(
            f"{place} is not a digest and a name",
            remedy="Name a list that sha256sum, sha512sum or b2sum has made.",
        )
    path = (found["name"] or _SUFFIX.sub("", name)).removeprefix("./")
    try:
        check_path(path)
    except ManifestError as error:
        raise ManifestError(
            f"{place}: {error.message}",
            remedy="Save the list as a file without that line, and name the file with --checksums"
            " and the URLs of the files that you want.",
        ) from None
    if tagged:
        return _tagged_entry(path, tagged["algorithm"], tagged["digits"], place)
    return _ChecksumLine(path, _untagged_digest(found["digits"], name, place), "")


def _tagged_entry(path: str, said: str, digits: str, place: str) -> _ChecksumLine:
    try:
        algorithm = algorithm_named(said)
    except ValueError:
        return _ChecksumLine(path, None, said)
    try:
        return _ChecksumLine(path, digest_of_hex(algorithm, digits), said)
    except ValueError as error:
        raise ManifestError(f"{place} {error}") from None


def _untagged_digest(digits: str, name: str, place: str) -> Digest:
    """The digest of a line that does not name its algorithm."""
    hint = _SUFFIX.search(name) or _SUMS.search(name)
    said = hint[1].lower() if hint else ""
    if said in {"b2", "blake2", "blake2b"}:
        algorithm = f"blake2b-{4 * len(digits)}"
    elif said:
        algorithm = said
    elif len(digits) in _BY_LENGTH:
        algorithm = _BY_LENGTH[len(digits)]
    else:
        raise _not_read(place, "MD5" if len(digits) == 32 else f"{len(digits)} hexadecimal digits")
    try:
        return digest_of_hex(algorithm_named(algorithm), digits)
    except ValueError:
        if len(digits) in _BY_LENGTH and said.startswith("sha") and not said.startswith("sha3"):
            raise ManifestError(f"{place} does not have a digest of {title(said)}") from None
        raise _not_read(place, said or algorithm) from None


def _not_read(place: str, said: str) -> ManifestError:
    return ManifestError(
        f"{place} has a digest that dlcore does not verify: {printable(said)}",
        remedy="Name a list of SHA-256, SHA-512, BLAKE2b or SHA-1.",
    )
