"""The index is a hint: lost, damaged, old, another's or on a full disk, fetching goes on."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import sys
from pathlib import Path

import pytest

from dlcore.store import Store
from dlcore.store.cache import index as index_module
from tests.seeds import given_seed
from tests.store.cache.contents import package_of
from tests.store.helpers import BLOCK_BYTES, fill, read_back

SEED = given_seed(20261129)
TRIALS = (
    6 if sys.platform == "win32" else 40
)  # each removes dozens of files, which takes long there
SMALL = {f"{n:02}.inf": b"driver %d " % n * 40 for n in range(40)}
IMAGE = bytes(range(256)) * (BLOCK_BYTES // 256) * 6
OLD = package_of("ABC00001", SMALL | {"image.wim": IMAGE})
NEW = package_of("ABC00001", SMALL | {"image.wim": IMAGE + b"more", "zz.txt": b"new"}, version=2)
USUALLY_MISSING = 2  # blocks: the end of the image, and that of the new file


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory with an old package and an index."""
    state = tmp_path / "state"
    with Store.open(state) as store:
        store.use_cache()
        fill(partial := store.begin(OLD.manifest, OLD.document), OLD)
        partial.finish()
        assert missing_of_new(store) == USUALLY_MISSING
        store.remove("ABC00001", 2, NEW.digest)
    assert (state / "cache.db").exists()
    return state


def missing_of_new(store: Store) -> int:
    partial = store.begin(NEW.manifest, NEW.document)
    missing = partial.missing()
    partial.close()
    return missing


def fetch_new(state: Path) -> int:
    """Begin and finish the new package; returns how many blocks had to be fetched."""
    with Store.open(state) as store:
        store.use_cache()
        partial = store.begin(NEW.manifest, NEW.document)
        missing = partial.missing()
        fill(partial, NEW, [n for n, held in enumerate(partial.have) if not held])
        assert read_back(partial.finish()) == NEW.contents
        return missing


def test_a_lost_index_is_made_anew(state: Path) -> None:
    (state / "cache.db").unlink()
    assert fetch_new(state) == USUALLY_MISSING


def test_a_truncated_index_is_made_anew(state: Path) -> None:
    size = (state / "cache.db").stat().st_size
    for kept in (0, 50, size // 2, size - 1):
        os.truncate(state / "cache.db", min(kept, (state / "cache.db").stat().st_size))
        with Store.open(state) as store:
            store.use_cache()
            missing = missing_of_new(store)
            assert missing in {USUALLY_MISSING, NEW.manifest.first_blocks[-1]}
            store.remove("ABC00001", 2, NEW.digest)
    assert fetch_new(state) == USUALLY_MISSING


def test_an_index_of_another_version_is_made_anew(state: Path) -> None:
    with contextlib.closing(sqlite3.connect(state / "cache.db")) as database:
        database.execute("PRAGMA user_version = 99")
        database.commit()
    assert fetch_new(state) == USUALLY_MISSING


def test_no_flipped_byte_in_the_index_makes_anything_wrong(state: Path) -> None:
    chance = random.Random(SEED)
    good = (state / "cache.db").read_bytes()
    for _ in range(TRIALS):
        data = bytearray(good)
        for _ in range(chance.choice([1, 20, 500])):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        (state / "cache.db").write_bytes(data)
        fetch_new(state)
        with Store.open(state) as store:
            assert store.remove("ABC00001", 2, NEW.digest)
            assert store.prove(OLD.manifest, OLD.document, to_write=False)


def test_an_index_that_lies_costs_no_more_than_itself(state: Path) -> None:
    with contextlib.closing(sqlite3.connect(state / "cache.db")) as database:
        database.execute("UPDATE file SET path = '../../../../etc/passwd' WHERE id % 3 = 0")
        database.execute("UPDATE file SET path = '00.inf' WHERE id % 3 = 1")
        database.execute("UPDATE block SET offset_bytes = -4096")
        database.commit()
    fetch_new(state)
    with Store.open(state) as store:
        assert store.prove(OLD.manifest, OLD.document, to_write=False)


ENDLESS = "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT n, 1, 0 FROM x"


@pytest.mark.parametrize(
    "change",
    [
        f"DROP TABLE block; CREATE VIEW block (digest, file, offset_bytes) AS {ENDLESS}",
        f"CREATE TRIGGER more AFTER DELETE ON file BEGIN INSERT INTO block {ENDLESS}; END",
    ],
)
def test_a_query_without_end_in_the_index_is_not_run(state: Path, change: str) -> None:
    """Fault: a table of the index is a view, or has a trigger. dlcore rebuilds the index."""
    with contextlib.closing(sqlite3.connect(state / "cache.db")) as database:
        database.executescript(change)
    assert fetch_new(state) == USUALLY_MISSING
    with contextlib.closing(sqlite3.connect(state / "cache.db")) as database:
        kinds = {kind for (kind,) in database.execute("SELECT type FROM sqlite_master")}
        assert kinds == {"table", "index"}


def test_a_link_in_the_place_of_the_index_is_not_followed(state: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (state / "cache.db").unlink()
    os.link(victim, state / "cache.db")
    assert fetch_new(state) == USUALLY_MISSING
    assert victim.read_bytes() == b"precious"


def test_a_full_disk_costs_only_the_index(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (state / "cache.db").unlink()

    def full(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(index_module, "_add", full)
    assert fetch_new(state) == NEW.manifest.first_blocks[-1]


def test_packages_that_were_removed_leave_the_index(state: Path) -> None:
    with Store.open(state) as store:
        store.use_cache()
        store.remove("ABC00001", 1, OLD.digest)
        other = package_of("ABC00003", {"other.bin": b"o" * BLOCK_BYTES})
        fill(partial := store.begin(other.manifest, other.document), other)
        partial.finish()
        assert missing_of_new(store) == NEW.manifest.first_blocks[-1]
    with contextlib.closing(sqlite3.connect(state / "cache.db")) as database:
        keys = [key for (key,) in database.execute("SELECT key FROM package")]
        assert [key.partition(".")[0] for key in keys] == ["ABC00003"]
        assert database.execute("SELECT count(*) FROM file").fetchone() == (1,)


@pytest.mark.posix_only(reason="gives a file to another user")
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_an_index_of_another_user_is_not_read(state: Path) -> None:
    """Fault: another user owns the index. dlcore makes its own, and reads nothing of theirs."""
    os.chown(state / "cache.db", 65534, 65534)
    assert fetch_new(state) == USUALLY_MISSING
    assert (state / "cache.db").stat().st_uid == 0
