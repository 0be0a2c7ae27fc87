"""The old versions that patches are made from: published ones, and folders.

Guarantees: what is read of a published version matched its manifest. A file of a folder did not
change since the folder was listed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from dlcore.errors import ConfigError, IntegrityError
from dlcore.long_path import long_path
from dlcore.model import File, Manifest, object_key
from dlcore.native import verify_blocks
from dlcore.plain_files import is_folder_there
from dlcore.publish.destination import Site
from dlcore.publish.policy import PublishPolicy
from dlcore.publish.preparing import PublishOptions, hash_files
from dlcore.publish.reading import read_file
from dlcore.publish.source import list_source
from dlcore.publish.versions import version_at

_VERSION = re.compile(r"[0-9]{1,19}|[0-9A-Fa-f]{64}")


class OldVersion(NamedTuple):
    """An old version of a package.

    Attributes:
        title: What it is called in messages.
        manifest: What it consists of.
        read: Reads one of its files.
    """

    title: str
    manifest: Manifest
    read: Callable[[File], bytes]


def open_old_versions(
    named: Sequence[str], target: Site, options: PublishOptions, policy: PublishPolicy
) -> list[OldVersion]:
    """The versions that a user names.

    Args:
        named: For each its number, the SHA-256 of its manifest, or a folder.
        target: The site that has the published ones.
        options: Package and block length.
        policy: Sizes and limits.

    Raises:
        ConfigError: One is neither a version nor a folder; the user's fault.
        NotFoundError: The site has no such version.
        DlcoreError: As `read_version`, and as `publish` for a folder.
    """
    return [_open(each, target, options, policy) for each in named]


def _open(named: str, target: Site, options: PublishOptions, policy: PublishPolicy) -> OldVersion:
    folder = Path(named)
    if named and is_folder_there(long_path(folder)):
        return _of_folder(folder, options, policy)
    if not _VERSION.fullmatch(named):
        raise ConfigError(
            f"'{named}' is neither a version nor a folder",
            remedy="Name a version of the package at the site (see dlcore list SITE --earlier), or"
            " the folder that it was published from.",
        )
    manifest = version_at(target, options.package_id, named)
    title = f"{manifest.package_id} version {manifest.version} at {target.name}"

    def read(file: File) -> bytes:
        return _read_published(target, manifest, file, title)

    return OldVersion(title, manifest, read)


def _of_folder(folder: Path, options: PublishOptions, policy: PublishPolicy) -> OldVersion:
    source = list_source(long_path(folder))
    plain = msgspec.structs.replace(options, content_library=False, programs={}, patch_from=())
    manifest = hash_files(source, 1, plain, lambda _: None, policy)
    located = {file.path: file for file in source.files}
    return OldVersion(str(folder), manifest, lambda file: read_file(located[file.path]))


def _read_published(site: Site, manifest: Manifest, file: File, title: str) -> bytes:
    item = manifest.objects[file.object]
    key, end = object_key(item.name), file.offset_bytes + file.length_bytes
    data = site.read(key, file.offset_bytes, end)
    if len(data) != file.length_bytes or not _is_right(manifest, file, data):
        raise IntegrityError(
            f"{title}: {file.path} is damaged, so no patch can be made from it",
            path=key,
            remedy="Repair that version, or name the folder that it was published from.",
        )
    return bytes(data)


def _is_right(manifest: Manifest, file: File, data: memoryview) -> bool:
    item = manifest.objects[file.object]
    if file.sha256:
        return hashlib.sha256(data).digest() == file.sha256
    if not item.digests:
        return True  # of schema 1: the patch is of what is there, which its own digest tells
    first = file.offset_bytes // manifest.block_bytes
    last = -(-(file.offset_bytes + file.length_bytes) // manifest.block_bytes)
    if file.offset_bytes % manifest.block_bytes or manifest.is_packed(file):
        return True
    digests = item.digests[first * 32 : last * 32]
    return not verify_blocks(data, manifest.block_bytes, digests)
