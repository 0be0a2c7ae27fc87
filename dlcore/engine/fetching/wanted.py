"""What a fetch is for, as the user says it. Pure, but for a look whether a file exists."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from dlcore.digests import Digest, parse_digest, sha256_digest
from dlcore.engine.fetching.unknown_scheme import check_scheme
from dlcore.errors import ConfigError
from dlcore.file_urls import is_file_url
from dlcore.long_path import long_path
from dlcore.model import BUCKET_SCHEMES, EndpointSettings
from dlcore.plain_files import is_file_there
from dlcore.transfer import redact, redact_named

_SCHEMES: Final = frozenset({"http", "https"}) | BUCKET_SCHEMES


class Wanted(NamedTuple):
    """What is wanted, as the user says it.

    Attributes:
        what: A package id, a URL, or the path of a manifest.
        sha256: Digest of the file at a URL, hex; else empty.
        mirrors: More URLs of a single file; not used for packages.
        checksum: Another digest of the file in place of that, as ``sha-512=...``; else empty.
        name: What the file at a URL is called; empty for what its server or its URL says.
    """

    what: str
    sha256: str = ""
    mirrors: Sequence[str | EndpointSettings] = ()
    checksum: str = ""
    name: str = ""

    @property
    def is_url(self) -> bool:
        """Whether it is a file at a URL."""
        scheme, separator, _ = self.what.partition("://")
        return (bool(separator) and scheme.lower() in _SCHEMES) or is_file_url(self.what)

    @property
    def is_package(self) -> bool:
        """Whether it can only be a package of a catalog."""
        return not (self.is_url or is_file(self.what))

    @property
    def shown(self) -> str:
        """What it is, without the secrets that a URL may have, even a misspelled one."""
        if self.is_url:
            return redact(self.what)
        return self.what if is_file(self.what) else redact_named(self.what)


def check_is_readable(wanted: Wanted) -> None:
    """Refuse a URL that dlcore does not read.

    Raises:
        ConfigError: It looks like a URL, and has none of the schemes that are read.
    """
    if wanted.is_package:
        check_scheme(wanted.what, _SCHEMES)


def check_sha256(name: str, value: str) -> None:
    """Refuse what cannot be a SHA-256.

    Args:
        name: What it is called in the message.
        value: As the user wrote it; empty if it is not given.

    Raises:
        ConfigError: It does not have 64 hexadecimal digits.
    """
    if value and not re.fullmatch(r"[0-9A-Fa-f]{64}", value):
        raise ConfigError(
            f"the {name} does not have 64 hexadecimal digits",
            remedy="Give it as sha256sum prints it.",
        )


def digest_of_user(wanted: Wanted) -> Digest | None:
    """The digest that the user names; None if none.

    Raises:
        ConfigError: It is not a digest, or nothing would be compared with it.
    """
    check_sha256("SHA-256", wanted.sha256)
    if not (wanted.sha256 or wanted.checksum):
        return None
    if not wanted.is_url:
        what = "SHA-256" if wanted.sha256 else "checksum"
        raise ConfigError(
            f"a {what} was given for a file at a URL, but {wanted.shown} is not a URL",
            remedy="Leave --sha256 and --checksum (sha256, checksum) out: the manifest has the"
            " digests. To pin a catalog, give --catalog-sha256 (catalog_sha256).",
        )
    if wanted.sha256 and wanted.checksum:
        raise ConfigError(
            "a file has both a SHA-256 and another checksum",
            remedy="Leave one of --sha256 and --checksum (sha256, checksum) out.",
        )
    if wanted.sha256:
        return sha256_digest(bytes.fromhex(wanted.sha256))
    try:
        return parse_digest(wanted.checksum)
    except ValueError as error:
        raise ConfigError(
            f"the checksum {error}",
            remedy="Give it as in sha-512=0123...; a list of checksums belongs to --checksums.",
        ) from None


def is_file(path: str) -> bool:
    """Whether a text is the path of a file that exists."""
    return is_file_there(long_path(Path(path)))
