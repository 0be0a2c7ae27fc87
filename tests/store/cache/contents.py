"""Packages of bytes that the test chooses, laid out as `dlcore publish` lays them out."""

from __future__ import annotations

import hashlib

import msgspec

from dlcore import manifest as documents
from dlcore.manifest import object_name
from dlcore.model import File, Manifest, Object
from dlcore.native import block_digests
from tests.store.helpers import BLOCK_BYTES, Package


def package_of(package_id: str, contents: dict[str, bytes], *, version: int = 1) -> Package:
    """A package; files shorter than a block share a pack object, in the order of their paths."""
    contents = dict(sorted(contents.items()))
    small = [path for path, data in contents.items() if 0 < len(data) < BLOCK_BYTES]
    groups = [small] if small else []
    groups += [[path] for path, data in contents.items() if len(data) >= BLOCK_BYTES]
    objects = tuple(b"".join(contents[path] for path in group) for group in groups)
    files = {path: File(path, 0) for path, data in contents.items() if not data}
    for index, group in enumerate(groups):
        at = 0
        for path in group:
            files[path] = File(path, len(contents[path]), index, at)
            at += len(contents[path])
    manifest = Manifest(
        schema=2,
        package_id=package_id,
        version=version,
        block_bytes=BLOCK_BYTES,
        objects=tuple(map(_object, objects)),
        files=tuple(files[path] for path in contents),
    )
    manifest = _with_digests(manifest, contents)
    return Package(manifest, documents.encode(manifest), objects, contents)


def _object(data: bytes) -> Object:
    digests = block_digests(data, BLOCK_BYTES)
    return Object(object_name(len(data), BLOCK_BYTES, digests), len(data), digests)


def _with_digests(manifest: Manifest, contents: dict[str, bytes]) -> Manifest:
    replace = msgspec.structs.replace
    files = tuple(
        replace(file, sha256=hashlib.sha256(contents[file.path]).digest())
        if manifest.is_packed(file)
        else file
        for file in manifest.files
    )
    return replace(manifest, files=files)
