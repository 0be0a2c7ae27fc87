"""The patch list of one version of a package: the document, read and written.

It says which of the version's files can be made of which old ones, and where the patches are: in
objects of their own, whose blocks have digests as those of a manifest have.

Guarantees: a list that `decode_patch_list` returns obeys every rule of ``docs/formats.md``: its
patches lie one after the other in its objects, its numbers are in range, and all lengths together
have a bound. What only the version's manifest can tell is checked by `fits`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection
from itertools import pairwise

import msgspec

from dlcore.errors import ManifestError
from dlcore.manifest import check_geometry, check_package_id, check_path, refusing
from dlcore.manifest import parse_strictly as parse
from dlcore.model import DIGEST_BYTES, File, Manifest, Object

MAX_PATCH_LIST_BYTES = 16 << 20
MAX_PATCHES = 1 << 17  # a patch takes at least 60 bytes of the document
MAX_NUMBER = (1 << 63) - 1
MIN_OVERHEAD_BYTES = 64  # the header of a frame, and of its only block
OVERHEAD_SHARE = 1024  # zstd adds 3 bytes to each 128 KiB that it cannot compress

_DIGEST = re.compile(r"[0-9a-f]{64}")
_REMEDY = "Publish the version again with --patch-from. Without patches, all of it is fetched."


class OldFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of an older version.

    Attributes:
        path: Where it was in that version.
        length_bytes: 1 or more.
        sha256: Of all of it.
    """

    path: str
    length_bytes: int
    sha256: bytes


class Patch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How one new file is made.

    Attributes:
        file: Number of the new file in the manifest's files.
        length_bytes: Length of the patch; 0: the new file is the old one, under another path.
        object: Index of the object that has the patch; -1 (left out) if the length is 0.
        offset_bytes: Where the patch begins in the object.
        old: The old file; None if the patch needs none: it is the compressed new file then.
    """

    file: int
    length_bytes: int = 0
    object: int = -1
    offset_bytes: int = 0
    old: OldFile | None = None


class PatchList(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """The patches of one version of a package.

    Attributes:
        schema: 1.
        package_id: Id of the package.
        version: The version that the patches lead to.
        manifest: SHA-256 of its manifest document, hex.
        block_bytes: Length of a block of the objects.
        objects: What has the patches.
        patches: By number of the file, then by the SHA-256 of the old file.
    """

    schema: int
    package_id: str
    version: int
    manifest: str
    block_bytes: int
    objects: tuple[Object, ...]
    patches: tuple[Patch, ...]

    @functools.cached_property
    def content(self) -> Manifest:
        """What is fetched: the objects, with each patch as a file of its own (`name_of`)."""
        return self.selected(range(len(self.objects)))

    def selected(self, objects: Collection[int]) -> Manifest:
        """What is fetched if only some of the objects are wanted; see `content`."""
        kept = sorted(set(objects))
        place = {index: number for number, index in enumerate(kept)}
        files = [
            File(name_of(number), patch.length_bytes, place[patch.object], patch.offset_bytes)
            for number, patch in enumerate(self.patches)
            if patch.object in place
        ]
        chosen = tuple(self.objects[index] for index in kept)
        return Manifest(
            schema=1,
            package_id=self.package_id,
            version=self.version,
            block_bytes=self.block_bytes,
            objects=chosen,
            files=tuple(files),
        )


def name_of(number: int) -> str:
    """The path of a patch in `PatchList.content`: one that no package has, in order."""
    return f"dlcore-patches/{number:06}"


def decode_patch_list(data: bytes, *, source: str) -> PatchList:
    """Read a patch list.

    Args:
        data: The document.
        source: Where it came from, for messages; without secrets.

    Raises:
        ManifestError: The document is malformed or hostile; its author's fault.
    """
    with refusing(source, "patch list", _REMEDY):
        listed = parse(data, PatchList, max_bytes=MAX_PATCH_LIST_BYTES)
        _check(listed)
        return listed


def encode_patch_list(listed: PatchList) -> bytes:
    """Write a patch list; the same list always gives the same bytes.

    Raises:
        ManifestError: `decode_patch_list` would refuse it.
    """
    _check(listed)
    data = msgspec.json.encode(listed)
    if len(data) > MAX_PATCH_LIST_BYTES:
        raise ManifestError(
            f"the patch list of {listed.package_id} would be {len(data)} bytes long,"
            f" but at most {MAX_PATCH_LIST_BYTES} bytes are accepted",
            remedy="Name fewer old versions with --patch-from.",
        )
    return data


def fits(listed: PatchList, manifest: Manifest, digest: str) -> bool:
    """Whether a list is of this version: what it says can be true.

    Args:
        listed: The list.
        manifest: The version's manifest.
        digest: SHA-256 of its document, hex.
    """
    named = (listed.manifest, listed.package_id, listed.version)
    if named != (digest, manifest.package_id, manifest.version):
        return False
    return all(
        patch.file < len(manifest.files)
        and _may_give(patch, manifest.files[patch.file].length_bytes)
        for patch in listed.patches
    )


def _may_give(patch: Patch, length_bytes: int) -> bool:
    """Whether a patch can be one that is made for a file of that length."""
    if not patch.length_bytes:
        return patch.old is not None and patch.old.length_bytes == length_bytes
    overhead_bytes = MIN_OVERHEAD_BYTES + length_bytes // OVERHEAD_SHARE
    return length_bytes > 0 and patch.length_bytes <= length_bytes + overhead_bytes


def _check(listed: PatchList) -> None:
    if listed.schema != 1:
        raise ManifestError(
            f"schema {listed.schema} is not supported", remedy="Use a newer version of dlcore."
        )
    check_package_id(listed.package_id)
    if not _DIGEST.fullmatch(listed.manifest):
        raise ManifestError("manifest is not a SHA-256 digest in lower-case hex")
    if len(listed.patches) > MAX_PATCHES:
        raise ManifestError(f"it has {len(listed.patches)} patches, more than {MAX_PATCHES}")
    for number, patch in enumerate(listed.patches):
        _check_patch(patch, f"patches[{number}]", len(listed.objects))
    for number, (first, second) in enumerate(pairwise(map(_rank, listed.patches)), 1):
        if first >= second:
            raise ManifestError(f"patches[{number}] is repeated or out of order")
    check_geometry(listed.content)


def _rank(patch: Patch) -> tuple[int, bytes]:
    return patch.file, patch.old.sha256 if patch.old else b""


def _check_patch(patch: Patch, place: str, objects: int) -> None:
    numbers = (patch.file, patch.length_bytes, patch.offset_bytes)
    if not all(0 <= number <= MAX_NUMBER for number in numbers):
        raise ManifestError(f"{place}: a number is out of range")
    if (patch.length_bytes == 0) != (patch.object == -1) or patch.object < -1:
        raise ManifestError(f"{place}: object and length_bytes contradict each other")
    if patch.object >= objects:
        raise ManifestError(f"{place}: there is no object {patch.object}")
    if not patch.length_bytes and (patch.offset_bytes or patch.old is None):
        raise ManifestError(f"{place}: it has neither a patch nor an old file")
    if patch.old:
        check_path(patch.old.path)
        if not 1 <= patch.old.length_bytes <= MAX_NUMBER or len(patch.old.sha256) != DIGEST_BYTES:
            raise ManifestError(f"{place}: old has a length or a digest that cannot be")
