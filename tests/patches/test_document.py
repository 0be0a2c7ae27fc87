"""The patch list: read strictly, and bounded whatever it says."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.errors import ManifestError
from dlcore.manifest import digest_of, encode
from dlcore.patches import Patch, PatchList, decode_patch_list, encode_patch_list, fits
from dlcore.patches.document import MAX_PATCHES
from tests.patches.helpers import content, list_of, manifest_of, old_file

MANIFEST = manifest_of({"a.dll": content(9_000), "b.dll": content(8_000), "c.inf": content(50)})
OLD = old_file("a.dll", content(8_900))
GOOD = list_of(
    MANIFEST,
    content(300),
    patches=[
        Patch(0, 200, 0, 0, OLD),
        Patch(1, old=old_file("moved.dll", content(8_000))),
        Patch(2, 100, 0, 200),
    ],
)


def changed(**changes: object) -> PatchList:
    return msgspec.structs.replace(GOOD, **changes)


def with_patch(number: int, **changes: object) -> PatchList:
    patches = list(GOOD.patches)
    patches[number] = msgspec.structs.replace(patches[number], **changes)
    return changed(patches=tuple(patches))


def test_a_list_is_read_as_it_was_written() -> None:
    document = encode_patch_list(GOOD)
    assert decode_patch_list(document, source="here") == GOOD
    assert fits(GOOD, MANIFEST, digest_of(encode(MANIFEST)))
    assert [file.length_bytes for file in GOOD.content.files] == [200, 100]


LIES = {
    "later schema": changed(schema=2),
    "no digest": changed(manifest="../../catalog"),
    "bad id": changed(package_id="../x"),
    "out of order": changed(patches=GOOD.patches[::-1]),
    "repeated": changed(patches=(GOOD.patches[0], GOOD.patches[0], *GOOD.patches[1:])),
    "overlapping": with_patch(2, offset_bytes=150),
    "gap": with_patch(2, offset_bytes=250),
    "object does not exist": with_patch(0, object=7),
    "no objects at all": changed(objects=(), patches=(Patch(0, 200, 0, 0, OLD),)),
    "negative object": with_patch(0, object=-2),
    "negative file": with_patch(0, file=-1),
    "negative length": with_patch(0, length_bytes=-5),
    "beyond the object": with_patch(2, length_bytes=101),
    "huge number": with_patch(0, file=1 << 63),
    "same as nothing": with_patch(1, old=None),
    "patch without object": with_patch(0, object=-1),
    "old file leads out": with_patch(0, old=old_file("../../etc/passwd", b"x")),
    "old file is empty": with_patch(0, old=old_file("a.dll", b"")),
    "short digest": with_patch(0, old=msgspec.structs.replace(OLD, sha256=b"x")),
    "wrong object name": changed(
        objects=(msgspec.structs.replace(GOOD.objects[0], name="0" * 64),)
    ),
    "long content": changed(
        objects=(msgspec.structs.replace(GOOD.objects[0], length_bytes=1 << 60),)
    ),
    "bad block length": changed(block_bytes=5),
}


@pytest.mark.parametrize("what", LIES)
def test_a_list_that_lies_is_refused(what: str) -> None:
    with pytest.raises(ManifestError):
        decode_patch_list(msgspec.json.encode(LIES[what]), source="here")
    with pytest.raises(ManifestError):
        encode_patch_list(LIES[what])


def test_a_list_with_too_many_patches_is_refused() -> None:
    patches = tuple(Patch(n, old=OLD) for n in range(MAX_PATCHES + 1))
    few_bytes = msgspec.json.encode(changed(objects=(), patches=patches[:2]))
    assert decode_patch_list(few_bytes, source="here").patches == patches[:2]
    with pytest.raises(ManifestError, match="more than"):
        encode_patch_list(changed(objects=(), patches=patches))
    with pytest.raises(ManifestError, match="at most"):
        decode_patch_list(b" " * (16 << 20) + b"{}", source="here")


@pytest.mark.parametrize(
    "lie",
    [
        changed(version=2),
        changed(package_id="ABC00013"),
        changed(manifest="0" * 64),
        with_patch(2, file=3),  # the manifest has no such file
        with_patch(1, old=old_file("moved.dll", content(7_999))),
        changed(
            objects=list_of(MANIFEST, content(9_000), patches=[]).objects,
            patches=(Patch(2, 9_000, 0, 0),),  # for a file of 50 bytes
        ),
    ],
)
def test_a_list_that_cannot_be_of_this_version_does_not_fit(lie: PatchList) -> None:
    read = decode_patch_list(encode_patch_list(lie), source="here")
    assert not fits(read, MANIFEST, digest_of(encode(MANIFEST)))


@given(st.data())
def test_any_change_of_a_document_is_refused_or_read(data: st.DataObject) -> None:
    document = bytearray(encode_patch_list(GOOD))
    document[data.draw(st.integers(0, len(document) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = decode_patch_list(bytes(document), source="here")
    except ManifestError:
        return
    assert decode_patch_list(encode_patch_list(read), source="here") == read
