"""What a library has no more is withdrawn on purpose, and removed later by a pruning."""

from __future__ import annotations

import itertools
import os
import shutil
from pathlib import Path

import msgspec
import pytest

from dlcore.errors import ConfigError, LockedError
from dlcore.manifest import decode_catalog
from dlcore.model import CatalogEntry, manifest_key
from dlcore.publish import Shard, prune, verify_site
from dlcore.publish.destination import Destination
from dlcore.publish.folder import FolderDestination
from dlcore.publish.library.into_catalog import IntoCatalog
from dlcore.publish.policy import DEFAULT_POLICY
from dlcore.publish.prune_mark import Marking, now_utc
from dlcore.publish.site_catalog import UnsignedCatalog
from tests.publish.helpers import files_below, from_folder, make_history_older, published_tree
from tests.publish.library import write_content
from tests.publish.test_interruption import MOMENTS_APART, Fragile, InterruptionError
from tests.publish.whole import copied, package, published, tree, write_whole

PACKAGES = 7
GONE = (package(0), package(1))  # the first one has a file that others have too
DAY_S = 86_400


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that no test changes, and beside it the site of it, ``full``."""
    library = write_whole(tmp_path_factory.mktemp("withdrawing") / "library", PACKAGES)
    published(library, library.with_name("full"))
    return library


@pytest.fixture
def site(whole: Path, tmp_path: Path) -> Path:
    """The site of the whole library, as it was a month ago."""
    site = Path(shutil.copytree(whole.with_name("full"), tmp_path / "site"))
    make_older(site, 30)
    return site


@pytest.fixture
def library(whole: Path, tmp_path: Path) -> Path:
    """The library without what is gone."""
    library = copied(whole, tmp_path / "library")
    for package_id in GONE:
        (library / "PkgLib" / f"{package_id}.INI").unlink()
    return library


def make_older(site: Path, days: float) -> None:
    for path in (each for each in site.rglob("*") if each.is_file()):
        then = path.stat().st_mtime - days * DAY_S
        os.utime(path, (then, then))
    make_history_older(site, days)


def entries(site: Path) -> dict[str, CatalogEntry]:
    return dict(decode_catalog((site / "catalog.json").read_bytes(), source="catalog").packages)


def is_whole(site: Path, entry: CatalogEntry) -> bool:
    """Whether a client that has the entry can fetch all of it."""
    manifest = site / manifest_key(entry.manifest)
    if not manifest.exists():
        return False
    objects = msgspec.json.decode(manifest.read_bytes())["objects"]
    return all((site / "objects" / each["name"]).exists() for each in objects)


def withdrawing(site: Path, target: Destination) -> tuple[str, ...]:
    catalog = UnsignedCatalog(target)
    into = IntoCatalog(
        target, catalog, entries(site), replace=False, policy=DEFAULT_POLICY, now=now_utc
    )
    return into.withdraw([each for each in GONE if each in into.known])


def test_what_is_gone_is_withdrawn_and_removed_after_its_grace(library: Path, site: Path) -> None:
    """Fault: a package is withdrawn from the catalog that a client began with. dlcore keeps its
    content for as long as a pruning says.
    """
    before = entries(site)
    told = published(library, site, withdraw_gone=2, dry_run=True)
    assert (told.withdrawn, entries(site)) == (GONE, before)
    done = published(library, site, withdraw_gone=2)
    assert (done.withdrawn, done.gone, done.unchanged) == (GONE, GONE, PACKAGES)
    assert (done.objects_written, done.documents_written) == (0, 1)
    assert entries(site) == {key: each for key, each in before.items() if key not in GONE}
    for how in ({"keep": 1}, {"older_than_s": 7.0 * DAY_S}, {"older_than_s": 0.0}):
        assert prune(str(site), **how).versions == ()  # it is young, though it is a month old
    make_older(site, 5)
    assert prune(str(site), keep=1, older_than_s=7.0 * DAY_S).versions == ()
    assert all(is_whole(site, before[each]) for each in GONE)
    make_older(site, 3)
    removed = prune(str(site), keep=1, older_than_s=7.0 * DAY_S)
    assert [each.package_id for each in removed.versions] == [*GONE]
    assert not verify_site(str(site)).faults
    assert verify_site(str(site)).unreferenced == ()
    assert published_tree(from_folder(site), package(5)) == tree(5)  # has a file that one had
    assert published(library, site).gone == ()


def test_a_withdrawal_that_is_killed_at_any_moment_leaves_a_valid_site_and_is_made_good(
    site: Path, tmp_path: Path
) -> None:
    """Fault P1: dlcore is killed while it withdraws packages from a site, or before their content
    is pruned. Clients with either catalog find everything, and the next call does the rest.
    """
    before, outcomes = entries(site), set()
    for moments in itertools.count(0, MOMENTS_APART):
        trial = Path(shutil.copytree(site, tmp_path / f"trial {moments}"))
        try:
            withdrawing(trial, Fragile(trial, moments))
            is_killed = False
        except InterruptionError:
            is_killed = True
        outcomes.add(len(entries(trial)))
        assert not verify_site(str(trial)).faults
        prune(str(trial), older_than_s=7.0 * DAY_S)
        assert all(is_whole(trial, before[each]) for each in before)
        withdrawing(trial, FolderDestination(trial))
        assert set(entries(trial)) == set(before) - set(GONE)
        shutil.rmtree(trial)
        if not is_killed:
            break
    assert outcomes == {len(before), len(before) - len(GONE)}


@pytest.mark.parametrize("number", [1, 3])
def test_another_number_than_is_gone_withdraws_and_publishes_nothing(
    library: Path, site: Path, number: int
) -> None:
    write_content(library, "ABC00777.1", {"file": b"new"})
    before = files_below(site)
    with pytest.raises(ConfigError, match=f"2 contents of .* left the library, not {number}"):
        published(library, site, withdraw_gone=number)
    assert files_below(site) == before


def test_a_library_that_is_read_in_part_withdraws_nothing(library: Path, site: Path) -> None:
    """Fault: a file of a content library that lists contents cannot be read, so that these seem to
    be gone. dlcore withdraws nothing.
    """
    (library / "PkgLib" / "ABC0F001.INI").write_text("[Packages]\n")  # lists an application
    with pytest.raises(ConfigError, match="what it has of ABC0F001 is not known"):
        published(library, site, withdraw_gone=3)
    shutil.move(library / "DataLib" / f"{package(3)}.1", library / "DataLib" / "moved")
    with pytest.raises(ConfigError, match="and of 1 more, is not known"):
        published(library, site, withdraw_gone=3)
    assert len(entries(site)) == PACKAGES + 2


def test_an_empty_library_withdraws_nothing(site: Path, tmp_path: Path) -> None:
    """Fault: the share with the content library is there, and empty. dlcore withdraws nothing."""
    for name in ("PkgLib", "DataLib", "FileLib"):
        (tmp_path / "empty" / name).mkdir(parents=True)
    with pytest.raises(ConfigError, match="the library is empty"):
        published(tmp_path / "empty", site, withdraw_gone=PACKAGES + 2)


def test_a_shard_withdraws_nothing(library: Path, site: Path) -> None:
    with pytest.raises(ConfigError, match="does not see all that is gone"):
        published(library, site, withdraw_gone=1, shard=Shard(1, 2))


def test_what_another_publisher_enters_meanwhile_stays(whole: Path, site: Path) -> None:
    target = FolderDestination(site)
    into = IntoCatalog(
        *(target, UnsignedCatalog(target), entries(site)),
        replace=False,
        policy=DEFAULT_POLICY,
        now=now_utc,
    )
    newer = whole.with_name("newer")
    write_content(newer, f"{GONE[0]}.2", {"file": b"newer"})
    published(newer, site)
    assert into.withdraw(GONE) == GONE[1:]
    assert entries(site)[GONE[0]].version == 2


def test_nothing_is_withdrawn_while_the_site_is_pruned(site: Path) -> None:
    target = FolderDestination(site)
    into = IntoCatalog(
        *(target, UnsignedCatalog(target), entries(site)),
        replace=False,
        policy=DEFAULT_POLICY,
        now=now_utc,
    )
    marking = Marking(FolderDestination(site), DEFAULT_POLICY, now_utc)
    marking.hold()
    with pytest.raises(LockedError):
        into.withdraw(GONE)
    assert set(GONE) <= set(entries(site))
    marking.end()
    assert into.withdraw(GONE) == GONE  # though the site was pruned since it began


def test_a_manifest_that_is_damaged_is_withdrawn_as_it_is(site: Path) -> None:
    manifest = site / manifest_key(entries(site)[GONE[0]].manifest)
    manifest.write_bytes(b"damaged")
    stored_ns = manifest.stat().st_mtime_ns
    assert withdrawing(site, FolderDestination(site)) == GONE
    assert (manifest.read_bytes(), manifest.stat().st_mtime_ns) == (b"damaged", stored_ns)
