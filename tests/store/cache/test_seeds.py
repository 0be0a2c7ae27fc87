"""Folders that people name as sources: what is right in them is taken over, and nothing else."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from dlcore.store import Seeds, Store
from tests.store.cache.contents import package_of
from tests.store.helpers import BLOCK_BYTES, Package

IMAGE = b"".join(bytes([n]) * BLOCK_BYTES for n in range(6))
SMALL = {f"drivers/{n:02}.inf": b"driver %d " % n * 40 for n in range(30)}
WANTED = package_of("ABC00001", SMALL | {"install.wim": IMAGE})
ALL = WANTED.manifest.first_blocks[-1]


def write(folder: Path, contents: dict[str, bytes]) -> Path:
    for name, data in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def missing(tmp_path: Path, *seeds: Path, package: Package = WANTED) -> int:
    with Store.open(tmp_path / "state") as store:
        store.use_seeds(Seeds(seeds))
        return store.begin(package.manifest, package.document).missing()


def test_a_folder_with_other_names_has_everything(tmp_path: Path) -> None:
    renamed = {f"ccmcache/1a/{name}x": data for name, data in WANTED.contents.items()}
    assert missing(tmp_path, write(tmp_path / "seed", renamed)) == 0


def test_several_folders_have_a_part_each(tmp_path: Path) -> None:
    seeds = [write(tmp_path / "a", SMALL), write(tmp_path / "b", {"x": IMAGE})]
    assert missing(tmp_path, *seeds) == 0


def test_blocks_of_an_older_file_of_the_same_name_are_taken(tmp_path: Path) -> None:
    older = IMAGE[: BLOCK_BYTES * 4] + b"x" * BLOCK_BYTES
    seed = write(tmp_path / "seed", {"sources/INSTALL.WIM": older})
    assert missing(tmp_path, seed) == ALL - 4


def test_altered_files_are_left_out(tmp_path: Path) -> None:
    altered = {name: data[:-1] + b"!" for name, data in WANTED.contents.items()}
    assert missing(tmp_path, write(tmp_path / "seed", altered)) == ALL - 5  # of the image


def test_a_seed_is_not_changed(tmp_path: Path) -> None:
    seed = write(tmp_path / "seed", dict(WANTED.contents))
    before = {path: path.stat().st_mtime_ns for path in sorted(seed.rglob("*"))}
    missing(tmp_path, seed)
    assert {path: path.stat().st_mtime_ns for path in sorted(seed.rglob("*"))} == before


@pytest.mark.wine_cannot(reason="makes no symbolic links")
def test_links_in_a_seed_are_not_followed(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", dict(WANTED.contents))
    seed = tmp_path / "seed"
    seed.mkdir()
    (seed / "folder").symlink_to(outside)
    (seed / "install.wim").symlink_to(outside / "install.wim")
    assert missing(tmp_path, seed) == ALL


def test_a_seed_that_is_not_there_costs_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert missing(tmp_path, tmp_path / "gone") == ALL
    assert "gone is left out" in caplog.text


@pytest.mark.posix_only(reason="another user's files have modes")
def test_a_file_that_cannot_be_read_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    seed = write(tmp_path / "seed", dict(WANTED.contents))
    (seed / "drivers/03.inf").unlink()
    os.mkfifo(seed / "drivers/03.inf")
    with caplog.at_level(logging.WARNING):
        assert 1 <= missing(tmp_path, seed) <= 2


def test_each_file_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = Seeds([write(tmp_path / "seed", dict(WANTED.contents))])
    hashed: list[Path] = []
    real = Seeds._hash

    def counted(self: Seeds, path: Path, *more: object) -> object:
        hashed.append(path)
        return real(self, path, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(Seeds, "_hash", counted)
    for version in (1, 2, 3):
        package = package_of("ABC00001", dict(WANTED.contents), version=version)
        with Store.open(tmp_path / "state") as store:
            store.use_seeds(seeds)
            assert store.begin(package.manifest, package.document).complete
    assert len(hashed) == len(set(hashed)) == len(WANTED.contents)


def test_a_seed_that_changes_is_hashed_again(tmp_path: Path) -> None:
    folder = write(tmp_path / "seed", {"install.wim": b"?" * len(IMAGE)})
    seeds = Seeds([folder])
    with Store.open(tmp_path / "state") as store:
        store.use_seeds(seeds)
        partial = store.begin(WANTED.manifest, WANTED.document)
        assert partial.missing() == ALL
        partial.close()
        write(folder, {"install.wim": IMAGE})
        os.utime(folder / "install.wim", ns=(1, 1))
        assert store.begin(WANTED.manifest, WANTED.document).missing() == ALL - 6
