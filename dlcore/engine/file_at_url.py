"""A single file at a URL: what it is called, and which digest it must have. Pure.

Guarantees: a name is either one that a file can have on every system, or refused. The digest is the
user's; the server's own counts only where nobody else could have put it there.
"""

from __future__ import annotations

from dlcore import manifest as documents
from dlcore.deployment import is_protected
from dlcore.errors import ConfigError, IntegrityError, ManifestError
from dlcore.model import EndpointKind, EndpointSettings
from dlcore.transfer import Probed

_REMEDY = "Give its SHA-256, with --sha256 or the argument sha256, or a manifest."


def name_of(probed: Probed) -> str:
    """The name that the server suggests, if a file can have it; else that in the URL.

    Raises:
        ManifestError: The name in the URL cannot be that of a file.
    """
    try:
        documents.check_path(probed.suggested_name)
    except ManifestError:
        name = probed.name or "content"
        documents.check_path(name)
        return name
    return probed.suggested_name


def check_digest_is_known(url: str, sha256: str) -> None:
    """Refuse a file of which nobody can vouch for the digest, before anything is asked.

    Raises:
        ConfigError: The user does not name it, and what the server says could be altered.
    """
    if not (sha256 or is_protected_url(url)):
        raise ConfigError(
            "a file at a URL is fetched only with its digest, so that it can be verified",
            remedy=_REMEDY,
        )


def is_protected_url(url: str) -> bool:
    """Whether nobody on the way can alter what is read there."""
    try:
        return is_protected(EndpointSettings("url", EndpointKind.HTTP, url))
    except ValueError:  # it is no URL at all
        return False


def digest_of(probed: Probed, sha256: str, *, has_mirrors: bool) -> str:
    """The SHA-256 that the file must have, in hex.

    Args:
        probed: What the server says.
        sha256: What the user says; empty for what the server says.
        has_mirrors: Whether other servers may have the right file.

    Raises:
        ConfigError: Neither says it.
        IntegrityError: The only server has a file with another digest.
    """
    said = probed.sha256.hex()
    if not (sha256 or said):
        raise ConfigError(
            "a file at a URL is fetched only with its digest, and its server does not tell it",
            remedy=_REMEDY,
        )
    if sha256 and said and said != sha256 and not has_mirrors:
        raise IntegrityError(
            f"{probed.name or 'the file'}: its SHA-256 is {said}, as its server says, not {sha256}",
            path=probed.name,
            remedy="Check the URL and the digest.",
        )
    return sha256 or said
