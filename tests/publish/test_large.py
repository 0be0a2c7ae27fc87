from __future__ import annotations

import hashlib
from pathlib import Path

from dlcore.manifest import decode, object_name
from dlcore.model import BlockExtent, manifest_key, object_key
from dlcore.publish.destination import Stored
from dlcore.publish.folder import FolderDestination
from dlcore.publish.preparing import PublishOptions
from dlcore.publish.publishing import publish_to

MIB = 1 << 20
LENGTH = (1 << 32) + 1


class Vouching(FolderDestination):
    """Records content addresses as an object store does, so that objects need not be read."""

    def find(self, key: str) -> Stored | None:
        found = super().find(key)
        return found and Stored(found.length_bytes, Path(key).name)


def test_a_sparse_file_of_four_gibibytes_and_a_byte_is_published(tmp_path: Path) -> None:
    """Fault X6: a file is longer than 4 GiB. dlcore publishes it with every block in its place."""
    blocks = LENGTH // MIB
    digests = hashlib.sha256(bytes(MIB)).digest() * blocks + hashlib.sha256(b"\0").digest()
    name = object_name(LENGTH, MIB, digests)
    source, out = tmp_path / "source", tmp_path / "out"
    # What is there already is not written: hashing is what is to be seen, not this disk's speed.
    for place in (source / "large", out / object_key(name)):
        place.parent.mkdir(parents=True)
        with place.open("wb") as file:
            file.truncate(LENGTH)
    options = PublishOptions("ABC00012", 1)
    published = publish_to(Vouching(out), source, options, lambda _: None)
    assert (published.objects_present, published.objects_written) == (1, 0)
    assert published.content_bytes == LENGTH
    document = (out / manifest_key(published.manifest)).read_bytes()
    manifest = decode(document, source="test")
    assert manifest.objects[0].digests == digests
    assert manifest.extent_span(BlockExtent.of(0, blocks, blocks + 1)) == (LENGTH - 1, LENGTH)
