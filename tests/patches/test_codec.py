"""One patch: it gives the new file, and a hostile one gives nothing and takes no memory."""

from __future__ import annotations

import contextlib
import random
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from dlcore.patches import PatchError, PatchPolicy, apply, make

OLD = random.Random(1).randbytes(300_000)
NEW = OLD[:100_000] + b"a few new bytes" + OLD[120_000:]

texts = st.binary(max_size=400)
edits = st.tuples(st.integers(0, 300_000), st.integers(0, 5_000), st.binary(max_size=300))


@given(texts, texts.filter(len))
def test_what_is_made_of_any_two_files_gives_the_new_one(old: bytes, new: bytes) -> None:
    assert apply(old, make(old, new), len(new)) == new


@given(st.lists(edits, max_size=6))
def test_a_patch_costs_what_was_edited(changes: list[tuple[int, int, bytes]]) -> None:
    new = OLD
    for at, cut, put in changes:
        new = new[:at] + put + new[at + cut :]
    patch = make(OLD, new)
    assert apply(OLD, patch, len(new)) == new
    assert len(patch) <= sum(len(put) for _, _, put in changes) + 64 * (len(changes) + 1)


@given(st.binary(max_size=200), st.integers(0, 1000))
def test_any_bytes_give_the_stated_length_or_an_error(patch: bytes, length_bytes: int) -> None:
    with contextlib.suppress(PatchError):
        assert len(apply(OLD, patch, length_bytes)) == length_bytes


@given(st.data())
def test_a_damaged_patch_gives_the_stated_length_or_an_error(data: st.DataObject) -> None:
    patch = bytearray(make(OLD, NEW))
    patch[data.draw(st.integers(0, len(patch) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(PatchError):
        assert len(apply(OLD, bytes(patch), len(NEW))) == len(NEW)


def test_the_same_files_give_the_same_patch() -> None:
    assert make(OLD, NEW) == make(OLD, NEW)


def test_a_file_longer_than_the_narrow_window_is_found_again_from_its_beginning() -> None:
    old = random.Random(2).randbytes(18 << 20)
    new = old[-1000:] + old[:-1000]
    patch = make(old, new)
    assert len(patch) < 5_000
    assert apply(old, patch, len(new)) == new


def test_the_old_file_altered_gives_other_bytes_or_an_error_and_never_more() -> None:
    altered = b"x" * 150_000 + OLD[150_000:]
    found = apply(altered, make(OLD, NEW), len(NEW))
    assert found != NEW
    assert len(found) == len(NEW)


@pytest.mark.parametrize(
    ("patch", "why"),
    [
        (b"", "not enough data"),
        (b"MZ this is no frame", "Unknown frame"),
        (make(OLD, NEW)[:-1], "did not decompress full frame"),
        (make(OLD, NEW) + b"x", "unused data"),
        (make(OLD, NEW) * 2, "unused data"),
        (make(OLD, NEW + b"x"), "does not state"),
        (zstandard.ZstdCompressor(write_content_size=False).compress(NEW), "does not state"),
    ],
)
def test_what_is_not_exactly_one_frame_of_the_right_length_is_refused(
    patch: bytes, why: str
) -> None:
    with pytest.raises(PatchError, match=why):
        apply(OLD, patch, len(NEW))


def test_a_patch_that_needs_a_dictionary_is_refused() -> None:
    samples: list[bytes | bytearray | memoryview] = [
        random.Random(n % 9).randbytes(200) * 9 for n in range(200)
    ]
    trained = zstandard.train_dictionary(4096, samples)
    patch = zstandard.ZstdCompressor(dict_data=trained).compress(NEW)
    with pytest.raises(PatchError, match="needs a dictionary"):
        apply(OLD, patch, len(NEW))


def test_a_bomb_is_refused_before_anything_is_allocated() -> None:
    """Fault: a short patch gives 256 MiB. dlcore refuses it by the length that it states."""
    bomb = zstandard.ZstdCompressor().compress(bytes(1 << 28))
    block = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(1 << 17))[6:]
    lying = b"\x28\xb5\x2f\xfd\x60\x00\x03" + block * 1000  # its header states 1,024 bytes
    assert zstandard.get_frame_parameters(lying).content_size == 1024
    assert zstandard.get_frame_parameters(bomb).content_size == 1 << 28
    tracemalloc.start()
    try:
        for patch in (bomb, lying):
            with pytest.raises(PatchError):
                apply(b"", patch, 1024)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1 << 20


def test_files_that_are_too_long_are_refused_on_both_sides() -> None:
    policy = PatchPolicy(max_file_bytes=1000)
    patch = make(OLD, NEW)
    with pytest.raises(PatchError, match="too long"):
        apply(OLD, patch, len(NEW), policy)
    with pytest.raises(ValueError, match="no patch is made"):
        make(OLD, NEW, policy)
    with pytest.raises(ValueError, match="no patch is made"):
        make(OLD, b"")
