"""Checks that the objects, blocks and files of a manifest fit together to the byte."""

from __future__ import annotations

from itertools import pairwise

from dlcore.errors import ManifestError
from dlcore.manifest.identity import object_name
from dlcore.manifest.names import check_path, check_together
from dlcore.manifest.programs import check_stated
from dlcore.manifest.refusal import printable
from dlcore.model import DEFAULT_BLOCK_BYTES, DIGEST_BYTES, File, Manifest, Object
from dlcore.package_ids import HOW_TO_WRITE_A_PACKAGE_ID, LOCAL_ID, published_id

MIN_BLOCK_BYTES = 4 << 10
MAX_BLOCK_BYTES = 16 << 20
SCHEMAS = (1, 2, 3)  # 1 has no digests of packed files; 3 has programs
MAX_NUMBER = (1 << 63) - 1  # for every number in a manifest
MAX_CONTENT_BYTES = 1 << 53  # all lengths together; JSON readers keep larger numbers inexactly
MAX_BLOCKS = 1 << 22
"""Blocks of one package. Each costs up to 40 bytes of memory while the package is fetched, and an
object that has a single digest could claim any number of them at no cost."""


def check_package_id(written: str) -> None:
    """Check the id of something published, as dlcore's documents spell it (`published_id`).

    Raises:
        ManifestError: It is not one.
    """
    if published_id(written) != written:
        raise ManifestError(
            f"'{printable(written)}' is not a package id", remedy=HOW_TO_WRITE_A_PACKAGE_ID
        )


def is_block_length(block_bytes: int) -> bool:
    """Whether blocks may have this length."""
    return MIN_BLOCK_BYTES <= block_bytes <= MAX_BLOCK_BYTES and block_bytes.bit_count() == 1


def check(manifest: Manifest) -> None:
    """Check a whole manifest.

    Raises:
        ManifestError: It breaks a rule of ``docs/formats.md``; the message says which and where.
    """
    _check_head(manifest)
    for index, item in enumerate(manifest.objects):
        place = f"objects[{index}]"
        if item.given and manifest.package_id != LOCAL_ID:
            raise ManifestError(f"{place}: a package has digests of SHA-256 only")
        _check_object(item, manifest.block_bytes, place)
    _check_sums(manifest)
    _check_names(manifest)
    _check_cover(manifest)
    _check_digests_of_files(manifest)
    check_stated(manifest)


def check_schema(schema: int) -> None:
    """Check that this version of dlcore can read manifests of a schema.

    Raises:
        ManifestError: It cannot.
    """
    if schema not in SCHEMAS:
        raise ManifestError(
            f"schema {schema} is not supported", remedy="Use a newer version of dlcore."
        )


def _check_head(manifest: Manifest) -> None:
    check_schema(manifest.schema)
    if manifest.package_id != LOCAL_ID:
        check_package_id(manifest.package_id)
    if not 1 <= manifest.version <= MAX_NUMBER:
        raise ManifestError(f"version {manifest.version} is out of range")
    if not is_block_length(manifest.block_bytes):
        raise ManifestError(
            f"block_bytes {manifest.block_bytes} is not a power of two from 4 KiB to 16 MiB"
        )


def block_bytes_for(length_bytes: int) -> int:
    """The usual length of a block; for long content the shortest that gives few enough blocks.

    Args:
        length_bytes: Of all objects together. If no length of a block will do, the longest is
            returned, and `check` refuses the manifest.
    """
    block_bytes = DEFAULT_BLOCK_BYTES
    while block_bytes < MAX_BLOCK_BYTES and length_bytes > MAX_BLOCKS * block_bytes:
        block_bytes *= 2
    return block_bytes


def _check_sums(manifest: Manifest) -> None:
    content_bytes = sum(item.length_bytes for item in manifest.objects)
    if content_bytes > MAX_CONTENT_BYTES:
        raise ManifestError(
            f"objects: their lengths add up to {content_bytes} bytes, more than 2**53"
        )
    blocks = sum(-(-item.length_bytes // manifest.block_bytes) for item in manifest.objects)
    if blocks > MAX_BLOCKS:
        raise ManifestError(
            f"objects: they have {blocks} blocks, but at most {MAX_BLOCKS} are accepted",
            remedy="Use longer blocks, or split the package.",
        )


def _check_object(item: Object, block_bytes: int, place: str) -> None:
    if not 1 <= item.length_bytes <= MAX_NUMBER:
        raise ManifestError(f"{place}: length_bytes {item.length_bytes} is out of range")
    if sum(1 for digests in (item.digests, item.sha256, item.given) if digests) != 1:
        raise ManifestError(f"{place}: must have either digests or sha256, and not both")
    expected = DIGEST_BYTES * -(-item.length_bytes // block_bytes)
    if item.digests and len(item.digests) != expected:
        raise ManifestError(f"{place}: digests is {len(item.digests)} bytes long, not {expected}")
    if item.sha256 and len(item.sha256) != DIGEST_BYTES:
        raise ManifestError(f"{place}: sha256 is {len(item.sha256)} bytes long, not {DIGEST_BYTES}")
    name = item.sha256.hex() or _given_name(item, place)
    name = name or object_name(item.length_bytes, block_bytes, item.digests)
    if item.name != name:
        raise ManifestError(f"{place}: name '{printable(item.name)}' does not match its digests")


def _given_name(item: Object, place: str) -> str:
    """The name of an object with a digest as given; empty for others."""
    try:
        return item.whole.hex if item.given else ""
    except ValueError as error:
        raise ManifestError(f"{place}: given {error}") from None


def _check_names(manifest: Manifest) -> None:
    paths = [file.path for file in manifest.files]
    for place, listed in (("files", paths), ("folders", list(manifest.folders))):
        for path in listed:
            check_path(path)
        for first, second in pairwise(listed):
            if first >= second:
                raise ManifestError(f"{place}: '{printable(second)}' is repeated or out of order")
    check_together([*paths, *manifest.folders])


def _check_cover(manifest: Manifest) -> None:
    placed: list[list[File]] = [[] for _ in manifest.objects]
    for file in manifest.files:
        _check_file(file, len(manifest.objects))
        if not file.is_empty:
            placed[file.object].append(file)
    for index, (item, files) in enumerate(zip(manifest.objects, placed, strict=True)):
        end = 0
        for file in sorted(files, key=lambda file: file.offset_bytes):
            if file.offset_bytes != end:
                problem = "in two files" if file.offset_bytes < end else "not in any file"
                at = min(file.offset_bytes, end)
                raise ManifestError(f"objects[{index}]: bytes from {at} are {problem}")
            end += file.length_bytes
        if end != item.length_bytes:
            raise ManifestError(
                f"objects[{index}]: its files end at byte {end}, but it ends at {item.length_bytes}"
            )


def _check_file(file: File, objects: int) -> None:
    problem = None
    if not (0 <= file.length_bytes <= MAX_NUMBER and 0 <= file.offset_bytes <= MAX_NUMBER):
        problem = "length_bytes or offset_bytes is out of range"
    elif not file.is_empty and not 0 <= file.object < objects:
        problem = f"object {file.object} does not exist"
    elif file.is_empty and (file.object, file.offset_bytes) != (-1, 0):
        problem = "is empty, but placed in an object"
    if problem:
        raise ManifestError(f"file '{printable(file.path)}': {problem}")


def _check_digests_of_files(manifest: Manifest) -> None:
    for file in manifest.files:
        needs_digest = manifest.schema > 1 and manifest.is_packed(file)
        expected = DIGEST_BYTES if needs_digest else 0
        if len(file.sha256) != expected:
            raise ManifestError(
                f"file '{printable(file.path)}': sha256 is {len(file.sha256)} bytes long,"
                f" not {expected}"
            )
