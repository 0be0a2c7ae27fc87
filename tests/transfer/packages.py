"""A small package with every kind of file, published by hand."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import msgspec

from dlcore.manifest import ContentFile, encode, encode_catalog, manifest_of_library
from dlcore.manifest.identity import object_name
from dlcore.model import (
    CATALOG_KEY,
    Catalog,
    CatalogEntry,
    File,
    Manifest,
    Object,
    manifest_key,
    object_key,
)

BLOCK_BYTES = 4096
PACKAGE_ID = "ABC00012"
LARGE_BYTES = 3 << 20
MISSING = "verloren.bin"  # in the manifest, nowhere else
SMALL = {
    "Ärger & #1 %41+b.txt": 700,
    "a/b/c.inf": 1,
    "a/b/d;e=f.cat": 4095,
    "a/web.config": 2048,
    "z/empty.txt": 0,
    f"z/{'n' * 251}.txt": 10,  # the longest name that file systems take
}
LONG = {"large.wim": LARGE_BYTES + 17, "a/exact.bin": 16 * BLOCK_BYTES, MISSING: 5000}


class Package(msgspec.Struct, frozen=True):
    """A manifest and the bytes of its objects."""

    manifest: Manifest
    contents: tuple[bytes, ...]

    def index_of(self, path: str) -> int:
        """Index of the object that holds a file."""
        return next(file.object for file in self.manifest.files if file.path == path)

    def documents(self) -> dict[str, bytes]:
        """Catalog and manifest by key."""
        document = encode(self.manifest)
        digest = hashlib.sha256(document).hexdigest()
        entry = CatalogEntry(1, digest, len(document), self.manifest.content_bytes)
        catalog = encode_catalog(Catalog(1, {PACKAGE_ID: entry}))
        return {CATALOG_KEY: catalog, manifest_key(digest): document}

    def published(self) -> dict[str, bytes]:
        """Everything that is served, by key: the missing object is not."""
        named = zip(self.manifest.objects, self.contents, strict=True)
        missing = self.manifest.objects[self.index_of(MISSING)].name
        objects = {object_key(o.name): data for o, data in named if o.name != missing}
        return self.documents() | objects

    def files(self) -> dict[str, bytes]:
        """What each file holds, by path."""
        return {
            file.path: self.contents[file.object][file.offset_bytes :][: file.length_bytes]
            if file.length_bytes
            else b""
            for file in self.manifest.files
        }

    def publish(self, folder: Path) -> Path:
        """Write what is served below a folder."""
        for key, data in self.published().items():
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return folder


def make_package() -> Package:
    """The package; always the same."""
    random_bytes = random.Random(12).randbytes
    paths = sorted(path for path, length in SMALL.items() if length)
    offsets = [sum(SMALL[p] for p in paths[:i]) for i in range(len(paths))]
    packed = dict(zip(paths, offsets, strict=True))
    contents = [random_bytes(sum(SMALL.values())), *(random_bytes(n) for n in LONG.values())]
    files = [
        *(File(path, n, 0 if n else -1, packed.get(path, 0)) for path, n in SMALL.items()),
        *(File(path, n, index) for index, (path, n) in enumerate(LONG.items(), start=1)),
    ]
    return Package(
        Manifest(
            schema=1,
            package_id=PACKAGE_ID,
            version=1,
            block_bytes=BLOCK_BYTES,
            objects=tuple(_object(data) for data in contents),
            files=tuple(sorted(files, key=lambda file: file.path)),
        ),
        tuple(contents),
    )


def make_whole_package() -> Package:
    """The same files, each an object of its own with one digest, as a content library has them."""
    files = make_package().files()
    # The INI file of a name has four characters more.
    files = {path.replace("n" * 251, "n" * 247): data for path, data in files.items()}
    stated = {
        path: ContentFile(len(data), hashlib.sha256(data).digest()) for path, data in files.items()
    }
    manifest = manifest_of_library(PACKAGE_ID, 3, stated, (), source="the test")
    contents = tuple(data for _, data in sorted(files.items()) if data)
    return Package(msgspec.structs.replace(manifest, block_bytes=BLOCK_BYTES), contents)


def _object(data: bytes) -> Object:
    blocks = (data[at : at + BLOCK_BYTES] for at in range(0, len(data), BLOCK_BYTES))
    digests = b"".join(hashlib.sha256(block).digest() for block in blocks)
    return Object(object_name(len(data), BLOCK_BYTES, digests), len(data), digests)
