"""Manifests for tests: one written by hand, and a strategy for any valid one."""

from __future__ import annotations

import hashlib
import unicodedata

import msgspec
from hypothesis import strategies as st

from dlcore.errors import ManifestError
from dlcore.manifest import check_path, check_together, object_name, with_programs
from dlcore.model import File, Manifest, Object

BLOCK = 4096


def object_of(length_bytes: int, block_bytes: int = BLOCK) -> Object:
    """An object of a given length, with digests of no particular content."""
    count = -(-length_bytes // block_bytes)
    digests = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(count))
    return Object(object_name(length_bytes, block_bytes, digests), length_bytes, digests)


def with_digests_of_files(manifest: Manifest) -> Manifest:
    """The manifest in schema 2: packed files have digests, of no particular content."""
    files = tuple(
        msgspec.structs.replace(file, sha256=hashlib.sha256(file.path.encode()).digest())
        if manifest.is_packed(file)
        else file
        for file in manifest.files
    )
    return msgspec.structs.replace(manifest, schema=2, files=files)


def example() -> Manifest:
    """Two packed files, one that is its own object, an empty file and an empty folder."""
    return with_digests_of_files(example_of_schema_1())


def example_of_schema_1() -> Manifest:
    """The same without digests of packed files."""
    return Manifest(
        schema=1,
        package_id="ABC00012",
        version=3,
        block_bytes=BLOCK,
        objects=(object_of(30), object_of(2 * BLOCK + 1)),
        files=(
            File("a.txt", 10, 0, 0),
            File("drivers/b.inf", 20, 0, 10),
            File("drivers/empty", 0),
            File("install.wim", 2 * BLOCK + 1, 1),
        ),
        folders=("logs/none",),
    )


def _is_legal(path: str) -> bool:
    try:
        check_path(path)
    except ManifestError:
        return False
    return True


def live_together(paths: list[str]) -> bool:
    try:
        check_together(paths)
    except ManifestError:
        return False
    return True


parts = st.text(min_size=1, max_size=6).map(lambda text: unicodedata.normalize("NFC", text))
legal_paths = st.lists(parts, min_size=1, max_size=4).map("/".join).filter(_is_legal)


visible = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=9)
programs = st.dictionaries(visible, visible, max_size=3)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """Any valid manifest."""
    paths = draw(st.lists(legal_paths, max_size=8, unique=True).filter(live_together))
    cut = draw(st.integers(0, len(paths)))
    lengths: list[int] = []
    files: list[File] = []
    for path in sorted(paths[:cut]):
        length = draw(st.integers(0, 3 * BLOCK))
        if length == 0:
            files.append(File(path, 0))
            continue
        if not lengths or draw(st.booleans()):
            lengths.append(0)
        index = draw(st.integers(0, len(lengths) - 1)) if all(lengths) else len(lengths) - 1
        files.append(File(path, length, index, lengths[index]))
        lengths[index] += length
    version = draw(st.integers(1, 2**31))
    objects = tuple(object_of(length) for length in lengths)
    manifest = Manifest(
        1, "ABC00012", version, BLOCK, objects, tuple(files), tuple(sorted(paths[cut:]))
    )
    later = with_digests_of_files(manifest)
    return draw(st.sampled_from([manifest, later, with_programs(later, draw(programs))]))
