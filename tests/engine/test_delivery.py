"""What a delivery finds, replaces and refuses."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from dlcore.disk.generation import UNKNOWN, generation_at
from dlcore.engine.delivery.deliveries import Delivered, Deliveries
from dlcore.engine.delivery.one_file import OneFile
from dlcore.engine.delivery.own_folder import OwnFolder
from dlcore.engine.delivery.target import Disk, Standing
from dlcore.errors import ConfigError, DiskFullError, IntegrityError, StorageError
from dlcore.store import Store
from tests.engine.deliveries import (
    V1,
    V2,
    Memory,
    bring,
    neighbours,
    put,
    write,
)
from tests.others import is_private, let_nobody_else, let_others_change, let_others_read
from tests.store.helpers import BLOCK_BYTES, Package, finish, make_package, read_back

# What is replaced


def test_an_older_version_is_replaced_with_what_only_it_had(folder: Path, records: Path) -> None:
    """Fault: the folder holds an older version. dlcore replaces it, with the names it had alone."""
    put(V1, folder, records)
    look = put(V2, folder, records)
    assert look.standing is Standing.REPAIRABLE
    assert {item.path for item in look.bad} >= {"setup.exe", "new/only.txt", "old/only.txt", "old"}
    assert read_back(folder) == V2.contents
    assert not (folder / "old").exists()
    assert neighbours(folder) == ["to"]


def test_an_older_version_is_replaced_though_its_files_are_read_only(
    folder: Path, records: Path
) -> None:
    """Fault: files of an older version were marked read-only. dlcore leaves none of them."""
    put(V1, folder, records)
    for path in [*folder.rglob("*")]:
        path.chmod(stat.S_IRUSR | (stat.S_IXUSR if path.is_dir() else 0))
    put(V2, folder, records)
    assert read_back(folder) == V2.contents
    assert neighbours(folder) == ["to"]


class Mounted(Disk):
    """A disk on which every folder is mounted there."""

    def is_mount_point(self, path: Path) -> bool:
        return True


def test_a_folder_that_is_mounted_is_refused_before_anything_arrives(
    folder: Path, records: Path
) -> None:
    """Fault: the output folder is mounted there, perhaps from the same disk, and cannot be
    replaced. dlcore says so before it fetches.
    """
    folder.mkdir()
    source = Memory(V1)
    with pytest.raises(ConfigError, match="is a mount point"):
        bring(OwnFolder(folder, Deliveries(records), Mounted()), V1, source)
    assert source.fills == 0
    assert neighbours(folder) == ["to"]


def test_right_content_is_hashed_and_left_as_it_is(folder: Path, records: Path) -> None:
    put(V1, folder, records)
    before = folder.stat().st_ino, folder.stat().st_mtime_ns
    source = Memory(V1)
    look = bring(OwnFolder(folder, Deliveries(records)), V1, source)
    assert (look.standing, source.fills) == (Standing.RIGHT, 0)
    assert (folder.stat().st_ino, folder.stat().st_mtime_ns) == before


def test_damage_without_a_record_is_repaired_if_some_of_it_matches(
    folder: Path, records: Path
) -> None:
    """Fault: a folder is damaged and no record knows it. dlcore repairs it if a block matches."""
    write(folder, {**V2.contents, "setup.exe": b"cut"})
    (folder / "empty" / "inner").mkdir(parents=True)
    look = put(V2, folder, records)
    assert [item.path for item in look.bad] == ["setup.exe"]
    assert read_back(folder) == V2.contents


@pytest.mark.parametrize("let", [let_nobody_else, let_others_read], ids=["private", "open"])
def test_a_folder_stays_as_open_as_it_was(
    folder: Path, records: Path, let: Callable[[Path], None]
) -> None:
    folder.mkdir()
    let(folder)
    put(V1, folder, records)
    assert is_private(folder) == (let is let_nobody_else)
    put(V2, folder, records)
    assert is_private(folder) == (let is let_nobody_else)


@pytest.mark.posix_only(reason="modes are POSIX's")
def test_a_folder_keeps_its_own_rights(folder: Path, records: Path) -> None:
    folder.mkdir(mode=0o700)
    put(V1, folder, records)
    assert folder.stat().st_mode & 0o777 == 0o700
    put(V2, folder, records)
    assert folder.stat().st_mode & 0o777 == 0o700


# What is refused


def refused(folder: Path, records: Path, *words: str) -> None:
    """Check that a delivery is refused before anything is made, and changes nothing."""
    before = read_back(folder)
    source = Memory(V2)
    with pytest.raises(ConfigError) as caught:
        bring(OwnFolder(folder, Deliveries(records)), V2, source)
    assert all(word in caught.value.message for word in words), caught.value.message
    assert caught.value.remedy
    assert source.fills == 0
    assert read_back(folder) == before
    assert neighbours(folder) == ["to"]


def test_a_planted_file_is_refused_by_name(folder: Path, records: Path) -> None:
    """Fault: somebody planted a file in a delivered folder. dlcore refuses it by name."""
    put(V2, folder, records)
    write(folder, {"new/version.dll": b"planted", "setup.exe": b"changed too"})
    refused(folder, records, "new/version.dll")


@pytest.mark.wine_cannot(reason="makes no symbolic links")
def test_a_planted_link_is_refused_by_name(folder: Path, records: Path) -> None:
    """Fault: a file was replaced by a link to another. dlcore refuses it by name."""
    put(V2, folder, records)
    (folder / "setup.exe").unlink()
    (folder / "setup.exe").symlink_to("shared.bin")
    refused(folder, records, "setup.exe")


def test_names_of_an_older_version_need_a_record(folder: Path, records: Path) -> None:
    """Fault: the record of a delivery is lost. dlcore refuses what only the older version had."""
    put(V1, folder, records)
    for record in records.iterdir():
        record.unlink()
    refused(folder, records, "old/only.txt")


def test_a_damaged_record_is_none(folder: Path, records: Path) -> None:
    """Fault: the record of a delivery is damaged. dlcore treats it as lost."""
    put(V1, folder, records)
    (record,) = records.iterdir()
    for damaged in (b"", b"\0" * 50, record.read_bytes()[:-3]):
        record.write_bytes(damaged)
        refused(folder, records, "old/only.txt")


def test_a_folder_that_was_made_anew_is_not_dlcores(folder: Path, records: Path) -> None:
    """Fault: the user made a folder of the delivered one's name. dlcore refuses to replace it."""
    put(V1, folder, records)
    folder.rename(folder.with_name("elsewhere"))
    write(folder, {"old/only.txt": b"mine", "setup.exe": b"mine too"})
    with pytest.raises(ConfigError, match=r"old/only\.txt"):
        put(V2, folder, records)
    assert read_back(folder) == {"old/only.txt": b"mine", "setup.exe": b"mine too"}


def test_files_of_the_same_names_that_share_nothing_are_the_users(
    folder: Path, records: Path
) -> None:
    """Fault: the user named a folder of his own by mistake. dlcore refuses it by name."""
    write(folder, {"setup.exe": b"my own program"})
    refused(folder, records, "setup.exe")


def test_a_file_where_the_folder_belongs_is_refused(folder: Path, records: Path) -> None:
    folder.write_bytes(b"mine")
    with pytest.raises(ConfigError, match="is not a folder"):
        put(V2, folder, records)
    assert folder.read_bytes() == b"mine"


def test_content_that_was_altered_before_its_delivery_is_refused(
    folder: Path, records: Path
) -> None:
    """Fault: a file is planted among finished content. dlcore refuses it by name."""

    class Planting(Memory):
        async def fill(self, store: Store, look: object) -> None:
            content = finish(store, V2)
            (content / "new" / "planted.dll").write_bytes(b"planted")

    with pytest.raises(IntegrityError, match=r"new[/\\]planted\.dll"):
        bring(OwnFolder(folder, Deliveries(records)), V2, Planting(V2))
    assert not folder.exists()


def test_what_was_finished_and_altered_is_made_again(folder: Path, records: Path) -> None:
    """Fault: finished content is altered before the next call. dlcore fetches it again."""
    goal = OwnFolder(folder, Deliveries(records))
    with Store.open(goal.state) as store:
        content = finish(store, V2)
    (content / "setup.exe").write_bytes(bytes(3 * BLOCK_BYTES))
    source = Memory(V2)
    bring(goal, V2, source)
    assert source.fills == 1
    assert read_back(folder) == V2.contents


def test_what_does_not_fit_is_refused_before_anything_is_made(folder: Path, records: Path) -> None:
    """Fault: a claimed length of 8 TiB. dlcore refuses it at once and leaves nothing."""
    huge = make_package({"a": BLOCK_BYTES}, whole=True)
    length_bytes = 8 << 40
    item = msgspec.structs.replace(huge.manifest.objects[0], length_bytes=length_bytes)
    file = msgspec.structs.replace(huge.manifest.files[0], length_bytes=length_bytes)
    manifest = msgspec.structs.replace(huge.manifest, objects=(item,), files=(file,))
    claimed = huge._replace(manifest=manifest)
    source = Memory(claimed)
    with pytest.raises(DiskFullError, match="free"):
        bring(OwnFolder(folder, Deliveries(records)), claimed, source)
    assert source.fills == 0
    assert neighbours(folder) == []


# A file beside others


def one_file(folder: Path, records: Path, disk: Disk | None = None) -> OneFile:
    return OneFile(folder, "file.iso", Deliveries(records, disk), disk)


def single(seed: int) -> Package:
    package = make_package({"file.iso": 2 * BLOCK_BYTES + 5}, seed=seed)
    manifest = msgspec.structs.replace(package.manifest, folders=())
    return package._replace(manifest=manifest, document=msgspec.json.encode(manifest))


def test_a_file_of_an_earlier_fetch_is_replaced(folder: Path, records: Path) -> None:
    write(folder, {"mine": b"mine"})
    for seed in (1, 2):
        bring(one_file(folder, records), single(seed), Memory(single(seed)))
        assert read_back(folder) == {"mine": b"mine", **single(seed).contents}
    assert sorted(path.name for path in folder.iterdir()) == ["file.iso", "mine"]


def test_a_file_that_dlcore_did_not_put_there_is_refused(folder: Path, records: Path) -> None:
    """Fault: another file has the name of what is fetched. dlcore refuses to replace it."""
    write(folder, {"file.iso": b"mine"})
    with pytest.raises(ConfigError, match=r"file\.iso is there already"):
        bring(one_file(folder, records), single(1), Memory(single(1)))
    assert read_back(folder) == {"file.iso": b"mine"}
    assert [path.name for path in folder.iterdir()] == ["file.iso"]


def test_a_file_that_appears_meanwhile_is_not_replaced(folder: Path, records: Path) -> None:
    """Fault: a file gets the name while it is fetched. dlcore fails and leaves that file."""

    class Slow(Memory):
        async def fill(self, store: Store, look: object) -> None:
            write(folder, {"file.iso": b"mine"})
            finish(store, single(1))

    with pytest.raises(StorageError, match=r"file\.iso"):
        bring(one_file(folder, records), single(1), Slow(single(1)))
    assert read_back(folder)["file.iso"] == b"mine"


def test_a_file_has_its_time_before_it_has_its_name(folder: Path, records: Path) -> None:
    class Looking(Disk):
        def move_to_free_name(self, source: Path, target: Path) -> None:
            moved.append(source.stat().st_mtime_ns)
            super().move_to_free_name(source, target)

    moved: list[int] = []
    disk = Looking()
    known = Deliveries(records, disk)
    goal = OneFile(folder, "file.iso", known, disk, modified_ns=10**18 + 7 * 10**9)
    bring(goal, single(1), Memory(single(1)))
    assert moved == [goal.path.stat().st_mtime_ns] == [10**18 + 7 * 10**9]
    assert bring(goal, single(1), Memory(single(1))).standing is Standing.RIGHT


def test_a_disk_that_takes_no_time_gets_the_file(folder: Path, records: Path) -> None:
    """Fault: a file system refuses a time of modification. dlcore delivers the file anyway."""

    class Timeless(Disk):
        def set_modified(self, path: Path, modified_ns: int) -> None:
            raise PermissionError(1, "no", str(path))

    goal = OneFile(folder, "file.iso", Deliveries(records), Timeless(), modified_ns=1)
    bring(goal, single(1), Memory(single(1)))
    assert read_back(folder) == single(1).contents


@pytest.mark.wine_cannot(reason="has the inodes of the host without their generations")
def test_a_file_that_got_the_number_of_a_deleted_one_is_not_dlcores(
    folder: Path, records: Path
) -> None:
    """Fault: a fetched file is deleted, and another gets its inode. dlcore leaves that alone."""
    bring(one_file(folder, records), single(1), Memory(single(1)))
    path = folder / "file.iso"
    number = path.stat().st_ino
    path.unlink()
    others = [folder / str(n) for n in range(100)]
    for other in others:
        other.write_bytes(b"mine")
    same = [other for other in others if other.stat().st_ino == number]
    if not same:
        pytest.skip("this file system does not use a number again soon")
    same[0].rename(path)
    if sys.platform == "linux" and generation_at(path) == UNKNOWN:
        pytest.skip("this file system does not tell generations")
    with pytest.raises(ConfigError, match="dlcore did not put it there"):
        bring(one_file(folder, records), single(2), Memory(single(2)))
    assert path.read_bytes() == b"mine"


# Names


def test_a_name_of_250_characters_has_a_shorter_state_folder(tmp_path: Path, records: Path) -> None:
    """Fault: a name of 250 characters leaves no room for a suffix. dlcore names by a digest."""
    folder = tmp_path / ("n" * 250)
    put(V1, folder, records)
    assert read_back(folder) == V1.contents
    assert neighbours(folder) == [folder.name]


def test_a_name_that_is_too_long_is_refused(tmp_path: Path, records: Path) -> None:
    """Fault M1: a name of more than 255 bytes. dlcore refuses it by name."""
    length = 256 if sys.platform == "win32" else 128  # UTF-16 units there
    with pytest.raises(ConfigError, match="longer than 255 bytes"):
        put(V1, tmp_path / ("ö" * length), records)


def test_a_file_in_the_place_of_what_was_replaced_is_refused_by_name(
    folder: Path, records: Path
) -> None:
    """Fault: a file lies where a replaced folder is kept. dlcore refuses it by name, and leaves it
    and the package.
    """
    put(V1, folder, records)
    replaced = folder.parent / ".to.dlcore" / "replaced"
    write(replaced.parent, {"replaced": b"mine"})
    with pytest.raises(ConfigError, match=r"holds what is not part of .*: replaced"):
        put(V2, folder, records)
    assert replaced.read_bytes() == b"mine"
    replaced.unlink()
    put(V2, folder, records)
    assert read_back(folder) == V2.contents


def test_records_that_another_user_could_write_count_as_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault: others may write records of deliveries. dlcore believes none, and says so."""
    deliveries = Deliveries(tmp_path / "records")
    deliveries.end(tmp_path / "to", Delivered.of(V1.manifest, 7))
    assert Deliveries(tmp_path / "records").find(tmp_path / "to", 7)
    let_others_change(tmp_path / "records")
    untrusted = Deliveries(tmp_path / "records")
    assert untrusted.find(tmp_path / "to", 7) is None
    untrusted.end(tmp_path / "to", Delivered.of(V1.manifest, 8))
    assert f"{tmp_path / 'records'} is writable by others" in caplog.text
    let_nobody_else(tmp_path / "records")
    assert Deliveries(tmp_path / "records").find(tmp_path / "to", 7)
