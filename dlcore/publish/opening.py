"""Makes a `Site` or a `Destination` from the folder or URL that the user names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from dlcore.errors import ConfigError
from dlcore.extras import require
from dlcore.file_urls import is_file_url, path_of_file_url
from dlcore.long_path import long_path, why_no_folder
from dlcore.model import BUCKET_SCHEMES, EndpointKind
from dlcore.plain_files import is_file_there, is_there
from dlcore.publish.bucket import BucketDestination
from dlcore.publish.destination import Destination, Site
from dlcore.publish.folder import FolderDestination
from dlcore.publish.policy import DEFAULT_POLICY, PublishPolicy
from dlcore.publish.remote import WEB_SCHEMES, RemoteSite
from dlcore.redaction import redact, redact_named

_SLIP: Final = re.compile(rf"({'|'.join(sorted(BUCKET_SCHEMES | WEB_SCHEMES))}):", re.IGNORECASE)
"""How a URL begins in which ``://`` is mistyped."""
_KINDS: Final = frozenset(EndpointKind)
_USER: Final = re.compile(r"[^/\\:@]+:[^/\\@]*@")
"""A user with a password, as in URLs. On Windows no folder has such a name."""


def _folder_in(where: str) -> str:
    """The folder that a text names, or the text, if that is a URL of something else.

    Raises:
        ConfigError: It is meant as a URL and is not one, or as an endpoint of some kind.
    """
    kind, plus, _ = where.partition("+")
    if plus and kind in _KINDS and not is_there(where):
        raise ConfigError(
            f"{redact_named(where)} is an endpoint to fetch from, not a published site",
            remedy=f"If a site was published there, leave '{kind}+' out.",
        )
    where = path_of_file_url(where) if is_file_url(where) else where
    if "://" not in where and _SLIP.match(where) and not is_there(where):
        scheme = where.partition(":")[0].lower()
        raise ConfigError(
            f"{redact_named(where)} is not a URL: {scheme} is not followed by ://",
            remedy=f"Write it as {scheme}://..., without a password.",
        )
    if "://" not in where and _USER.search(where) and not is_there(where):
        raise ConfigError(
            f"{redact_named(where)} is not a folder, and as a URL it has no scheme",
            remedy="Name a folder, or write a URL as https://..., without a password.",
        )
    return where


def open_destination(
    where: str, policy: PublishPolicy = DEFAULT_POLICY, *, doing: str = "publish"
) -> Destination:
    """Open a folder, or an object store by its URL.

    Args:
        where: The folder or URL.
        policy: Limits and sizes.
        doing: What is being done, as in "cannot publish".

    Raises:
        ConfigError: The URL cannot be used, or the extra ``publish`` is not installed; the user's
            fault. No message repeats the URL's query or credentials, also if it is mistyped. Or
            Windows has no folder of this path, or it is a file.
    """
    where = _folder_in(where)
    if "://" not in where:
        if reason := why_no_folder(Path(where)):
            raise ConfigError(f"{where}: {reason}", remedy="Choose another name.")
        if is_file_there(long_path(Path(where))):
            raise ConfigError(f"{where} is a file, not a folder", remedy="Name a folder.")
        return FolderDestination(Path(where), policy, doing=doing)
    _check_url(where, "to publish to", BUCKET_SCHEMES, f"cannot publish to '{redact(where)}'")
    return BucketDestination(where, policy)


def open_site(where: str, policy: PublishPolicy = DEFAULT_POLICY, *, ca_file: str = "") -> Site:
    """Open a folder, an object store or a web server to read what is published there.

    Args:
        where: A folder or a URL.
        policy: Limits and sizes.
        ca_file: PEM file of authorities to trust besides the system's; empty for none.

    Raises:
        ConfigError: As `open_destination`; or the file cannot be used.
    """
    where = _folder_in(where)
    if "://" not in where:
        return FolderDestination(Path(where), policy)
    schemes = BUCKET_SCHEMES | WEB_SCHEMES
    _check_url(where, "of the site", schemes, f"cannot read a site at '{redact(where)}'")
    return RemoteSite(where, policy, ca_file=ca_file)


def _check_url(where: str, purpose: str, schemes: frozenset[str], refusal: str) -> None:
    try:
        parts = urlsplit(where)
    except ValueError:
        raise ConfigError(
            f"the URL {purpose} cannot be read: [ and ] are only for the address of a host",
            remedy="Correct the URL; the address of a host by IPv6 is written as [2001:db8::1].",
        ) from None
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ConfigError(
            f"the {parts.scheme} URL {purpose} contains a query or credentials",
            remedy="Pass credentials in the environment, for example AZURE_STORAGE_ACCOUNT_KEY.",
        )
    try:
        _ = parts.port
    except ValueError:  # it may be a password
        raise ConfigError(
            f"the {parts.scheme} URL {purpose} has a port that is not a number",
            remedy="Correct the URL, and leave a password out of it.",
        ) from None
    if parts.scheme not in schemes or not parts.netloc:
        web = [f"{scheme}://..." for scheme in sorted(schemes & WEB_SCHEMES)]
        examples = [*web, "s3://...", "gs://...", "az://container/prefix"]
        raise ConfigError(refusal, remedy=f"Name a folder, or a URL such as {', '.join(examples)}.")
    require("buckets")
