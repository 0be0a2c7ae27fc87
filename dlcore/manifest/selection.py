"""Some files of a package as a manifest of their own. Pure.

Each file becomes an object of its own, with the digests that the package's manifest has for it. So
the files are verified one by one, and no byte of another file is needed. Where their bytes are in
the package's own objects is kept beside (`ObjectOrigin`).
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from dlcore.errors import ManifestError
from dlcore.manifest.geometry import check
from dlcore.manifest.identity import object_name
from dlcore.manifest.patterns import Patterns
from dlcore.manifest.refusal import printable
from dlcore.model import DIGEST_BYTES, File, Manifest, Object

_SCHEMA = 2  # programs, which later ones have, are of whole packages


class ObjectOrigin(NamedTuple):
    """Where an object of a selection is in the package.

    Attributes:
        object: Index of the package's object.
        offset_bytes: Where it begins there.
    """

    object: int
    offset_bytes: int


class Selection(NamedTuple):
    """Some files of a package.

    Attributes:
        manifest: They alone.
        origins: Where each of its objects is in the package.
        package: The manifest of the package.
    """

    manifest: Manifest
    origins: tuple[ObjectOrigin, ...]
    package: Manifest


def select(package: Manifest, patterns: Patterns) -> Selection | None:
    """Choose files and empty folders of a package.

    Args:
        package: The manifest of all.
        patterns: Which ones.

    Returns:
        The selection; None if it is the whole package.

    Raises:
        ManifestError: A file that is selected has no digest of its own, because the package was
            published before manifests had them.
    """
    wanted = [file for file in package.files if patterns.select(file.path)]
    folders = tuple(folder for folder in package.folders if patterns.select(folder))
    if len(wanted) == len(package.files) and folders == package.folders:
        return None
    objects: list[Object] = []
    origins: list[ObjectOrigin] = []
    files: list[File] = []
    for file in wanted:
        if file.is_empty:
            files.append(file)
            continue
        files.append(File(file.path, file.length_bytes, len(objects)))
        objects.append(_object_of(file, package))
        origins.append(ObjectOrigin(file.object, file.offset_bytes))
    manifest = Manifest(
        schema=min(package.schema, _SCHEMA),
        package_id=package.package_id,
        version=package.version,
        block_bytes=package.block_bytes,
        objects=tuple(objects),
        files=tuple(files),
        folders=folders,
    )
    check(manifest)
    return Selection(manifest, tuple(origins), package)


def _object_of(file: File, package: Manifest) -> Object:
    """The file as an object of its own."""
    item, block_bytes = package.objects[file.object], package.block_bytes
    if package.is_packed(file):
        if not file.sha256:
            raise ManifestError(
                f"'{printable(file.path)}' cannot be fetched alone: the manifest of"
                f" {package.package_id} has no digest of it",
                remedy="Publish the package again, or fetch all of it.",
            )
        return Object(file.sha256.hex(), file.length_bytes, sha256=file.sha256)
    if not item.digests:
        return item
    first = file.offset_bytes // block_bytes
    last = -(-(file.offset_bytes + file.length_bytes) // block_bytes)
    digests = item.digests[first * DIGEST_BYTES : last * DIGEST_BYTES]
    name = object_name(file.length_bytes, block_bytes, digests)
    return msgspec.structs.replace(item, name=name, length_bytes=file.length_bytes, digests=digests)
