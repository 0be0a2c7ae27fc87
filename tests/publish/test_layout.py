from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from dlcore.model import BlockExtent, Manifest
from dlcore.publish.layout import MAX_PACK_BYTES, lay_out
from dlcore.publish.source import Source, SourceFile

MIB = 1 << 20


def placed(lengths: list[int], *, pack: bool = True, block_bytes: int = MIB) -> Manifest:
    files = tuple(SourceFile(f"{i:06}", Path("x"), n, 0) for i, n in enumerate(lengths))
    return lay_out(
        Source(files, ()), package_id="ABC00012", version=1, block_bytes=block_bytes, pack=pack
    )


def objects(manifest: Manifest) -> list[int]:
    return [item.length_bytes for item in manifest.objects]


def test_small_files_share_an_object_and_larger_ones_do_not() -> None:
    manifest = placed([10, MIB, 20, MIB - 1, MIB + 1])
    assert objects(manifest) == [10 + 20 + MIB - 1, MIB, MIB + 1]
    assert [file.object for file in manifest.files] == [0, 1, 0, 0, 2]


def test_a_pack_is_filled_to_64_mebibytes_and_not_a_byte_more() -> None:
    exact = placed([512 * 1024] * 129)
    assert objects(exact) == [MAX_PACK_BYTES, 512 * 1024]
    over = placed([MIB - 1] * 64 + [64, 1])
    assert objects(over) == [MAX_PACK_BYTES, 1]
    assert objects(placed([MIB - 1] * 64 + [65])) == [MAX_PACK_BYTES - 64, 65]


def test_without_packing_each_file_is_an_object() -> None:
    assert objects(placed([1, 2, 0, 3], pack=False)) == [1, 2, 3]


def test_published_manifests_are_of_schema_2() -> None:
    assert placed([1]).schema == 2


def test_a_file_of_five_tebibytes_keeps_its_arithmetic() -> None:
    length = 5 * (1 << 40) + 1
    manifest = placed([3, length])
    assert manifest.block_count(1) == 5 * MIB + 1
    assert manifest.extent_span(BlockExtent.of(1, 5 * MIB, 5 * MIB + 1)) == (length - 1, length)
    (extent,) = manifest.file_extents(1, length - 1, length)
    assert (extent.file, extent.offset_bytes, extent.length_bytes) == (1, length - 1, 1)


@given(st.lists(st.integers(0, 3 * 4096), max_size=60), st.booleans())
def test_every_byte_of_every_file_has_one_place(lengths: list[int], pack: bool) -> None:
    manifest = placed(lengths, pack=pack, block_bytes=4096)
    assert manifest.content_bytes == sum(lengths)
    seen: set[tuple[int, int]] = set()
    for file in manifest.files:
        span = range(file.offset_bytes, file.offset_bytes + file.length_bytes)
        seen.update((file.object, offset) for offset in span)
    expected = {(i, offset) for i, n in enumerate(objects(manifest)) for offset in range(n)}
    assert seen == expected
    assert all(objects(manifest))
