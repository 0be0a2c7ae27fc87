"""A single file at a URL: what it is called, and which digest it must have. Pure.

Guarantees: a name is either one that a file can have on every system, or refused. The digest is the
user's; the server's own counts only where nobody else could have put it there.
"""

from __future__ import annotations

from dlcore import manifest as documents
from dlcore.deployment import is_protected
from dlcore.digests import SHA_256, Digest, sha256_digest
from dlcore.errors import ConfigError, IntegrityError, ManifestError
from dlcore.file_urls import is_file_url
from dlcore.model import EndpointKind, EndpointSettings, File, Manifest, Object
from dlcore.package_ids import LOCAL_ID
from dlcore.transfer import Probed, is_bucket_url

_REMEDY = (
    "Give its SHA-256, with --sha256 or the argument sha256, another digest with --checksum"
    " (checksum), a list of digests with --checksums (checksums), or a manifest."
)


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


def check_digest_is_known(url: str, digest: Digest | None) -> None:
    """Refuse a file of which nobody can vouch for the digest, before anything is asked.

    Raises:
        ConfigError: The user does not name it, and what the server says could be altered.
    """
    if not (digest or is_protected_url(url)):
        raise ConfigError(
            "a file at a URL is fetched only with its digest, so that it can be verified",
            remedy=_REMEDY,
        )


def is_protected_url(url: str) -> bool:
    """Whether nobody on the way can alter what is read there."""
    if is_file_url(url) or is_bucket_url(url):
        return True
    try:
        return is_protected(EndpointSettings("url", EndpointKind.HTTP, url))
    except ValueError:  # it is not a URL at all
        return False


def digest_of(
    probed: Probed, digest: Digest | None, *, has_mirrors: bool, problem: str = ""
) -> Digest:
    """The digest that the file must have.

    Args:
        probed: What the server says.
        digest: What the user says; None for what the server says.
        has_mirrors: Whether other servers may have the right file.
        problem: Why a Metalink that the server names does not count; empty if it names none.

    Raises:
        ConfigError: Neither says it.
        IntegrityError: The only server has a file with another digest.
    """
    said = sha256_digest(probed.sha256) if probed.sha256 else None
    if not (digest or said):
        raise ConfigError(
            "a file at a URL is fetched only with its digest, and its server does not tell it"
            + (f": {problem}" if problem else ""),
            remedy=_REMEDY,
        )
    is_same_kind = digest and digest.algorithm == SHA_256
    if digest and said and is_same_kind and said != digest and not has_mirrors:
        raise IntegrityError(
            f"{probed.name or 'the file'}: its SHA-256 is {said.hex}, as its server says,"
            f" not {digest.hex}",
            path=probed.name,
            remedy="Check the URL and the digest.",
        )
    decisive = digest or said
    assert decisive
    return decisive


def manifest_of_file(name: str, length_bytes: int, digest: Digest) -> Manifest:
    """The manifest of a file of which only the digest of the whole is known.

    Raises:
        IntegrityError: It is empty, and the digest is not that of an empty file.
    """
    objects: tuple[Object, ...] = ()
    file = File(name, 0)
    if length_bytes:
        objects = (_object(length_bytes, digest),)
        file = File(name, length_bytes, 0)
    elif digest.value != digest.hash().digest():
        raise IntegrityError(
            f"{name} is empty at its URL, but its {digest.title} is not that of an empty file",
            path=name,
            remedy="Check the URL and the digest.",
        )
    return Manifest(
        schema=1,
        package_id=LOCAL_ID,
        version=1,
        block_bytes=documents.block_bytes_for(length_bytes),
        objects=objects,
        files=(file,),
    )


def _object(length_bytes: int, digest: Digest) -> Object:
    if digest.algorithm == SHA_256:
        return Object(digest.hex, length_bytes, sha256=digest.value)
    return Object(digest.hex, length_bytes, given=str(digest))
