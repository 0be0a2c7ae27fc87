"""What was published and when it was replaced is known, whoever is killed or comes late."""

from __future__ import annotations

import itertools
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.errors import ManifestError, StorageError
from dlcore.model import CATALOG_KEY
from dlcore.publish import list_site
from dlcore.publish.destination import Change, Destination
from dlcore.publish.destination import Stored as About
from dlcore.publish.folder import FolderDestination
from dlcore.publish.history import KEY, History, Standing, history_of, look, read_history, seen
from dlcore.publish.policy import PublishPolicy
from dlcore.publish.preparing import PublishOptions
from dlcore.publish.pruning import Pruning
from dlcore.publish.publishing import publish_to
from dlcore.publish.replaced import Limits
from dlcore.publish.site_catalog import UnsignedCatalog
from tests.publish.helpers import BLOCK, content, files_below, write_tree
from tests.publish.test_interruption import MOMENTS_APART, Fragile, InterruptionError

PACKAGE = "ABC00012"
DAY = timedelta(days=1)
NOW = datetime(2026, 5, 1, tzinfo=UTC)
ANY_AGE = PublishPolicy(stale_s=-1e9)  # nothing is too young to be removed


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What versions 1 to 5 are published from, by their numbers."""
    folder = tmp_path_factory.mktemp("sources")
    for version in range(1, 6):
        write_tree(folder / str(version), {"file": content(BLOCK, version)})
    return folder


def put(target: Destination, sources: Path, version: int, at: datetime) -> None:
    """Publish a version at a time."""
    options = PublishOptions(PACKAGE, version, BLOCK)
    publish_to(target, sources / str(version), options, lambda _: None, now=lambda: at)


def killed_before_the_catalog(site: Path, sources: Path, version: int) -> None:
    """Leave the manifest of a version that is never published."""

    class Killed(FolderDestination):
        def change(self, key: str, change: Change) -> None:
            raise InterruptionError

    with pytest.raises(InterruptionError):
        put(Killed(site), sources, version, NOW)


def pruned(site: Path, at: datetime, keep: int | None = None, days: float | None = None) -> Pruning:
    target = FolderDestination(site)
    limits = Limits(keep, None if days is None else days * DAY.total_seconds())
    return Pruning(
        target, lambda: target.read_whole("catalog.json"), limits, ANY_AGE, now=lambda: at
    )


def versions(site: Path) -> list[int]:
    return [each.version for each in list_site(str(site), with_earlier=True)]


def test_a_version_counts_as_replaced_from_when_the_catalog_named_another(
    tmp_path: Path, sources: Path
) -> None:
    """Fault: a publisher is killed after it stored its manifest, and the next version is published
    months later. dlcore counts the version before as replaced then, and keeps it for its time.
    """
    site, later = tmp_path / "site", datetime.now(UTC) + 200 * DAY
    put(FolderDestination(site), sources, 3, NOW)
    killed_before_the_catalog(site, sources, 4)
    put(FolderDestination(site), sources, 5, later)
    assert versions(site) == [3, 5]
    done = pruned(site, later + DAY, days=90).run()
    assert (done.versions, done.unpublished, done.kept_unpublished) == ((), (), 1)
    foretold = pruned(site, later + 90.5 * DAY, days=90).run(dry_run=True)
    assert ([each.version for each in foretold.versions], foretold.unpublished) == ([3], ())
    done = pruned(site, later + 92 * DAY, days=90).run()
    assert [each.version for each in (*done.versions, *done.unpublished)] == [3, 4]
    assert list(noted(site).published.values()) == [None]


def test_what_was_never_published_takes_the_place_of_no_version(
    tmp_path: Path, sources: Path
) -> None:
    """Fault: a publisher is killed after it stored its manifest. dlcore does not list that as a
    version, nor keep it in place of a published one.
    """
    site = tmp_path / "site"
    for version in (1, 2):
        put(FolderDestination(site), sources, version, NOW)
    for version in (3, 4):
        killed_before_the_catalog(site, sources, version)
    assert versions(site) == [1, 2]
    done = pruned(site, NOW, keep=2).run()
    assert (done.versions, done.kept_versions) == ((), 2)
    assert [each.version for each in done.unpublished] == [3, 4]
    assert versions(site) == [1, 2]


def test_what_was_stored_before_anything_was_noted_is_not_removed_on_a_guess(
    tmp_path: Path, sources: Path
) -> None:
    site = tmp_path / "site"
    for version in (1, 2, 3):
        put(FolderDestination(site), sources, version, NOW)
    (site / KEY).unlink()  # as earlier versions of dlcore leave it
    later = datetime.now(UTC) + DAY
    for limits in ({"keep": 2}, {"days": 0.0}, {"days": 9.0}):
        done = pruned(site, later, **limits).run(dry_run=True)
        assert (done.versions, done.kept_versions, done.unknown_versions) == ((), 3, 2)
    put(FolderDestination(site), sources, 4, later)
    assert versions(site) == [1, 2, 3, 4]
    done = pruned(site, later + 9 * DAY, keep=2).run()
    assert [each.version for each in done.versions] == [1, 2]


def test_what_an_earlier_dlcore_has_replaced_counts_from_when_that_is_seen(
    tmp_path: Path, sources: Path
) -> None:
    """Fault: a publisher of an earlier version of dlcore changes the catalog and notes nothing.
    dlcore counts what it replaced from the first look after it.
    """
    site, later = tmp_path / "site", datetime.now(UTC) + 100 * DAY
    put(FolderDestination(site), sources, 1, NOW)
    target = FolderDestination(site)
    options = PublishOptions(PACKAGE, 2, BLOCK)
    publish_to(target, sources / "2", options, lambda _: None, catalog=UnsignedCatalog(target))
    assert pruned(site, later, days=9).run().versions == ()
    assert pruned(site, later + 8 * DAY, days=9).run().versions == ()
    assert len(pruned(site, later + 10 * DAY, days=9).run().versions) == 1


def test_a_publisher_that_is_killed_at_any_moment_leaves_no_version_too_old(
    tmp_path: Path, sources: Path
) -> None:
    """Fault P1: a publisher is killed while it notes what it replaces. dlcore notes the rest later,
    and removes no version that was current within the time.
    """
    site = tmp_path / "site"
    put(FolderDestination(site), sources, 1, NOW)
    killed_at, late = datetime.now(UTC) + 100 * DAY, datetime.now(UTC) + 200 * DAY
    outcomes = set()
    for moments in itertools.count(0, MOMENTS_APART):
        trial = Path(shutil.copytree(site, tmp_path / f"trial {moments}"))
        is_killed = False
        try:
            put(Fragile(trial, moments), sources, 2, killed_at)
        except InterruptionError:
            is_killed = True
        current = [each.version for each in list_site(str(trial))]
        put(FolderDestination(trial), sources, 3, late)
        done = pruned(trial, late + DAY, days=50).run()
        removed = [each.version for each in done.versions]
        outcomes.add((*current, *removed))
        assert removed in ([], [1])
        if removed:  # the version before was replaced in time, and that was noted
            assert current == [2]
        assert pruned(trial, late + DAY, keep=2).run().kept_versions == 2
        shutil.rmtree(trial)
        if not is_killed:
            break
    assert outcomes == {(1,), (2,), (2, 1)} or MOMENTS_APART > 1


class Unwritable(FolderDestination):
    """A site that does not take a history."""

    def write(self, key, content, length_bytes, *, address=""):  # type: ignore[no-untyped-def]
        if key == KEY:
            raise StorageError("the disk failed")
        super().write(key, content, length_bytes, address=address)


def test_what_cannot_be_noted_after_the_change_does_not_undo_it(
    tmp_path: Path, sources: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault: the disk of a site fails after the catalog is changed, before that is noted. dlcore
    says that it has published, and the next publisher notes it.
    """
    site = tmp_path / "site"
    put(FolderDestination(site), sources, 1, NOW)
    put(Unwritable(site), sources, 2, NOW)
    assert "the next publisher notes what was replaced now: the disk failed" in caplog.text
    assert list(noted(site).published.values()) == [None]
    put(FolderDestination(site), sources, 2, NOW + DAY)
    assert sorted(noted(site).published.values(), key=str) == [NOW + DAY, None]


def test_nothing_is_replaced_if_that_cannot_be_noted(tmp_path: Path, sources: Path) -> None:
    site = tmp_path / "site"
    put(FolderDestination(site), sources, 1, NOW)
    (site / KEY).unlink()
    with pytest.raises(StorageError, match="the disk failed"):
        put(Unwritable(site), sources, 2, NOW)
    assert [each.version for each in list_site(str(site))] == [1]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{}",
        b'{"schema":2,"published":{},"unknown":{},"unpublished":{}}',
        b'{"schema":1,"published":{"a":"2026-05-01T00:00:00"},"unknown":{},"unpublished":{}}',
    ],
)
def test_a_history_that_cannot_be_read_stops_all(
    tmp_path: Path, sources: Path, document: bytes
) -> None:
    """Fault: the history of a site is damaged, or of a later dlcore. dlcore changes and removes
    nothing, and says what to do.
    """
    site = tmp_path / "site"
    put(FolderDestination(site), sources, 1, NOW)
    (site / KEY).write_bytes(document)
    before = files_below(site)
    with pytest.raises(ManifestError, match="not what this version of dlcore writes") as refused:
        put(FolderDestination(site), sources, 2, NOW)
    assert "earlier versions stay" in refused.value.remedy
    with pytest.raises(ManifestError):
        pruned(site, NOW + DAY, keep=1).run()
    with pytest.raises(ManifestError):
        versions(site)
    assert (site / KEY).read_bytes() == document
    assert before.items() <= files_below(site).items()
    assert [each.version for each in list_site(str(site))] == [1]


class Outgrown(FolderDestination):
    """A site whose history was shorter when its length was asked for."""

    is_first = True

    def find(self, key: str) -> About | None:
        about = super().find(key)
        if about and key == KEY and self.is_first:
            self.is_first = False
            return About(about.length_bytes - 5)
        return about


def test_a_history_that_is_replaced_while_it_is_read_is_read_again(
    tmp_path: Path, sources: Path
) -> None:
    site = tmp_path / "site"
    put(FolderDestination(site), sources, 1, NOW)
    assert read_history(Outgrown(site, ANY_AGE)) == noted(site)


def test_a_time_is_noted_after_the_catalog_was_read(tmp_path: Path, sources: Path) -> None:
    """Fault: a publisher stands still before it notes what it sees. dlcore notes the time at which
    it looked, not that at which it began.
    """
    target = FolderDestination(tmp_path)
    put(target, sources, 1, NOW)
    put(target, sources, 2, NOW)
    asked: list[str] = []

    def catalog() -> bytes | None:
        asked.append("catalog")
        return target.read_whole(CATALOG_KEY)

    def now() -> datetime:
        asked.append("clock")
        return NOW

    look(target, catalog, now)
    assert asked == ["catalog", "clock"]


CATALOGS = st.lists(st.tuples(st.sets(st.sampled_from("abcd")), st.booleans()), min_size=1)


@given(CATALOGS)
def test_law_of_looks(catalogs: list[tuple[set[str], bool]]) -> None:
    """However the catalog changes and whatever looks after it are missing: what it names counts as
    such, what it named is published, and that it names it no more is not noted too early.
    """
    history = seen(None, set(), set(), NOW)
    named, last_named = set[str](), dict[str, datetime]()
    for number, (following, is_killed) in enumerate(catalogs):
        at = NOW + number * DAY
        last_named |= dict.fromkeys(named, at)
        history = seen(history, named, set("abcd"), at)  # before each change
        named = following
        if not is_killed:
            history = seen(history, named, set("abcd"), at)
            assert seen(history, named, set("abcd"), at + DAY) == history
            assert {key for key, gone in history.published.items() if not gone} == named
    for key in last_named.keys() - named:
        assert history.standing(key) is Standing.PUBLISHED
        assert (history.published[key] or at) >= last_named[key]
    for key in set("abcd") - last_named.keys() - named:
        assert history.standing(key) is Standing.UNPUBLISHED


def noted(site: Path) -> History:
    history = history_of(FolderDestination(site))
    assert history is not None
    return history
