"""Junctions are links, and placeholders of content are not, whatever Windows' modes say."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.disk.links import is_file, is_folder, is_link
from dlcore.errors import ConfigError
from dlcore.publish.source import list_source
from dlcore.store import Bad, Reason
from dlcore.store.files import delete
from dlcore.store.inventory import Inventory
from dlcore.store.verify import compare_tree
from tests.disk.reparse import CONTENT, JUNCTION, LINKS, TaggedDisk, with_tag
from tests.store.helpers import make_package


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file").write_bytes(b"content")
    return tmp_path


@pytest.mark.parametrize("tag", sorted(LINKS), ids=hex)
def test_a_tag_that_stands_for_another_place_makes_a_link(tree: Path, tag: int) -> None:
    folder, file = ((tree / name).lstat() for name in ("sub", "sub/file"))
    assert is_folder(folder)
    assert is_file(file)
    for status in (with_tag(folder, tag), with_tag(file, tag)):
        assert is_link(status)
        assert not is_folder(status)
        assert not is_file(status)


@pytest.mark.parametrize("tag", sorted(CONTENT), ids=hex)
def test_a_tag_of_content_leaves_a_file_a_file(tree: Path, tag: int) -> None:
    assert is_file(with_tag((tree / "sub/file").lstat(), tag))
    assert is_folder(with_tag((tree / "sub").lstat(), tag))


def test_a_junction_is_not_published(tree: Path) -> None:
    """Fault: a folder to be published holds a junction. dlcore refuses it by name."""
    disk = TaggedDisk(tree / "sub", JUNCTION)
    with pytest.raises(ConfigError, match="is a link") as caught:
        list_source(tree, disk.list_folder)
    assert str(tree / "sub") in caught.value.message
    assert disk.listed == [tree]


@pytest.mark.parametrize("tag", sorted(CONTENT), ids=hex)
def test_a_placeholder_is_published_as_the_file_that_it_is(tree: Path, tag: int) -> None:
    """Fault: a source lies in OneDrive. dlcore publishes the files, which Windows fetches."""
    disk = TaggedDisk(tree / "sub/file", tag)
    assert [file.path for file in list_source(tree, disk.list_folder).files] == ["sub/file"]


def test_content_behind_a_junction_is_not_verified(tree: Path) -> None:
    """Fault: a junction takes a folder's place. `verify` names it, and reads nothing behind it."""
    disk = TaggedDisk(tree / "sub", JUNCTION)
    manifest = make_package({"sub/file": 7}).manifest
    bad = compare_tree(disk, tree, manifest, None, strict=True)
    assert {Bad("sub", 0, Reason.NOT_A_FILE), Bad("sub/file", 0, Reason.MISSING)} <= set(bad)
    assert all(item.reason is Reason.MISSING for item in bad if item.path != "sub")
    assert disk.listed == [tree]


def test_a_junction_in_finished_content_is_misplaced(tree: Path) -> None:
    """Fault: a junction takes a folder's place in the store. The proof of the package fails."""
    disk = TaggedDisk(tree / "sub", JUNCTION)
    found = Inventory.take(disk, tree, make_package({"sub/file": 7}).manifest)
    assert found.misplaced == ["sub"]
    assert not found.is_complete


def test_deleting_a_junction_leaves_what_it_leads_to(tree: Path) -> None:
    """Fault: a junction lies in a state directory. dlcore deletes it, and nothing behind it."""
    delete(TaggedDisk(tree / "sub", JUNCTION), tree / "sub")
    assert (tree / "sub" / "file").exists()


def test_a_junction_in_an_output_folder_is_not_entered(tree: Path) -> None:
    """Fault: an output folder holds a junction. dlcore looks at it, and at nothing behind it."""
    found = dict(TaggedDisk(tree / "sub", JUNCTION).tree_entries(tree))
    assert list(found) == ["sub"]
    assert is_link(found["sub"])
