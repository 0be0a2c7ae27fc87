from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from dlcore.errors import ConfigError
from dlcore.publish import publish
from dlcore.publish.source import list_source
from tests.publish.helpers import from_folder, published_tree


def refused(folder: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        list_source(folder)
    assert caught.value.remedy
    assert caught.value.message.isprintable()
    return caught.value.message


@pytest.mark.wine_cannot(reason="makes no symbolic links")
@pytest.mark.parametrize("target", ["file", ".", "/etc/passwd", "nowhere"])
def test_a_symbolic_link_is_refused_by_name(tmp_path: Path, target: str) -> None:
    """Fault M3: a folder to be published holds a link. dlcore refuses it by name."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(target)
    assert f"{tmp_path / 'link'} is a link" in refused(tmp_path)


@pytest.mark.posix_only(reason="pipes have no place in a folder")
def test_a_special_file_is_refused_by_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert f"{tmp_path / 'pipe'} is a link or a special file" in refused(tmp_path)


@pytest.mark.posix_only(reason="Windows does not make files with such names")
@pytest.mark.parametrize("name", ["a:b", "NUL.txt", "ends ", "tab\t", "evil\u202egpj.exe"])
@pytest.mark.parametrize("inside", ["", "sub/"])
def test_a_name_that_other_systems_do_not_take_is_refused(
    tmp_path: Path, name: str, inside: str
) -> None:
    place = tmp_path / (inside + name)
    place.parent.mkdir(exist_ok=True)
    place.touch()
    message = refused(tmp_path)
    assert str(tmp_path) in message
    assert inside + name[:3] in message


@pytest.mark.posix_only(reason="Windows does not make folders with such names")
def test_a_folder_name_is_held_to_the_same_rules(tmp_path: Path) -> None:
    (tmp_path / "aux").mkdir()
    assert "Windows device" in refused(tmp_path)


@pytest.mark.posix_only(reason="names are text on Windows")
def test_a_name_that_is_not_text_is_refused(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/a\xff")).touch()
    assert "not text" in refused(tmp_path)


@pytest.mark.posix_only(reason="folders on Windows take one of two such names")
def test_names_that_differ_only_in_case_are_refused(tmp_path: Path) -> None:
    (tmp_path / "Setup").mkdir()
    (tmp_path / "setup").touch()
    assert "differ only in case" in refused(tmp_path)


def test_a_name_is_published_in_normal_form_and_read_by_its_own(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    name = unicodedata.normalize("NFD", "Übung.txt")
    (source / name).write_bytes(b"content")
    publish(source, package_id="ABC00012", version=1, destination=str(tmp_path / "out"))
    tree = published_tree(from_folder(tmp_path / "out"), "ABC00012")
    assert tree == {unicodedata.normalize("NFC", name): b"content"}


def test_names_that_are_equal_in_normal_form_are_refused(tmp_path: Path) -> None:
    for form in ("NFC", "NFD"):
        (tmp_path / unicodedata.normalize(form, "Übung")).touch()
    assert "are equal" in refused(tmp_path)


def test_what_is_not_a_folder_is_refused(tmp_path: Path) -> None:
    assert "is not a folder" in refused(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    assert "is not a folder" in refused(tmp_path / "file")


def test_files_and_empty_folders_are_listed_in_path_order(tmp_path: Path) -> None:
    for path in ("b/2", "a", "b/10", "c!"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    for path in ("z/y", "e"):
        (tmp_path / path).mkdir(parents=True)
    source = list_source(tmp_path)
    assert [file.path for file in source.files] == ["a", "b/10", "b/2", "c!"]
    assert source.folders == ("e", "z/y")


@pytest.mark.wine_cannot(reason="makes no symbolic links")
def test_a_link_to_the_folder_itself_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/file").touch()
    (tmp_path / "link").symlink_to("real")
    assert [file.path for file in list_source(tmp_path / "link").files] == ["file"]
