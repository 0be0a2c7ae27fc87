from __future__ import annotations

import hashlib
import random
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dlcore.errors import StorageError
from dlcore.manifest import decode
from dlcore.model import manifest_key
from dlcore.publish import Progress, Published, Stage, publish
from dlcore.publish.folder import FolderDestination
from dlcore.publish.policy import PublishPolicy
from dlcore.publish.preparing import PublishOptions
from dlcore.publish.publishing import publish_to
from tests.publish.helpers import (
    BLOCK,
    content,
    files_below,
    from_folder,
    published_tree,
    sample,
    write_tree,
)

HARMS: list[Callable[[bytes], bytes]] = [
    lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    lambda data: bytes([data[0] ^ 128]) + data[1:],
    lambda data: data[:-1],
    lambda data: data + b"x",
    lambda data: b"",
]


def publish_blocks(
    folder: Path, out: Path, block_bytes: int = BLOCK, *, pack: bool = True
) -> Published:
    return publish(
        folder,
        package_id="ABC00012",
        version=1,
        destination=str(out),
        block_bytes=block_bytes,
        pack=pack,
    )


@pytest.mark.parametrize("pack", [True, False])
@pytest.mark.parametrize("block_bytes", [BLOCK, 1 << 20, 16 << 20])
def test_a_folder_survives_the_round_trip(tmp_path: Path, block_bytes: int, pack: bool) -> None:
    source = write_tree(tmp_path / "source", sample())
    publish_blocks(source, tmp_path / "out", block_bytes, pack=pack)
    assert published_tree(from_folder(tmp_path / "out"), "ABC00012") == sample()


@given(
    lengths=st.lists(
        st.integers(0, 4).flatmap(
            lambda blocks: st.integers(max(0, blocks * BLOCK - 1), blocks * BLOCK + 1)
        ),
        max_size=6,
    )
)
@example(lengths=[1, BLOCK - 1, 1])  # the last one shares an object, but no block
def test_files_around_whole_blocks_survive(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int]
) -> None:
    """Fault X5: files are empty, or a byte off whole blocks. dlcore publishes and reads them as any
    other.
    """
    tmp_path = tmp_path_factory.mktemp("trip")
    tree = {f"f{index}": content(length, index) for index, length in enumerate(lengths)}
    publish_blocks(write_tree(tmp_path / "source", tree), tmp_path / "out")
    assert published_tree(from_folder(tmp_path / "out"), "ABC00012") == tree


def test_an_empty_folder_can_be_published(tmp_path: Path) -> None:
    published = publish_blocks(write_tree(tmp_path / "source", {}), tmp_path / "out")
    assert (published.files, published.content_bytes, published.objects_written) == (0, 0, 0)
    assert published_tree(from_folder(tmp_path / "out"), "ABC00012") == {}


def test_the_order_of_creation_changes_no_byte(tmp_path: Path) -> None:
    outs, tree = [], sample()
    shuffled = random.Random(7).sample(sorted(tree), len(tree))
    for name, paths in {"forwards": sorted(tree), "shuffled": shuffled}.items():
        source = write_tree(tmp_path / f"source {name}", {path: tree[path] for path in paths})
        publish_blocks(source, tmp_path / name)
        outs.append(files_below(tmp_path / name))
    assert outs[0] == outs[1]


def test_the_same_content_has_the_same_name_in_every_release(tmp_path: Path) -> None:
    source = write_tree(
        tmp_path / "source", {"a": b"a" * 5000, "b/c": b"c", "b/d": b"d", "d": None}
    )
    published = publish_blocks(source, tmp_path / "out")
    assert published.manifest == GOLDEN


GOLDEN = "85c8a77618893534757f3adee37af2c55461a65289d4a7c631a02ea4f536cd5c"


def test_equal_files_are_stored_once(tmp_path: Path) -> None:
    tree = {"one": content(3 * BLOCK), "two": content(3 * BLOCK)}
    published = publish_blocks(write_tree(tmp_path / "source", tree), tmp_path / "out")
    assert (published.objects_written, published.written_bytes) == (1, 3 * BLOCK)
    assert published.content_bytes == 6 * BLOCK
    assert published_tree(from_folder(tmp_path / "out"), "ABC00012") == tree


def test_thousands_of_small_files_become_a_handful_of_objects(tmp_path: Path) -> None:
    source = write_tree(tmp_path / "source", {f"{n:04}": content(100, n) for n in range(2000)})
    assert publish_blocks(source, tmp_path / "out", 1 << 20).objects_written == 1


def test_what_is_there_already_is_not_written_again(tmp_path: Path) -> None:
    source = write_tree(tmp_path / "source", sample())
    first = publish_blocks(source, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.json")}
    again = publish_blocks(source, tmp_path / "out")
    assert (again.objects_written, again.written_bytes) == (0, 0)
    assert again.objects_present == first.objects_written
    catalog = tmp_path / "out" / "catalog.json"
    assert catalog.stat().st_mtime_ns == before[catalog]


def test_an_object_of_the_wrong_length_is_written_again(tmp_path: Path) -> None:
    source = write_tree(tmp_path / "source", sample())
    publish_blocks(source, tmp_path / "out")
    broken = max((tmp_path / "out" / "objects").iterdir(), key=lambda path: path.stat().st_size)
    broken.write_bytes(b"torn")
    assert publish_blocks(source, tmp_path / "out").objects_written == 1
    assert published_tree(from_folder(tmp_path / "out"), "ABC00012") == sample()


@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_object_is_found_and_written_again(
    tmp_path: Path, harm: Callable[[bytes], bytes]
) -> None:
    """Fault: an object at the destination is damaged. `publish` reads it and writes it again."""
    source = write_tree(tmp_path / "source", sample() | {"setup.exe": content(100_000)})
    target = FolderDestination(tmp_path / "out")
    policy = PublishPolicy(span_bytes=1 << 16)  # the longest object has two

    def publish_again() -> Published:
        options = PublishOptions("ABC00012", 1, BLOCK)
        return publish_to(target, source, options, lambda _: None, policy)

    assert publish_again().objects_rewritten == 0
    for broken in (tmp_path / "out" / "objects").iterdir():
        whole = broken.read_bytes()
        broken.write_bytes(harm(whole))
        again = publish_again()
        assert (again.objects_written, again.objects_rewritten) == (1, 1)
        assert again.written_bytes == len(whole)
        assert broken.read_bytes() == whole


def test_an_object_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    source = write_tree(tmp_path / "source", sample())
    publish_blocks(source, tmp_path / "out")
    broken = max((tmp_path / "out" / "objects").iterdir(), key=lambda path: path.stat().st_size)

    class Unreadable(FolderDestination):
        def read(self, key: str, start: int, end: int) -> memoryview:
            if key.endswith(broken.name) and start > 0:
                raise StorageError(f"cannot read {key}")
            return super().read(key, start, end)

    options = PublishOptions("ABC00012", 1, BLOCK)
    with pytest.raises(StorageError, match=broken.name):
        publish_to(Unreadable(tmp_path / "out"), source, options, lambda _: None)


def test_published_files_can_be_read_by_a_server_of_another_user(tmp_path: Path) -> None:
    publish_blocks(write_tree(tmp_path / "source", sample()), tmp_path / "out")
    plain = tmp_path / "plain"
    plain.touch()
    for path in (tmp_path / "out").rglob("[!.]*"):
        if path.is_file():
            assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_progress_counts_every_byte_once_in_each_stage(tmp_path: Path) -> None:
    told: list[Progress] = []
    source = write_tree(tmp_path / "source", sample())
    published = publish(
        source,
        package_id="ABC00012",
        version=1,
        destination=str(tmp_path / "out"),
        progress=told.append,
    )
    for stage, total in (
        (Stage.HASH, published.content_bytes),
        (Stage.WRITE, published.written_bytes),
    ):
        done = [p.done_bytes for p in told if p.stage is stage]
        assert done == sorted(done)
        assert done[-1] == total
        assert {p.total_bytes for p in told if p.stage is stage} == {total}


def test_a_relative_destination_and_new_parent_folders_are_fine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_tree(tmp_path / "source", sample())
    publish_blocks(Path("source"), Path("new/parents/out"))
    assert published_tree(from_folder(tmp_path / "new/parents/out"), "ABC00012") == sample()


def test_the_log_tells_what_was_written_and_what_was_stored_already(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = write_tree(tmp_path / "source", {"file": content(3 * BLOCK)})
    caplog.set_level("DEBUG", "dlcore.publish")
    published = publish_blocks(source, tmp_path / "out")
    assert "is written: 12288 bytes" in caplog.text
    assert f"is published as manifest {published.manifest}" in caplog.text
    caplog.clear()
    publish_blocks(source, tmp_path / "out")
    assert "is already stored" in caplog.text
    assert "is written" not in caplog.text


@pytest.mark.parametrize("span_blocks", [1, 2, 3])
def test_packed_files_have_their_digests_wherever_the_spans_end(
    tmp_path: Path, span_blocks: int
) -> None:
    tree = {f"{n:03}": content(n * 37 % BLOCK, n) for n in range(60)}
    source = write_tree(tmp_path / "source", tree)
    policy = PublishPolicy(span_bytes=span_blocks * BLOCK)
    target = FolderDestination(tmp_path / "out")
    published = publish_to(
        target, source, PublishOptions("ABC00012", 1, BLOCK), lambda _: None, policy
    )
    document = (tmp_path / "out" / manifest_key(published.manifest)).read_bytes()
    manifest = decode(document, source="test")
    for file in manifest.files:
        if manifest.is_packed(file):
            assert file.sha256 == hashlib.sha256(tree[file.path]).digest()
    assert sum(bool(file.sha256) for file in manifest.files) > 50
