from __future__ import annotations

from dlcore.emulator.tree import Tree
from tests.emulator.helpers import Sample


def test_a_folder_lists_its_own_folders_and_files_only(sample: Sample) -> None:
    tree = Tree(sample.manifest)
    root = tree.folder("")
    drivers = tree.folder("Drivers")
    assert root is not None
    assert drivers is not None
    assert (root.folders, [file.path for file in root.files]) == (
        ["Drivers", "Logs"],
        ["setup.exe"],
    )
    assert (drivers.folders, [file.path for file in drivers.files]) == (
        ["Drivers/Net"],
        ["Drivers/a 100%.inf"],
    )


def test_an_empty_folder_is_there(sample: Sample) -> None:
    assert Tree(sample.manifest).folder("Logs") == ("Logs", [], [])


def test_names_are_found_whatever_their_case(sample: Sample) -> None:
    tree = Tree(sample.manifest)
    file = tree.file("DRIVERS/net/ESPAÑOL & MÁS.TXT")
    folder = tree.folder("drivers/NET")
    assert file is not None
    assert folder is not None
    assert (file.path, folder.path) == ("Drivers/Net/Español & más.txt", "Drivers/Net")


def test_what_is_not_there_is_not_found(sample: Sample) -> None:
    tree = Tree(sample.manifest)
    assert tree.file("Drivers") is None
    assert tree.folder("setup.exe") is None
    assert tree.folder("..") is None
