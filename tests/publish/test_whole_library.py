"""A whole content library: published like each of its packages, again for nothing, and in part."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from dlcore.errors import ConfigError
from dlcore.publish import publish, verify_site
from dlcore.publish.folder import FolderDestination
from dlcore.publish.library.all_contents import ContentOutcome, WholeLibrary
from dlcore.publish.library.contents import list_contents
from dlcore.publish.library.into_catalog import IntoCatalog
from dlcore.publish.library.known_digests import NAME, KnownDigests
from dlcore.publish.library.one_content import ContentPublisher, Done, Job, LibraryOptions
from dlcore.publish.library.shards import ALL
from dlcore.publish.policy import DEFAULT_POLICY
from dlcore.publish.prune_mark import Marking, now_utc
from dlcore.publish.site_catalog import UnsignedCatalog
from tests.publish.helpers import BLOCK, content, files_below, from_folder, published_tree
from tests.publish.library import file_of, write_content
from tests.publish.whole import (
    APPLICATION,
    OFTEN,
    SHARED,
    UPDATE,
    copied,
    package,
    published,
    tree,
    write_whole,
)

PACKAGES = 20
CONTENTS = PACKAGES + 2


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that no test changes."""
    return write_whole(tmp_path_factory.mktemp("whole") / "library", PACKAGES)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


def catalog_of(site: Path) -> dict[str, dict[str, object]]:
    packages: dict[str, dict[str, object]] = json.loads((site / "catalog.json").read_bytes())[
        "packages"
    ]
    return packages


def test_each_package_is_what_publishing_it_alone_would_give(
    whole: Path, site: Path, tmp_path: Path
) -> None:
    done = published(whole, site)
    assert (done.contents, len(done.new), done.refused, done.gone) == (CONTENTS, CONTENTS, (), ())
    for number in (0, 3, 5):
        alone = tmp_path / "alone"
        publish(
            whole,
            package_id=package(number),
            destination=str(alone),
            block_bytes=BLOCK,
            content_library=True,
        )
        assert catalog_of(alone)[package(number)] == catalog_of(site)[package(number)]
        assert published_tree(from_folder(site), package(number)) == tree(number)
    assert not verify_site(str(site)).faults


def test_applications_and_updates_are_published_under_the_ids_of_their_contents(
    whole: Path, site: Path
) -> None:
    published(whole, site)
    assert published_tree(from_folder(site), APPLICATION) == {"app.msi": b"app"}
    assert published_tree(from_folder(site), UPDATE) == {"update.cab": b"update"}
    assert (catalog_of(site)[APPLICATION]["version"], catalog_of(site)[UPDATE]["version"]) == (2, 1)


def test_publishing_again_reads_no_content_and_writes_nothing(
    whole: Path, site: Path, tmp_path: Path
) -> None:
    library = copied(whole, tmp_path / "library")
    first = published(library, site)
    assert first.documents_written == CONTENTS + 5  # manifests, and the catalog after each five
    before = {path: path.stat().st_mtime_ns for path in site.rglob("*")}
    for path in (library / "FileLib").rglob("*"):
        if path.is_file() and not path.suffix:
            path.write_bytes(bytes(path.stat().st_size))  # whoever reads it notices
    again = published(library, site)
    assert (again.unchanged, again.refused) == (CONTENTS, ())
    assert (again.objects_written, again.documents_written) == (0, 0)
    assert {path: path.stat().st_mtime_ns for path in site.rglob("*")} == before


def test_without_the_memory_everything_is_compared_and_nothing_written(
    whole: Path, site: Path, tmp_path: Path
) -> None:
    published(whole, site)
    before = files_below(site)
    again = published(whole, site, memory=tmp_path / "other")
    assert (again.unchanged, again.objects_written, again.documents_written) == (CONTENTS, 0, 0)
    assert files_below(site) == before


def test_a_dry_run_tells_what_is_new_changed_and_gone_and_writes_nothing(
    whole: Path, site: Path, tmp_path: Path
) -> None:
    library = copied(whole, tmp_path / "library")
    new = published(library, site, dry_run=True)
    assert (len(new.new), site.exists(), site.with_name("site memory").exists()) == (
        CONTENTS,
        False,
        False,
    )
    published(library, site)
    write_content(library, "ABC00777.4", {"file": b"new"})
    write_content(library, f"{package(1)}.2", tree(1, version=2))
    (library / "PkgLib" / f"{package(2)}.INI").unlink()
    before = files_below(tmp_path)
    told = published(library, site, dry_run=True)
    assert files_below(tmp_path) == before
    assert [(each.package_id, each.version) for each in told.new] == [("ABC00777", 4)]
    assert [(each.package_id, each.version) for each in told.changed] == [(package(1), 2)]
    assert told.gone == (package(2),)
    done = published(library, site)
    assert (done.new, done.changed, done.gone, done.unchanged) == (
        *(told.new, told.changed, told.gone),
        told.unchanged,
    )
    assert package(2) in catalog_of(site)  # it stays until it is pruned
    assert published_tree(from_folder(site), package(1)) == tree(1, version=2)


def test_what_is_not_as_the_library_states_is_named_and_the_rest_published(
    whole: Path, site: Path, tmp_path: Path
) -> None:
    """Fault X1: files of a content library have rotted. dlcore names the packages that have them,
    and publishes the others.
    """
    library = copied(whole, tmp_path / "library")
    rotten = bytearray(SHARED)
    rotten[BLOCK] ^= 1
    file_of(library, SHARED).write_bytes(rotten)
    file_of(library, content(BLOCK + 1, 1)).unlink()
    file_of(library, content(BLOCK + 2, 1)).write_bytes(b"short")
    (library / "DataLib" / f"{package(3)}.1" / "setup.exe.INI").write_text("[File]\nSize=x\n")
    (library / "DataLib" / f"{package(4)}.1").rename(library / "DataLib" / "moved")
    (library / "PkgLib" / f"{package(6)}.INI").write_text("[Packages]\nwhat=\n")
    done = published(library, site)
    assert {each.package_id: each.code for each in done.refused} == {
        **{package(number): "integrity" for number in range(0, PACKAGES, 5)},
        package(1): "not-found",
        package(2): "integrity",
        package(3): "manifest",
        package(4): "not-found",
        package(6): "manifest",
    }
    assert all(each.remedy for each in done.refused)
    assert set(catalog_of(site)) == {each.package_id for each in done.new}
    assert len(done.new) + len(done.refused) == CONTENTS
    assert published(whole, site).refused == ()
    assert len(catalog_of(site)) == CONTENTS
    assert not verify_site(str(site)).faults


def test_a_file_that_rotted_after_it_was_known_is_not_published(
    whole: Path, site: Path, tmp_path: Path
) -> None:
    """Fault: a file of a content library rots after it was hashed once. dlcore notices it when it
    writes the file to a site that does not have it, and names it.
    """
    library = copied(whole, tmp_path / "library")
    published(library, tmp_path / "first", memory=tmp_path / "memory")
    setup = content(BLOCK + 1, 1)
    place = file_of(library, setup)
    place.write_bytes(bytes(len(setup)))
    done = published(library, site, memory=tmp_path / "memory")
    (refused,) = done.refused
    assert (refused.package_id, refused.code) == (package(1), "integrity")
    assert str(place) in refused.message
    assert package(1) not in catalog_of(site)
    place.write_bytes(setup)
    assert published(library, site, memory=tmp_path / "memory").refused == ()


@pytest.mark.parametrize("damage", ["bytes", "digests"])
def test_a_memory_that_is_damaged_does_no_harm(
    whole: Path, site: Path, tmp_path: Path, damage: str
) -> None:
    """Fault: what dlcore remembers of a content library is damaged. It reads the files again."""
    published(whole, tmp_path / "first", memory=tmp_path / "memory")

    def spoil() -> None:
        place = tmp_path / "memory" / NAME
        if damage == "bytes":
            place.write_bytes(b"no database" * 1000)
        else:
            with contextlib.closing(sqlite3.connect(place)) as database, database:
                database.execute("UPDATE object SET digests = zeroblob(length(digests))")

    spoil()
    again = published(whole, tmp_path / "first", memory=tmp_path / "memory", dry_run=True)
    assert (again.unchanged, again.refused) == (CONTENTS, ())
    again = published(whole, tmp_path / "first", memory=tmp_path / "memory")
    assert (again.unchanged, again.refused) == (CONTENTS, ())
    spoil()
    assert published(whole, site, memory=tmp_path / "memory").refused == ()
    assert files_below(site) == files_below(tmp_path / "first")


def test_a_file_that_several_packages_have_is_read_once(site: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    for number in range(8):
        write_content(library, f"{package(number)}.1", {"shared.dll": SHARED})
    digests = Counting(tmp_path / "memory")
    publisher = ContentPublisher(
        FolderDestination(site), LibraryOptions((library,), BLOCK), DEFAULT_POLICY, digests
    )
    found = list_contents([library], 4).found.values()
    done = [publisher.publish(Job(each, None)) for each in found]
    assert (len(done), digests.computed) == (8, 1)
    digests.close()


class Counting(KnownDigests):
    """Counts how often anything is computed."""

    computed = 0

    def of(self, key: bytes, compute: Callable[[], bytes]) -> bytes:
        def counted() -> bytes:
            self.computed += 1
            return compute()

        return super().of(key, counted)


def test_who_asks_while_digests_are_computed_waits_for_them(tmp_path: Path) -> None:
    digests = KnownDigests(tmp_path / "memory")
    answers: list[bytes] = []

    def ask() -> None:
        answers.append(digests.of(b"key", lambda: b"computed again"))

    second = threading.Thread(target=ask)

    def compute() -> bytes:
        second.start()
        second.join(0.05)  # an answer that it computed itself would be there by then
        return b"computed once"

    assert digests.of(b"key", compute) == b"computed once"
    second.join()
    assert answers == [b"computed once"]
    digests.close()


@pytest.mark.parametrize("damaged", [1 << 62, "no bytes", None, 0.5])
def test_what_is_remembered_in_another_type_is_computed_again(
    tmp_path: Path, damaged: object
) -> None:
    KnownDigests(tmp_path / "memory").close()
    with contextlib.closing(sqlite3.connect(tmp_path / "memory" / NAME)) as database, database:
        database.execute("DROP TABLE object")
        database.execute("CREATE TABLE object (files BLOB PRIMARY KEY, digests)")
        database.execute("INSERT INTO object VALUES (?, ?)", (b"key", damaged))
    digests = KnownDigests(tmp_path / "memory")
    expected = b"no bytes" if isinstance(damaged, str) else b"computed"
    assert digests.of(b"key", lambda: b"computed") == expected
    assert digests.of(b"key", lambda: b"not asked") == expected
    digests.close()


def test_a_library_may_span_several_drives(whole: Path, site: Path, tmp_path: Path) -> None:
    first, second = copied(whole, tmp_path / "first"), tmp_path / "second"
    for number, folder in enumerate(sorted((first / "FileLib").iterdir())):
        if number % 2:
            (second / "FileLib").mkdir(parents=True, exist_ok=True)
            folder.rename(second / "FileLib" / folder.name)
    assert published(first, tmp_path / "part").refused
    assert published([second, first], site).refused == ()
    published(whole, tmp_path / "plain")
    assert files_below(site) == files_below(tmp_path / "plain")
    with pytest.raises(ConfigError, match="PkgLib and DataLib"):
        published([second, second], site)


def test_the_latest_version_counts_and_an_older_one_is_refused(site: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    for version in (9, 12, 2):
        write_content(library, f"{package(1)}.{version}", {"file": b"%d" % version})
    assert [each.version for each in published(library, site).new] == [12]
    older = tmp_path / "older"
    write_content(older, f"{package(1)}.9", {"file": b"9"})
    (refused,) = published(older, site).refused
    assert (refused.code, "already at version 12" in refused.message) == ("config", True)
    assert published(older, site, replace=True).changed
    assert catalog_of(site)[package(1)]["version"] == 9


def test_other_content_of_the_same_version_is_refused_unless_it_is_meant(
    site: Path, tmp_path: Path
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    write_content(one, f"{package(1)}.1", {"file": b"one"})
    write_content(other, f"{package(1)}.1", {"file": b"other"})
    published(one, site)
    assert "already has other content" in published(other, site).refused[0].message
    assert "already has other content" in published(other, site, dry_run=True).refused[0].message
    assert published(other, site, replace=True).changed
    assert published_tree(from_folder(site), package(1)) == {"file": b"other"}


def test_an_object_that_a_site_has_lost_is_written_again(whole: Path, site: Path) -> None:
    published(whole, site)
    before = files_below(site)
    lost = max((site / "objects").iterdir())
    length = lost.stat().st_size
    lost.unlink()
    manifest = max((site / "manifests").iterdir())
    manifest.write_bytes(b"short")
    again = published(whole, site)
    assert (again.objects_written, again.written_bytes, again.documents_written) == (1, length, 1)
    assert files_below(site) == before


def test_of_what_is_unchanged_only_lengths_are_looked_at(whole: Path, site: Path) -> None:
    """To read a site of terabytes each night is not what publishing is for; `verify_site` does."""
    published(whole, site)
    damaged = max((site / "objects").iterdir())
    damaged.write_bytes(bytes(damaged.stat().st_size))
    assert published(whole, site).unchanged == CONTENTS
    assert verify_site(str(site)).faults


def test_documents_alone_need_no_content(whole: Path, site: Path, tmp_path: Path) -> None:
    library = copied(whole, tmp_path / "library")
    shutil.rmtree(library / "FileLib")
    (library / "FileLib").mkdir()
    done = published(library, site, documents_only=True)
    assert (len(done.new), done.objects_written, (site / "objects").exists()) == (
        CONTENTS,
        0,
        False,
    )
    assert published(library, site, documents_only=True).documents_written == 0


def test_what_a_pruning_may_have_removed_meanwhile_is_looked_at_again(
    whole: Path, site: Path, tmp_path: Path
) -> None:
    """Fault: a site is pruned while a library is published to it. dlcore looks at all objects again
    before the catalog names them.
    """
    target = FolderDestination(site)
    catalog = IntoCatalog(
        *(target, UnsignedCatalog(target), {}), replace=False, policy=DEFAULT_POLICY, now=now_utc
    )
    digests = KnownDigests(tmp_path / "memory")
    publisher = ContentPublisher(target, LibraryOptions((whole,), BLOCK), DEFAULT_POLICY, digests)
    rounds: list[int] = []

    def doing(jobs: Iterable[Job]) -> Iterator[ContentOutcome]:
        """Is ahead of what is entered: by all contents, when the pruning comes."""
        done = [publisher.publish(job) for job in jobs]
        if not rounds:
            marking = Marking(target, DEFAULT_POLICY, now_utc)
            marking.hold()
            shutil.rmtree(site / "objects")
            marking.end()
        rounds.extend(each.round for each in done if isinstance(each, Done))
        yield from done

    contents = list_contents([whole], 4)
    done = WholeLibrary(contents, {}, catalog, ALL, OFTEN, lambda *_: None).run(doing)
    digests.close()
    assert rounds == [0] * CONTENTS + [1] * CONTENTS
    assert len(done.new) == CONTENTS
    assert not verify_site(str(site)).faults
