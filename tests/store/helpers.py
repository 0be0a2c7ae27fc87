"""Small packages with known bytes, and how to fill a store with them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from dlcore.model import BlockExtent, BlockInPackage, File, Manifest, Object
from dlcore.native import block_digests
from dlcore.store import Partial, Store
from dlcore.store.files import Files

LINK = pytest.param("link", marks=pytest.mark.wine_cannot(reason="makes no symbolic links"))
PIPE = pytest.param("fifo", marks=pytest.mark.posix_only(reason="folders hold no pipes"))
BLOCK_BYTES = 4096
FILES = {
    "a/large.bin": 5 * BLOCK_BYTES + 123,
    "a/exact.bin": 3 * BLOCK_BYTES,
    "b/one.txt": 1,
    "b/c/two.txt": 700,
    "b/c/three.txt": BLOCK_BYTES - 1,
    "b/empty.txt": 0,
    "long.bin": BLOCK_BYTES + 1,
}


class Package(NamedTuple):
    """A package and the bytes of its objects."""

    manifest: Manifest
    document: bytes
    objects: tuple[bytes, ...]
    contents: dict[str, bytes]

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.document).hexdigest()

    def block(self, number: int) -> tuple[int, int, memoryview]:
        """Object, block in it, bytes: what `Partial.write_extent` takes."""
        index, block = self.manifest.locate_block(BlockInPackage(number))
        return index, block, self.extent(BlockExtent.of(index, block, block + 1))

    def extent(self, blocks: BlockExtent) -> memoryview:
        start, end = self.manifest.extent_span(blocks)
        return memoryview(self.objects[blocks.object])[start:end]


def make_package(
    sizes: dict[str, int] = FILES,
    *,
    seed: int = 1,
    block_bytes: int = BLOCK_BYTES,
    whole: bool = False,
    version: int = 1,
    schema: int = 2,
) -> Package:
    """A package of random files; shorter ones than a block share a pack object.

    Args:
        sizes: Length of each file by path.
        seed: Of the bytes.
        block_bytes: Length of a block.
        whole: Give the objects one digest each, none for their blocks.
        version: Of the package.
        schema: Of the manifest; 1 has no digests of packed files.
    """
    chance = random.Random(seed)
    contents = {path: chance.randbytes(size) for path, size in sorted(sizes.items())}
    small = [path for path, data in contents.items() if 0 < len(data) < block_bytes]
    groups = [small] if small else []
    groups += [[path] for path, data in contents.items() if len(data) >= block_bytes]
    objects = tuple(b"".join(contents[path] for path in group) for group in groups)
    place = {
        path: (index, sum(len(contents[p]) for p in group[:at]))
        for index, group in enumerate(groups)
        for at, path in enumerate(group)
    }
    files = tuple(
        File(path, len(data), *place.get(path, (-1, 0))) for path, data in contents.items()
    )
    manifest = Manifest(
        schema=schema,
        package_id="ABC00012",
        version=version,
        block_bytes=block_bytes,
        objects=tuple(_object(data, block_bytes, whole) for data in objects),
        files=files,
        folders=("empty/inner",),
    )
    if schema > 1:
        manifest = _with_digests_of_files(manifest, contents)
    return Package(manifest, msgspec.json.encode(manifest), objects, contents)


def _with_digests_of_files(manifest: Manifest, contents: dict[str, bytes]) -> Manifest:
    files = (
        msgspec.structs.replace(file, sha256=hashlib.sha256(contents[file.path]).digest())
        if manifest.is_packed(file)
        else file
        for file in manifest.files
    )
    return msgspec.structs.replace(manifest, files=tuple(files))


def _object(data: bytes, block_bytes: int, whole: bool) -> Object:
    digest = hashlib.sha256(data).digest()
    if whole:
        return Object(digest.hex(), len(data), sha256=digest)
    return Object(digest.hex(), len(data), digests=block_digests(data, block_bytes))


def fill(partial: Partial, package: Package, numbers: list[int] | None = None) -> None:
    """Write what is missing (or the given blocks), one block a call."""
    wanted = [n for n, held in enumerate(partial.have) if not held] if numbers is None else numbers
    for number in wanted:
        assert partial.write_extent(*package.block(number)) == ()


def finish(store: Store, package: Package) -> Path:
    """Complete a package in a store."""
    partial = store.begin(package.manifest, package.document)
    fill(partial, package)
    return partial.finish()


@contextmanager
def opened(state: Path, files: Files | None = None) -> Iterator[Store]:
    """A store without a lock: another one is another process."""
    store = Store(state, files or Files())
    store.prepare()
    try:
        yield store
    finally:
        store.close()


def read_back(content: Path) -> dict[str, bytes]:
    """All files below a folder by path."""
    return {
        path.relative_to(content).as_posix(): path.read_bytes()
        for path in sorted(content.rglob("*"))
        if path.is_file()
    }
