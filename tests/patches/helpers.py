"""Manifests and patch lists to read and write."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence

import msgspec

from dlcore.manifest import digest_of, encode, object_name
from dlcore.model import File, Manifest, Object
from dlcore.native import block_digests
from dlcore.patches import OldFile, Patch, PatchList

BLOCK = 4096
ID = "ABC00012"


def content(length_bytes: int, seed: int = 0) -> bytes:
    return random.Random(f"{seed} {length_bytes}").randbytes(length_bytes)


def object_of(data: bytes) -> Object:
    digests = block_digests(memoryview(data), BLOCK)
    return Object(object_name(len(data), BLOCK, digests), len(data), digests)


def manifest_of(files: Mapping[str, bytes], version: int = 1) -> Manifest:
    """Short files share one object, in the order of their paths."""
    short = {path: data for path, data in sorted(files.items()) if 0 < len(data) < BLOCK}
    objects = [object_of(b"".join(short.values()))] if short else []
    listed, at = list[File](), 0
    for path, data in sorted(files.items()):
        if not data:
            listed.append(File(path, 0))
        elif path in short:
            listed.append(File(path, len(data), 0, at))
            at += len(data)
        else:
            listed.append(File(path, len(data), len(objects)))
            objects.append(object_of(data))
    plain = Manifest(2, ID, version, BLOCK, tuple(objects), tuple(listed))
    with_digests = tuple(
        msgspec.structs.replace(file, sha256=hashlib.sha256(files[file.path]).digest())
        if plain.is_packed(file)
        else file
        for file in listed
    )
    return msgspec.structs.replace(plain, files=with_digests)


def old_file(path: str, data: bytes) -> OldFile:
    return OldFile(path, len(data), hashlib.sha256(data).digest())


def list_of(manifest: Manifest, *data: bytes, patches: Sequence[Patch]) -> PatchList:
    digest = digest_of(encode(manifest))
    head = (1, manifest.package_id, manifest.version, digest, BLOCK)
    return PatchList(*head, tuple(map(object_of, data)), tuple(patches))
