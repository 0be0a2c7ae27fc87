"""A finished package is proven before its content is used: what is wrong goes back, by name."""

from __future__ import annotations

import errno
import os
import random
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dlcore.errors import StorageError, UnexpectedContentError
from dlcore.store import Store
from dlcore.store.files import Files
from tests.store import helpers
from tests.store.helpers import (
    BLOCK_BYTES,
    LINK,
    PIPE,
    Package,
    fill,
    make_package,
    opened,
    read_back,
)

PACKAGE = make_package()
WHOLE = make_package(whole=True)
BLOCKS = PACKAGE.manifest.first_blocks[-1]
EACH_PACKAGE = pytest.mark.parametrize("package", [PACKAGE, WHOLE], ids=["blocks", "whole"])


class Watched(Files):
    """A disk that counts the bytes read of content, and lets a test act before a read."""

    def __init__(self) -> None:
        super().__init__()
        self.read_bytes = 0
        self.before_read: Callable[[], None] = lambda: None

    def is_in_memory(self, folder: Path) -> bool:
        """Wherever the tests' folder lies: what lies in memory is hashed each time."""
        return False

    def read_at(self, fd: int, view: memoryview, offset: int) -> int:
        self.before_read()
        count = super().read_at(fd, view, offset)
        self.read_bytes += count
        return count


def finish(store: Store, package: Package = PACKAGE) -> Path:
    return helpers.finish(store, package)


def prove(store: Store, package: Package = PACKAGE, *, lend: bool = False) -> Path | None:
    return store.prove(package.manifest, package.document, lend=lend, to_write=False)


def flip(path: Path, at: int = 0) -> None:
    """Change a byte and put the time of the last change back, as an adversary would."""
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def refetched(store: Store, package: Package = PACKAGE) -> int:
    """Mend a package that went back. Returns how many blocks had to be fetched."""
    partial = store.begin(package.manifest, package.document)
    missing = partial.missing()
    fill(partial, package)
    assert read_back(partial.finish()) == package.contents
    return missing


@EACH_PACKAGE
def test_what_this_process_finished_is_proven_without_reading_it(
    tmp_path: Path, package: Package
) -> None:
    disk = Watched()
    with opened(tmp_path, disk) as store:
        assert prove(store, package) is None
        content = finish(store, package)
        disk.read_bytes = 0
        assert prove(store, package) == content
        assert disk.read_bytes <= len(package.document)  # the kept manifest


@EACH_PACKAGE
def test_what_an_earlier_process_finished_is_hashed_once(tmp_path: Path, package: Package) -> None:
    with opened(tmp_path) as store:
        content = finish(store, package)
    disk = Watched()
    with opened(tmp_path, disk) as store:
        assert prove(store, package) == content
        assert disk.read_bytes >= package.manifest.content_bytes
        disk.read_bytes = 0
        assert prove(store, package) == content
        assert disk.read_bytes <= len(package.document)


@EACH_PACKAGE
@pytest.mark.parametrize("is_known", [True, False], ids=["same process", "next process"])
def test_altered_bytes_are_found_and_only_they_are_fetched_again(
    tmp_path: Path, package: Package, is_known: bool
) -> None:
    """Fault: a byte of a finished package is altered. dlcore fetches its block again."""
    with opened(tmp_path) as first, opened(tmp_path) as second:
        content = finish(first, package)
        flip(content / "a/large.bin", BLOCK_BYTES + 5)
        store = first if is_known else second
        assert prove(store, package) is None
        assert not list((tmp_path / "packages").iterdir())
        assert refetched(store, package) == (6 if package is WHOLE else 1)
        assert prove(store, package) == content


def test_a_file_that_is_taken_away_while_it_is_proven_counts_as_wrong(tmp_path: Path) -> None:
    """Fault: a file is taken away while its package is proven. dlcore does not call it right."""

    class Vanishing(Files):
        def open_to_read(self, path: Path) -> int:
            if path.name == "long.bin":
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
            return super().open_to_read(path)

    with opened(tmp_path) as first:
        finish(first)
    with opened(tmp_path, Vanishing()) as store:
        assert prove(store) is None


@pytest.mark.parametrize("name", ["long.bin", "a/exact.bin"])
def test_only_what_differs_is_hashed_again(tmp_path: Path, name: str) -> None:
    disk = Watched()
    with opened(tmp_path, disk) as store:
        content = finish(store)
        (content / name).touch()
        disk.read_bytes = 0
        assert prove(store) == content, "the bytes are right"
        assert disk.read_bytes <= len(PACKAGE.contents[name]) + len(PACKAGE.document)
        assert len(PACKAGE.document) < BLOCK_BYTES


class Frozen(Files):
    """A disk on which writes do not show in a file's status before the writer has closed it."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen: dict[Path, os.stat_result] = {}

    def write_later(self, path: Path) -> None:
        """Change a file that is open from now on."""
        status = self.status(path)
        assert status
        flip(path)
        self.frozen[path] = status

    def entries(self, path: Path) -> Iterator[tuple[str, os.stat_result]]:
        for name, status in super().entries(path):
            yield name, self.frozen.get(path / name, status)

    def status(self, path: Path) -> os.stat_result | None:
        return self.frozen.get(path) or super().status(path)

    def hides_writes(self, path: Path) -> bool:
        return path in self.frozen


def test_a_file_that_is_being_written_is_hashed_though_it_looks_the_same(tmp_path: Path) -> None:
    """Fault: on Windows a program writes to a package's file and keeps it open. It is not used."""
    files = Frozen()
    with opened(tmp_path, files) as store:
        content = finish(store)
        assert prove(store) == content
        files.write_later(content / next(file for file, data in PACKAGE.contents.items() if data))
        assert prove(store) is None


@pytest.mark.parametrize("seed", range(20))
def test_any_flipped_bit_is_found(tmp_path: Path, seed: int) -> None:
    """Fault: a bit of a finished package is flipped. dlcore finds it before the package is used."""
    chance = random.Random(seed)
    with opened(tmp_path) as store:
        content = finish(store)
        path, data = chance.choice([item for item in PACKAGE.contents.items() if item[1]])
        flip(content / path, chance.randrange(len(data)))
        assert prove(store) is None, f"seed {seed}"
        assert refetched(store) == 1


@EACH_PACKAGE
@pytest.mark.parametrize("damage", ["gone", "shorter", "longer", "empty", "no folder", "nothing"])
def test_what_is_missing_or_has_another_length_is_mended(
    tmp_path: Path, package: Package, damage: str
) -> None:
    """Fault: a file of a finished package is gone, cut or grown. dlcore fetches what is missing."""
    with opened(tmp_path) as store:
        content = finish(store, package)
        file = content / "a/large.bin"
        match damage:
            case "gone":
                file.unlink()
            case "shorter" | "empty":
                os.truncate(file, 0 if damage == "empty" else 3 * BLOCK_BYTES)
            case "longer":
                os.truncate(file, file.stat().st_size + 1)
            case "no folder":
                (content / "empty/inner").rmdir()
            case _:
                shutil.rmtree(content)
        assert prove(store, package) is None
        assert refetched(store, package) < BLOCKS or damage == "nothing"
        assert prove(store, package) == content


@pytest.mark.parametrize("kind", ["file", "folder", LINK, PIPE])
@pytest.mark.parametrize("place", ["setup.exe", "b/c/setup.exe"])
def test_what_the_manifest_does_not_know_is_refused_by_name(
    tmp_path: Path, kind: str, place: str
) -> None:
    """Fault: a planted setup.exe in a finished package. dlcore refuses it by name."""
    with opened(tmp_path) as first, opened(tmp_path) as second:
        content = finish(first)
        plant(kind, content / place, tmp_path / "victim")
        for store in (first, second):
            with pytest.raises(
                UnexpectedContentError, match=rf"{named(place)} is not in"
            ) as caught:
                prove(store)
            assert caught.value.path == str(content / place)
            assert caught.value.remedy
        delete_planted(content / place)
        assert prove(first) == prove(second) == content


@pytest.mark.parametrize("kind", ["folder", LINK, PIPE, "hard link"])
def test_something_else_in_the_place_of_a_file_is_refused_by_name(
    tmp_path: Path, kind: str
) -> None:
    """Fault: a link, pipe, folder or second name in place of a file. dlcore refuses it by name."""
    with opened(tmp_path) as store:
        content = finish(store)
        victim = tmp_path / "victim"
        shutil.copy(content / "long.bin", victim)
        (content / "long.bin").unlink()
        plant(kind, content / "long.bin", victim)
        with pytest.raises(UnexpectedContentError, match=r"long\.bin is not a plain file"):
            prove(store)
        assert victim.read_bytes() == PACKAGE.contents["long.bin"]


@pytest.mark.parametrize("kind", ["file", LINK, PIPE])
def test_something_else_in_the_place_of_an_inner_folder_is_refused_by_name(
    tmp_path: Path, kind: str
) -> None:
    """Fault: a link in place of a folder of a package. dlcore refuses it by name."""
    with opened(tmp_path) as store:
        content = finish(store)
        (content / "b").rename(tmp_path / "moved")
        plant(kind, content / "b", tmp_path / "moved")
        with pytest.raises(UnexpectedContentError, match=rf"{named('content/b')} is not a plain"):
            prove(store)


@pytest.mark.parametrize("kind", ["file", LINK])
@pytest.mark.parametrize("inner", ["", "content"], ids=["package", "content"])
def test_something_else_in_the_place_of_the_folder_is_refused_by_name(
    tmp_path: Path, kind: str, inner: str
) -> None:
    """Fault: a link in place of a package's folder. dlcore refuses it by name."""
    with opened(tmp_path) as store:
        folder = finish(store).parent / inner
        folder.rename(tmp_path / "moved")
        plant(kind, folder, tmp_path / "moved")
        with pytest.raises(UnexpectedContentError, match=rf"{named(folder)} is not a folder"):
            prove(store)


def test_a_folder_in_the_place_of_a_package_is_not_believed_for_its_name(tmp_path: Path) -> None:
    """Fault: a folder with a package's name and other content. dlcore hashes it and fetches all."""
    with opened(tmp_path) as store:
        key = f"ABC00012.1-{PACKAGE.digest[:16]}"
        folder = tmp_path / "packages" / key
        for path, data in PACKAGE.contents.items():
            (folder / "content" / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "content" / path).write_bytes(bytes(len(data)))
        (folder / "content/empty/inner").mkdir(parents=True)
        (folder / "manifest.json").write_bytes(PACKAGE.document)
        assert prove(store) is None
        assert refetched(store) == BLOCKS


@pytest.mark.parametrize("damage", [None, b"", b"{}"], ids=["gone", "empty", "other"])
def test_a_damaged_manifest_of_a_finished_package_is_written_again(
    tmp_path: Path, damage: bytes | None
) -> None:
    """Fault: manifest.json of a finished package is damaged. dlcore writes it again."""
    with opened(tmp_path) as store:
        content = finish(store)
        document = content.parent / "manifest.json"
        document.unlink()
        if damage is not None:
            document.write_bytes(damage)
        assert store.read_manifest("ABC00012", 1, PACKAGE.digest) is None
        assert prove(store) == content
        assert store.read_manifest("ABC00012", 1, PACKAGE.digest) == PACKAGE.document


def test_a_document_of_its_own_that_was_made_huge_is_written_again(tmp_path: Path) -> None:
    """Fault: manifest.json was made 1 TiB long. dlcore treats it as damaged, and rewrites it."""
    with opened(tmp_path / "state") as store:
        manifest = finish(store).parent / "manifest.json"
    with manifest.open("r+b") as file:
        file.truncate(1 << 40)
    with opened(tmp_path / "state") as store:
        assert prove(store)
    assert manifest.read_bytes() == PACKAGE.document


def test_what_was_left_in_a_folder_that_was_handed_out_is_removed(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        content = finish(store)
        assert prove(store, lend=True) == content
        (content / "logs").mkdir()
        (content / "logs/setup.log").write_text("installed")
        (content / "b/last").symlink_to(content)
    with opened(tmp_path) as store:  # the next run knows it as well
        assert prove(store) == content
        assert read_back(content) == PACKAGE.contents
        assert not (content / "logs").exists()
        assert not (content / "b/last").is_symlink()


def test_what_a_step_made_of_its_own_package_is_mended(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        content = finish(store)
        assert prove(store, lend=True) == content
        (content / "b/one.txt").write_text("2")
        (content / "long.bin").unlink()
        (content / "long.bin").symlink_to(content / "a/large.bin")
        assert prove(store) is None
        assert refetched(store) == 3
        assert prove(store) == content


def test_an_unfinished_package_of_the_same_name_gives_way(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        content = finish(store)
        stray = tmp_path / "partial" / content.parent.name
        (stray / "content").mkdir(parents=True)
        left = tmp_path / "removed" / content.parent.name  # by a removal that failed
        left.mkdir()
        (left / "file").touch()
        flip(content / "long.bin")
        assert prove(store) is None
        assert refetched(store) == 1
        assert not list((tmp_path / "removed").iterdir())


def test_a_file_among_what_is_being_removed_does_not_stop_the_store(tmp_path: Path) -> None:
    """Fault: a planted file in ``removed/``. dlcore deletes it when the store is opened."""
    (tmp_path / "removed").mkdir()
    (tmp_path / "removed/file").touch()
    with opened(tmp_path):
        assert not list((tmp_path / "removed").iterdir())


def test_a_change_while_it_is_hashed_is_noticed(tmp_path: Path) -> None:
    """Fault: a file is altered while it is hashed. dlcore does not believe it."""
    with opened(tmp_path) as store:
        content = finish(store)
    disk = Watched()
    with opened(tmp_path, disk) as store:
        changes = [content / "a/exact.bin", content / "a/large.bin", content / "long.bin"]

        def change() -> None:
            if changes:
                os.utime(changes.pop())

        disk.before_read = change
        assert prove(store) is None
        disk.before_read = lambda: None
        assert refetched(store) == 0, "the bytes are right"


def test_a_file_cut_while_it_is_hashed_is_no_internal_error(tmp_path: Path) -> None:
    """Fault: a file is shortened while it is hashed. dlcore fetches the missing part again."""
    with opened(tmp_path) as store:
        content = finish(store)
    disk = Watched()
    with opened(tmp_path, disk) as store:
        disk.before_read = lambda: os.truncate(content / "a/large.bin", BLOCK_BYTES)
        assert prove(store) is None
        disk.before_read = lambda: None
        assert refetched(store) == 5


def test_a_change_right_behind_the_proof_shows_in_the_times(tmp_path: Path) -> None:
    """The clock of file times goes in steps: an identity is taken only when it has gone on."""
    pauses: list[float] = []

    class Slow(Files):
        def now_ns(self) -> int:
            return 0  # every file was changed this very moment

        def pause(self, seconds: float) -> None:
            pauses.append(seconds)

    with opened(tmp_path, Slow()) as store:
        finish(store)
        assert len(pauses) == 1
        prove(store)
        assert len(pauses) == 2


@pytest.mark.parametrize("kind", ["file", "folder", LINK])
def test_what_is_planted_in_an_unfinished_package_is_not_delivered(
    tmp_path: Path, kind: str
) -> None:
    """Fault: a planted file in an unfinished package. dlcore removes it, or does not finish."""
    with opened(tmp_path) as store:
        partial = store.begin(PACKAGE.manifest, PACKAGE.document)
        fill(partial, PACKAGE)
        content = next((tmp_path / "partial").iterdir()) / "content"
        plant(kind, content / "b/setup.exe", tmp_path / "victim")
        with pytest.raises(UnexpectedContentError, match=rf"{named('b/setup.exe')} is not in"):
            partial.finish()
        assert not list((tmp_path / "packages").iterdir())
        again = store.begin(PACKAGE.manifest, PACKAGE.document)
        assert again.complete
        assert sorted(read_back(again.finish())) == sorted(PACKAGE.contents)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            os.unlink,
            marks=pytest.mark.posix_only(reason="a file that is open cannot be deleted on Windows"),
        ),
        lambda path: os.truncate(path, 0),
    ],
    ids=["deleted", "cut"],
)
def test_a_file_taken_away_while_the_package_is_filled_is_not_delivered(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    """Fault: a file of an unfinished package is deleted or cut. dlcore does not finish it."""
    with opened(tmp_path) as store:
        partial = store.begin(PACKAGE.manifest, PACKAGE.document)
        fill(partial, PACKAGE)
        content = next((tmp_path / "partial").iterdir()) / "content"
        change(content / "long.bin")
        with pytest.raises(StorageError, match="were changed while it was fetched"):
            partial.finish()
        assert refetched(store) == 2


def named(path: Path | str) -> str:
    """What a message that names a path as this system does matches."""
    return re.escape(str(Path(path)))


def plant(kind: str, place: Path, victim: Path) -> None:
    match kind:
        case "file":
            place.write_bytes(b"evil")
        case "folder":
            place.mkdir()
        case "fifo":
            os.mkfifo(place)
        case "hard link":
            place.hardlink_to(victim)
        case _:
            place.symlink_to(victim)


def delete_planted(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        place.rmdir()
    else:
        place.unlink()
