"""What is on disk before what: the order that a loss of power must not undo."""

from __future__ import annotations

from pathlib import Path

from dlcore.store import Store
from dlcore.store.files import Files
from dlcore.store.removal import Removal
from tests.store.helpers import Package, fill, make_package


class Noting(Files):
    """A disk that notes what is moved, synced and deleted, by its name."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, str]] = []

    def move(self, source: Path, target: Path) -> None:
        self.calls.append(("move", target.name))
        super().move(source, target)

    def sync_folder(self, path: Path) -> None:
        self.calls.append(("sync folder", path.name))
        super().sync_folder(path)

    def remove(self, path: Path) -> None:
        self.calls.append(("delete", path.name))
        super().remove(path)

    def remove_tree(self, path: Path) -> None:
        self.calls.append(("delete", path.name))
        super().remove_tree(path)


def test_a_removal_is_on_disk_before_a_file_of_it_is_deleted(tmp_path: Path) -> None:
    """Fault: power is lost while a folder is deleted. dlcore has synced its move out first."""
    disk = Noting()
    for name in ("packages", "removed"):
        (tmp_path / name).mkdir()
    (tmp_path / "packages" / "one").mkdir()
    Removal(disk, tmp_path / "removed").remove(tmp_path / "packages" / "one")
    assert disk.calls == [("move", "one"), ("sync folder", "packages"), ("delete", "one")]
    assert not any((tmp_path / "removed").iterdir())


def test_a_package_has_its_name_on_disk_before_its_journal_goes(tmp_path: Path) -> None:
    """Fault: power is lost while a package is finished. dlcore keeps its journal until it is."""
    disk, package = Noting(), make_package()
    store = Store(tmp_path / "state", disk)
    store.prepare()
    disk.calls.clear()
    folder = _finished(store, package)
    assert disk.calls[-4:] == [
        ("move", folder.name),
        ("sync folder", "packages"),
        ("sync folder", "partial"),
        ("delete", "journal"),
    ]


def test_a_manifest_that_was_damaged_is_on_disk_before_its_package_is_used(tmp_path: Path) -> None:
    """Fault: a finished package's manifest is damaged. dlcore writes it again and syncs it."""
    disk, package = Noting(), make_package()
    store = Store(tmp_path / "state", disk)
    store.prepare()
    folder = _finished(store, package)
    (folder / "manifest.json").write_bytes(b"{")
    disk.calls.clear()
    assert store.prove(package.manifest, package.document, to_write=False) == folder / "content"
    assert (folder / "manifest.json").read_bytes() == package.document
    assert disk.calls == [("move", "manifest.json"), ("sync folder", folder.name)]


def test_that_a_package_is_handed_out_is_on_disk_before_it_is(tmp_path: Path) -> None:
    """Fault: power is lost while a step uses a package. dlcore has synced that a step got it."""
    disk, package = Noting(), make_package()
    store = Store(tmp_path / "state", disk)
    store.prepare()
    folder = _finished(store, package)
    disk.calls.clear()
    for _ in range(2):
        assert (
            store.prove(package.manifest, package.document, lend=True, to_write=False)
            == folder / "content"
        )
        assert disk.calls == [("move", "lent"), ("sync folder", folder.name)]


def test_that_a_package_was_damaged_is_on_disk_before_it_is_fetched_again(tmp_path: Path) -> None:
    """Fault: power is lost after damage was found. dlcore has synced the package's way back."""
    disk, package = Noting(), make_package()
    store = Store(tmp_path / "state", disk)
    store.prepare()
    folder = _finished(store, package)
    (folder / "content" / "long.bin").unlink()
    disk.calls.clear()
    assert store.prove(package.manifest, package.document, to_write=False) is None
    assert disk.calls == [
        ("move", folder.name),
        ("sync folder", "partial"),
        ("sync folder", "packages"),
    ]


def _finished(store: Store, package: Package) -> Path:
    partial = store.begin(package.manifest, package.document)
    fill(partial, package)
    return partial.finish().parent
