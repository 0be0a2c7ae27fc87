"""Which packages give way: laws of the policy, and what the store makes of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.store import CacheLimit, Holding, Reserve, Store
from dlcore.store.cache.eviction import evicted, total_bytes
from dlcore.store.cache.evictor import Evictor
from dlcore.store.cache.packages_on_disk import holdings
from dlcore.store.files import Files
from dlcore.store.removal import Removal
from tests.schedule.packages import LAW
from tests.store.cache.contents import package_of
from tests.store.helpers import BLOCK_BYTES, Package, fill, read_back

HOLDINGS = st.lists(
    st.builds(
        Holding,
        key=st.uuids().map(str),
        files=st.dictionaries(st.integers(1, 12), st.just(0), max_size=6).map(
            lambda files: {inode: inode * 10 for inode in files}  # shared files are as long
        ),
        used_ns=st.integers(0, 5),
        is_finished=st.booleans(),
        is_pinned=st.booleans(),
    ),
    max_size=8,
    unique_by=lambda each: each.key,
)


@LAW
@given(holdings=HOLDINGS, max_bytes=st.integers(-100, 900), data=st.data())
def test_what_must_stay_stays_and_the_rest_fits_if_it_can(
    holdings: list[Holding], max_bytes: int, data: st.DataObject
) -> None:
    keys = [each.key for each in holdings]
    needed = frozenset(data.draw(st.sets(st.sampled_from(keys)))) if keys else frozenset[str]()
    chosen = evicted(holdings, needed, max_bytes)
    by_key = {each.key: each for each in holdings}
    assert len(set(chosen)) == len(chosen)
    assert not any(by_key[key].is_pinned or key in needed for key in chosen)
    rest = [each for each in holdings if each.key not in chosen]
    may_go = [each for each in rest if not each.is_pinned and each.key not in needed]
    assert total_bytes(rest) <= max_bytes or not may_go
    times = [by_key[key].used_ns for key in chosen]
    assert times == sorted(times)
    assert all(each.used_ns >= max(times, default=0) for each in may_go), "the longest unused go"
    before_the_last = [each for each in holdings if each.key not in chosen[:-1]]
    assert not chosen or total_bytes(before_the_last) > max_bytes, "no more go than must"


@LAW
@given(
    max_bytes=st.none() | st.integers(0, 1 << 40),
    max_share=st.none() | st.floats(0.01, 1.0),
    disk_bytes=st.integers(0, 1 << 40),
)
def test_the_lower_limit_counts(
    max_bytes: int | None, max_share: float | None, disk_bytes: int
) -> None:
    limit = CacheLimit(max_bytes, max_share).of(disk_bytes)
    assert (limit is None) == (max_bytes is None and max_share is None)
    assert limit is None or limit <= (disk_bytes if max_bytes is None else max_bytes)


ONE, TWO, THREE = (
    package_of(f"ABC0000{n}", {"x.bin": bytes([n]) * BLOCK_BYTES * 10}) for n in (1, 2, 3)
)
NO_RESERVE = Reserve.exactly(0)
ROOM_FOR_TWO = CacheLimit(max_bytes=25 * BLOCK_BYTES)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "state") as opened:
        opened.use_cache(ROOM_FOR_TWO)
        yield opened


def finished(store: Store, package: Package, used_ns: int) -> Path:
    store.make_room(package.manifest, package.document, NO_RESERVE)
    partial = store.begin(package.manifest, package.document)
    fill(partial, package)
    content = partial.finish()
    store._files.touch(content.parent, used_ns)
    return content


def key_of(content: Path) -> str:
    return content.parent.name


def test_the_longest_unused_package_gives_way(store: Store) -> None:
    one, two = finished(store, ONE, 2000), finished(store, TWO, 1000)
    three = finished(store, THREE, 3000)
    assert [content.exists() for content in (one, two, three)] == [True, False, True]


def test_a_package_that_is_handed_out_was_used(store: Store) -> None:
    one, two = finished(store, ONE, 1000), finished(store, TWO, 2000)
    assert store.prove(ONE.manifest, ONE.document, lend=True, to_write=False) == one
    store.evictor.release([key_of(one)])
    finished(store, THREE, 3000)
    assert (one.exists(), two.exists()) == (True, False)


def test_what_is_needed_lent_or_pinned_stays_although_the_cache_is_too_large(
    store: Store,
) -> None:
    one, two = finished(store, ONE, 1000), finished(store, TWO, 2000)
    store.evictor.need([key_of(one)])
    assert store.prove(TWO.manifest, TWO.document, lend=True, to_write=False) == two
    three = finished(store, THREE, 3000)
    assert all(content.exists() for content in (one, two, three))
    store.evictor.need([])
    store.evictor.release([key_of(two)])
    store.pin(key_of(one), is_pinned=True)
    assert [each.key for each in store.prune(CacheLimit(max_bytes=0))] == [
        key_of(two),
        key_of(three),
    ]
    store.pin(key_of(one), is_pinned=False)
    assert [each.key for each in store.prune(CacheLimit(max_bytes=0))] == [key_of(one)]


def test_a_package_under_way_stays(store: Store) -> None:
    finished(store, ONE, 1000)
    partial = store.begin(TWO.manifest, TWO.document)
    removed = store.prune(CacheLimit(max_bytes=0))
    assert [each.key for each in removed] == [key_of_package(ONE)]
    fill(partial, TWO)
    assert read_back(partial.finish()) == TWO.contents


NEWER = package_of("ABC00001", {"x.bin": bytes([9]) * BLOCK_BYTES * 10}, version=2)


def test_an_older_version_stays_until_the_newer_one_that_is_made_of_it_is_there(
    store: Store,
) -> None:
    """Fault: the cache is full when a new version is fetched. dlcore keeps the old one for it."""
    one, two = finished(store, ONE, 1000), finished(store, TWO, 2000)
    newer = finished(store, NEWER, 3000)
    assert (one.exists(), two.exists()) == (True, False)
    finished(store, THREE, 4000)
    assert (one.exists(), newer.exists()) == (False, True)


def test_an_older_version_stays_while_another_package_is_begun(store: Store) -> None:
    one, two = finished(store, ONE, 1000), finished(store, TWO, 2000)
    partial = store.begin(NEWER.manifest, NEWER.document)
    finished(store, THREE, 3000)
    assert (one.exists(), two.exists()) == (True, False)
    partial.close()


def test_an_older_version_gives_way_if_the_disk_has_no_room_for_both(store: Store) -> None:
    """Fault: the disk has no room for two versions. dlcore gives up the old one."""
    one = finished(store, ONE, 1000)
    no_room = Reserve.exactly(1 << 60)
    assert store.make_room(NEWER.manifest, NEWER.document, no_room) == [key_of(one)]


def test_a_package_that_is_handed_out_meanwhile_stays(tmp_path: Path) -> None:
    """Fault: a package is chosen to give way, then handed out. dlcore keeps it."""
    with Store.open(tmp_path / "state") as store:
        one = finished(store, ONE, 1000)
        files, places = store._files, (one.parents[1], tmp_path / "state" / "partial")
        evictor: Evictor

        def lent_now(key: str) -> None:
            evictor.lend(key)

        removal = Removal(files, tmp_path / "state" / "removed")
        evictor = Evictor(files, places, removal, forget=lent_now, under_way=lambda: ())
        assert evictor.prune(CacheLimit(max_bytes=0)) == []
        assert one.exists()


class MadeFull(Files):
    """A disk on which another package is begun just when one is marked as used."""

    store: Store

    def touch(self, path: Path, time_ns: int | None = None) -> None:
        super().touch(path, time_ns)
        if time_ns is None:
            self.store.make_room(THREE.manifest, THREE.document, NO_RESERVE)


def test_a_package_that_is_proven_to_be_handed_out_does_not_give_way(tmp_path: Path) -> None:
    """Fault: the cache is full while a package is handed out. dlcore keeps it during its proof."""
    files = MadeFull()
    with Store(tmp_path / "state", files) as store:
        files.store = store
        store.prepare()
        one = finished(store, ONE, 1000)
        store.use_cache(CacheLimit(max_bytes=BLOCK_BYTES))
        assert store.prove(ONE.manifest, ONE.document, lend=True, to_write=False) == one
        assert one.exists()


class Vanishing(Files):
    """A disk on which a file is taken away between its folder's listing and a look at it."""

    def entries(self, path: Path) -> Iterator[tuple[str, os.stat_result]]:
        for name, status in super().entries(path):
            if path.parent.name == "packages":
                raise FileNotFoundError(path / name)
            yield name, status


def test_a_pinned_package_in_which_a_file_vanishes_is_pinned(tmp_path: Path) -> None:
    """Fault: a file of a pinned package goes while the cache is looked through. dlcore keeps it."""
    with Store.open(tmp_path / "state") as store:
        one = finished(store, ONE, 1000)
        store.pin(key_of(one), is_pinned=True)
    (found,) = holdings(Vanishing(), one.parents[1], tmp_path / "state" / "partial")
    assert found.is_pinned


def test_an_unfinished_package_of_an_earlier_process_gives_way(tmp_path: Path) -> None:
    with Store.open(tmp_path / "state") as store:
        fill(store.begin(ONE.manifest, ONE.document), ONE, [0, 1])
    with Store.open(tmp_path / "state") as store:
        assert [each.key for each in store.prune(CacheLimit(max_bytes=0))] == [key_of_package(ONE)]
        assert store.holdings() == []


def test_without_a_limit_nothing_gives_way(tmp_path: Path) -> None:
    with Store.open(tmp_path / "state") as store:
        store.use_cache()
        contents = [finished(store, each, 1) for each in (ONE, TWO, THREE)]
        assert store.prune(CacheLimit()) == []
        assert all(content.exists() for content in contents)


def test_a_dry_run_removes_nothing(store: Store) -> None:
    one = finished(store, ONE, 1)
    told = store.prune(CacheLimit(max_bytes=0), is_dry_run=True)
    assert [each.key for each in told] == [key_of(one)]
    assert one.exists()


def test_an_eviction_that_was_killed_leaves_a_package_whole_or_not_at_all(tmp_path: Path) -> None:
    class KilledError(BaseException):
        pass

    state = tmp_path / "state"
    for calls in range(12):
        with Store.open(state) as store:
            if not store.holdings():
                finished(store, ONE, 1)
        store = Store.open(state)
        left = [calls]

        def step(real: object, left: list[int] = left) -> object:
            def stepped(*arguments: object, **options: object) -> object:
                if not left[0]:
                    raise KilledError
                left[0] -= 1
                return real(*arguments, **options)  # type: ignore[operator]

            return stepped

        for name in ("move", "sync_folder", "remove_tree", "remove", "status"):
            setattr(store._files, name, step(getattr(store._files, name)))
        try:
            store.prune(CacheLimit(max_bytes=0))
        except KilledError:
            pass
        finally:
            for name in ("move", "sync_folder", "remove_tree", "remove", "status"):
                delattr(store._files, name)
            store.close()
        with Store.open(state) as store:
            content = store.prove(ONE.manifest, ONE.document, to_write=False)
            assert content is None or read_back(content) == ONE.contents
            assert list((state / "removed").iterdir()) == []


def key_of_package(package: Package) -> str:
    return f"{package.manifest.package_id}.1-{package.digest[:16]}"
