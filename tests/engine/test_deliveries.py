"""The records of deliveries: how many are kept, and how seldom they are written."""

from __future__ import annotations

import os
from pathlib import Path

from dlcore.disk.private_folder import PrivateFolder
from dlcore.engine.delivery.deliveries import Delivered, Deliveries
from dlcore.long_path import rooted
from dlcore.store.files import Files
from tests.engine.deliveries import V1, V2


def test_records_do_not_grow_without_bound(tmp_path: Path) -> None:
    deliveries = Deliveries(tmp_path / "records", max_records=3)
    paths = [tmp_path / str(number) for number in range(5)]
    for number, path in enumerate(paths):
        deliveries.end(path, Delivered.of(V1.manifest, number))
        os.utime(deliveries._file(path), (number, number))
    known = [deliveries.find(path, number) is not None for number, path in enumerate(paths)]
    assert known == [False, False, True, True, True]


class CountedLists(Files):
    """The disk; counts how often a folder is listed, and which files are synced."""

    def __init__(self, folder: PrivateFolder | None = None) -> None:
        super().__init__(folder)
        self.lists = 0
        self.replaced = 0

    def names(self, path: Path) -> list[str]:
        self.lists += 1
        return super().names(path)

    def move(self, source: Path, target: Path) -> None:
        self.replaced += 1
        super().move(source, target)


def test_many_records_are_counted_seldom_and_kept_to_the_limit(tmp_path: Path) -> None:
    folder = tmp_path / "records"
    files = CountedLists(PrivateFolder(rooted(folder)))
    deliveries = Deliveries(folder, files, max_records=20)
    for number in range(100):
        deliveries.end(tmp_path / str(number), Delivered.of(V1.manifest, number))
    assert len(list(folder.iterdir())) <= 20
    assert files.lists <= 100 // 2


def test_what_was_noted_before_a_delivery_is_not_written_again_after_it(tmp_path: Path) -> None:
    folder = tmp_path / "records"
    files = CountedLists(PrivateFolder(rooted(folder)))
    deliveries = Deliveries(folder, files)
    first, second = Delivered.of(V1.manifest, 7), Delivered.of(V2.manifest, 8)
    deliveries.begin(tmp_path / "to", None, first)
    deliveries.end(tmp_path / "to", first)
    assert files.replaced == 1
    deliveries.begin(tmp_path / "to", first, second)
    deliveries.end(tmp_path / "to", second)
    assert files.replaced == 3
    assert deliveries.all(tmp_path / "to") == (second,)
