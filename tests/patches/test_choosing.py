"""Which old file a new one is made of, and which patches are kept."""

from __future__ import annotations

from dlcore.patches import DEFAULT_POLICY, PatchPolicy
from dlcore.patches.choosing import Pair, pairs, worth_keeping
from tests.patches.helpers import BLOCK, content, manifest_of

LARGE = content(3 * BLOCK)


def named(old: dict[str, bytes], new: dict[str, bytes]) -> dict[str, tuple[str | None, bool]]:
    before, after = manifest_of(old), manifest_of(new, 2)
    return {
        after.files[pair.file].path: (pair.old.path if pair.old else None, pair.is_same)
        for pair in pairs(after, before, DEFAULT_POLICY)
    }


def test_a_file_that_is_the_same_in_its_place_needs_nothing() -> None:
    assert named({"a": LARGE, "b": b"short"}, {"a": LARGE, "b": b"short"}) == {}


def test_a_changed_file_is_made_of_the_one_in_its_place() -> None:
    assert named({"a": LARGE, "b": b"short"}, {"a": LARGE[1:], "b": b"shirt"}) == {
        "a": ("a", False),
        "b": ("b", False),
    }


def test_a_file_that_moved_is_the_old_one() -> None:
    assert named({"old/a": LARGE, "z": b"z"}, {"new/b": LARGE, "y": b"z"}) == {
        "new/b": ("old/a", True),
        "y": ("z", True),
    }


def test_a_file_in_a_renamed_folder_is_made_of_that_of_its_name_nearest_in_length() -> None:
    old = {"v1/x64/a.DLL": LARGE, "v1/x86/a.dll": LARGE[:-900]}
    assert named(old, {"v2/x64/a.dll": LARGE[3:]}) == {"v2/x64/a.dll": ("v1/x64/a.DLL", False)}


def test_a_new_file_is_compressed_only_if_it_shares_blocks() -> None:
    old = {"a": b"a", "c": b"c"}
    assert named(old, {**old, "b": b"new", "large": LARGE}) == {"b": (None, False)}


def test_long_files_get_no_patch_but_may_have_moved() -> None:
    policy = PatchPolicy(max_file_bytes=BLOCK)
    before = manifest_of({"a": LARGE, "b": LARGE[1:]})
    after = manifest_of({"a": LARGE[2:], "c": LARGE[1:]}, 2)
    assert [*pairs(after, before, policy)] == [Pair(1, before.files[1], is_same=True)]


def test_a_patch_is_kept_if_it_saves_enough_of_its_file() -> None:
    manifest = manifest_of({"a": content(10_000), "b": content(10_000, 1)})
    assert worth_keeping(manifest, {0: 8_000, 1: 8_001}, DEFAULT_POLICY) == {0}


def test_patches_of_short_files_are_kept_if_together_they_save_enough_of_a_block() -> None:
    manifest = manifest_of({f"{n}": content(1_000, n) for n in range(8)})
    shares = int(0.8 * BLOCK)
    fits = dict.fromkeys(range(4), shares // 4)
    assert worth_keeping(manifest, fits, DEFAULT_POLICY) == {0, 1, 2, 3}
    assert worth_keeping(manifest, {**fits, 1: shares}, DEFAULT_POLICY) == set()
    assert worth_keeping(manifest, {5: 2_000}, DEFAULT_POLICY) == {5}  # longer than its file
