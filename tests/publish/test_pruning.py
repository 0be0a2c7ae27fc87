"""Old versions are removed, whatever happens meanwhile, and nothing that is needed."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from dlcore.errors import (
    ConfigError,
    DiskFullError,
    IntegrityError,
    LockedError,
    ManifestError,
    NotFoundError,
)
from dlcore.publish import list_site, prune, publish, verify_site
from dlcore.publish.destination import Change, Destination
from dlcore.publish.folder import FolderDestination
from dlcore.publish.policy import PublishPolicy
from dlcore.publish.preparing import PublishOptions
from dlcore.publish.prune_mark import KEY, Mark, read_mark
from dlcore.publish.pruning import Pruning
from dlcore.publish.publishing import publish_to
from dlcore.publish.replaced import Limits
from tests.publish.helpers import BLOCK, content, from_folder, published_tree, write_tree
from tests.publish.test_interruption import MOMENTS_APART, Fragile, InterruptionError

DAY_S = 86_400
NOW = datetime.now(UTC)
POLICY = PublishPolicy(stale_s=0.0, removed_at_once=2)


def published(root: Path, versions: int = 4) -> Path:
    """A site: each version of ABC00012 has a file of its own, and one that all have."""
    shared = content(3 * BLOCK, 99)
    for version in range(1, versions + 1):
        source = root / f"source {version}"
        write_tree(source, {"own": content(2 * BLOCK + version, version), "shared": shared})
        publish(
            source,
            package_id="ABC00012",
            version=version,
            destination=str(root / "site"),
            block_bytes=BLOCK,
        )
    other = write_tree(root / "other", {"file": content(BLOCK, 7), "shared": shared})
    publish(other, package_id="ABC00013", destination=str(root / "site"), block_bytes=BLOCK)
    age(root / "site", days=30)
    return root / "site"


def age(site: Path, days: float) -> None:
    """Make everything as old as that."""
    then = NOW.timestamp() - days * DAY_S
    for path in site.rglob("*"):
        os.utime(path, (then, then))


def versions(site: Path) -> list[tuple[str, int]]:
    return [(each.package_id, each.version) for each in list_site(str(site), with_earlier=True)]


def files(site: Path) -> set[str]:
    return {p.relative_to(site).as_posix() for p in site.rglob("*") if p.is_file()} - {KEY}


def check(site: Path) -> None:
    """The site is valid, and each version that it lists is whole."""
    assert not verify_site(str(site)).faults
    for path in (site / "manifests").iterdir():
        for item in msgspec.json.decode(path.read_bytes())["objects"]:
            assert (site / "objects" / item["name"]).exists()


def pruning(site: Path, target: Destination | None = None) -> Pruning:
    place = target or FolderDestination(site)
    return Pruning(place, lambda: place.read_whole("catalog.json"), Limits(1, None), POLICY)


def test_only_what_no_kept_version_needs_is_removed(tmp_path: Path) -> None:
    site = published(tmp_path)
    foretold = prune(str(site), keep=2, dry_run=True)
    assert len(versions(site)) == 5
    assert not (site / KEY).exists()
    done = prune(str(site), keep=2)
    assert done == foretold
    assert [each.version for each in done.versions] == [1, 2]
    assert (done.objects, done.kept_versions, done.young_objects) == (2, 3, 0)
    assert versions(site) == [("ABC00012", 3), ("ABC00012", 4), ("ABC00013", 1)]
    check(site)
    assert verify_site(str(site)).unreferenced  # of version 3, which is kept
    assert prune(str(site), keep=2).versions == ()
    tree = published_tree(from_folder(site), "ABC00012")
    assert tree["shared"] == content(3 * BLOCK, 99)
    prune(str(site), keep=1)
    assert verify_site(str(site)).unreferenced == ()


def test_an_interruption_at_any_moment_leaves_a_valid_site_and_is_made_good(
    tmp_path: Path,
) -> None:
    """Fault P1: pruning is cut off at any moment. dlcore leaves a valid site, and the next pruning
    removes the rest.
    """
    site = published(tmp_path)
    whole = tmp_path / "whole"
    shutil.copytree(site, whole)
    pruning(whole).run()
    outcomes = set()
    for moments in itertools.count(0, MOMENTS_APART):
        trial = tmp_path / f"trial {moments}"
        shutil.copytree(site, trial)
        try:
            pruning(trial, target=Fragile(trial, moments)).run()
        except InterruptionError:
            pass
        else:
            break
        check(trial)
        outcomes.add(len(files(trial)))
        pruning(trial).run()
        assert files(trial) == files(whole)
        check(trial)
        shutil.rmtree(trial)
    assert (
        len(outcomes) == 7 or MOMENTS_APART > 1
    )  # nothing gone, or one more of 3 manifests and 3 objects


def test_what_is_young_stays(tmp_path: Path) -> None:
    site = published(tmp_path)
    left = next((site / "objects").iterdir())
    stray = left.with_name("0" * 64)
    stray.write_bytes(b"of a publisher at work")
    for path in (site / "manifests").iterdir():
        os.utime(path)
    done = prune(str(site), keep=1)
    assert done.versions == ()
    assert (done.objects, done.young_objects) == (0, 1)
    age(site, days=2)
    assert prune(str(site), keep=1).objects == 4
    assert not stray.exists()


class PrunedMeanwhile(FolderDestination):
    """A site at which something happens when the publisher has written its manifest."""

    def __init__(self, root: Path, happens: list[object]) -> None:
        super().__init__(root)
        self._happens = happens

    def write(self, key, content, length_bytes, *, address=""):  # type: ignore[no-untyped-def]
        if key.startswith("manifests/") and self._happens:
            self._happens.pop()()  # type: ignore[operator]
        super().write(key, content, length_bytes, address=address)


def test_a_publisher_writes_again_what_a_pruning_has_removed_meanwhile(tmp_path: Path) -> None:
    """Fault: a publisher finds an object, and a pruning removes it before the catalog names it.
    dlcore notices the pruning, and writes the object again.
    """
    site = published(tmp_path)
    source = tmp_path / "source 1"
    target = PrunedMeanwhile(site, [lambda: pruning(site).run()])
    done = publish_to(target, source, PublishOptions("ABC00012", 5, BLOCK), lambda _: None)
    assert done.objects_written == 1  # it was there at first
    assert published_tree(from_folder(site), "ABC00012")["own"] == content(2 * BLOCK + 1, 1)
    check(site)


class Asleep(FolderDestination):
    """A site at which something happens before a publisher changes the catalog."""

    def __init__(self, root: Path, happens: Callable[[], object]) -> None:
        super().__init__(root)
        self._happens: list[Callable[[], object]] = [happens]

    def change(self, key: str, change: Change) -> None:
        if self._happens:
            self._happens.pop()()
        super().change(key, change)


def test_a_publisher_that_stood_still_before_it_changes_the_catalog_looks_again(
    tmp_path: Path,
) -> None:
    """Fault: the machine of a publisher sleeps for days before it changes the catalog, and what it
    wrote is removed. dlcore notices the pruning, and writes it again.
    """
    site = published(tmp_path)
    source = write_tree(tmp_path / "new", {"file": content(3 * BLOCK, 50)})

    def sleep() -> None:
        age(site, days=2)
        assert prune(str(site), keep=1).objects == 4

    target = Asleep(site, sleep)
    done = publish_to(target, source, PublishOptions("ABC00012", 5, BLOCK), lambda _: None)
    assert done.objects_written == 1
    assert published_tree(from_folder(site), "ABC00012")["file"] == content(3 * BLOCK, 50)
    check(site)


def test_a_publisher_that_stood_still_does_not_change_the_catalog_of_a_site_that_is_pruned(
    tmp_path: Path,
) -> None:
    site = published(tmp_path)
    before = (site / "catalog.json").read_bytes()
    mark = Mark(1, "other", {"name": datetime.now(UTC) + timedelta(minutes=5)})
    target = Asleep(site, lambda: (site / KEY).write_bytes(msgspec.json.encode(mark)))
    with pytest.raises(LockedError, match="is being pruned"):
        publish_to(target, tmp_path / "source 1", PublishOptions("ABC00012", 5), lambda _: None)
    assert (site / "catalog.json").read_bytes() == before


def test_a_publisher_refuses_while_a_site_is_pruned(tmp_path: Path) -> None:
    site = published(tmp_path)
    source, options = tmp_path / "source 1", PublishOptions("ABC00012", 5, BLOCK)

    def mark(until: datetime) -> None:
        (site / KEY).write_bytes(msgspec.json.encode(Mark(1, "other", {"name": until})))

    now = datetime.now(UTC)  # not the module's: other tests may have taken minutes since
    begun = PrunedMeanwhile(site, [lambda: mark(now + timedelta(minutes=5))])
    with pytest.raises(LockedError, match="is being pruned") as refused:
        publish_to(begun, source, options, lambda _: None)
    assert "What is stored is not sent again" in refused.value.remedy
    assert versions(site)[3] == ("ABC00012", 4)
    assert not verify_site(str(site)).faults
    with pytest.raises(LockedError):
        publish_to(FolderDestination(site), source, options, lambda _: None)
    prune(str(site), keep=1)  # another pruning does not end the mark of the first
    with pytest.raises(LockedError):
        publish_to(FolderDestination(site), source, options, lambda _: None)
    later = now + timedelta(hours=1)
    publish_to(FolderDestination(site), source, options, lambda _: None, now=lambda: later)
    (site / KEY).write_bytes(b"{}")
    with pytest.raises(ManifestError, match="not what dlcore prune writes"):
        publish_to(FolderDestination(site), source, PublishOptions("ABC00012", 7), lambda _: None)


@pytest.mark.parametrize("ahead", [timedelta(minutes=26), timedelta(days=3650)])
def test_a_mark_from_a_clock_that_was_ahead_does_not_count(
    tmp_path: Path, ahead: timedelta
) -> None:
    """Fault: a pruning is killed on a machine whose clock is years ahead. dlcore publishes all the
    same, and the next pruning drops its mark.
    """
    site = published(tmp_path)
    source, target = tmp_path / "source 1", FolderDestination(site)
    dead = Mark(1, "other", {"name": NOW + ahead})
    (site / KEY).write_bytes(msgspec.json.encode(dead))
    publish_to(
        target, source, PublishOptions("ABC00012", 5, BLOCK), lambda _: None, now=lambda: NOW
    )
    Pruning(
        *(target, lambda: target.read_whole("catalog.json"), Limits(9, None), POLICY),
        now=lambda: NOW,
    ).run()
    assert pruning_is_over(site)


@pytest.mark.parametrize("ahead", [timedelta(minutes=-14), timedelta(minutes=24)])
def test_a_mark_from_a_clock_within_the_tolerance_counts(tmp_path: Path, ahead: timedelta) -> None:
    site = published(tmp_path)
    (site / KEY).write_bytes(msgspec.json.encode(Mark(1, "other", {"name": NOW + ahead})))
    options = PublishOptions("ABC00012", 5, BLOCK)
    with pytest.raises(LockedError):
        publish_to(
            *(FolderDestination(site), tmp_path / "source 1", options, lambda _: None),
            now=lambda: NOW,
        )


class Clock:
    """A clock that goes on by itself with each look at it."""

    def __init__(self, step_s: float) -> None:
        self._step = timedelta(seconds=step_s)
        self.now = NOW

    def __call__(self) -> datetime:
        self.now += self._step
        return self.now


def test_a_mark_is_written_again_while_a_pruning_takes_long(tmp_path: Path) -> None:
    site = published(tmp_path)
    target = FolderDestination(site)
    clock = Clock(POLICY.prune_mark_s / 4)
    limits = Limits(1, None)
    Pruning(target, lambda: target.read_whole("catalog.json"), limits, POLICY, clock).run()
    mark = read_mark(target)
    assert mark is not None
    assert mark.until == {}
    check(site)


def test_a_pruning_that_stood_still_removes_nothing_more(tmp_path: Path) -> None:
    """Fault: a machine sleeps while it prunes, and its mark runs out. dlcore removes nothing more,
    since others may have published.
    """
    site = published(tmp_path)
    before = files(site)
    target = FolderDestination(site)
    clock, limits = Clock(POLICY.prune_mark_s + 1), Limits(1, None)
    with pytest.raises(LockedError, match="stood still"):
        Pruning(target, lambda: target.read_whole("catalog.json"), limits, POLICY, clock).run()
    assert files(site) == before
    source, options = tmp_path / "source 1", PublishOptions("ABC00012", 5, BLOCK)
    publish_to(target, source, options, lambda _: None)  # the mark was ended


class Full(FolderDestination):
    """A site on a full disk: there is room for a file without content, until a file is removed."""

    has_room = False

    def __init__(self, root: Path, happens: Callable[[], object] = lambda: None) -> None:
        super().__init__(root, doing="prune")
        self._happens = happens

    def write(self, key, content, length_bytes, *, address=""):  # type: ignore[no-untyped-def]
        def full() -> Iterable[memoryview]:
            for data in content:
                if data and not self.has_room:
                    raise OSError(errno.ENOSPC, "No space left on device")
                yield data

        super().write(key, full(), length_bytes, address=address)

    def remove(self, keys: Sequence[str]) -> None:
        if not self.has_room:
            self._happens()
        super().remove(keys)
        self.has_room = True


def test_a_full_disk_is_pruned(tmp_path: Path) -> None:
    """Fault: the disk of a site is full, and has no room for the mark of a pruning. dlcore prunes
    with an empty mark, and nobody publishes meanwhile.
    """
    site = published(tmp_path)

    def refused() -> None:
        with pytest.raises(LockedError, match="because its disk is full"):
            publish_to(
                FolderDestination(site),
                tmp_path / "source 1",
                PublishOptions("ABC00012", 5),
                lambda _: None,
            )

    done = pruning(site, Full(site, refused)).run()
    assert [each.version for each in done.versions] == [1, 2, 3]
    assert pruning_is_over(site)
    check(site)


def test_a_pruning_of_a_full_disk_that_was_killed_is_made_good(tmp_path: Path) -> None:
    """Fault: a pruning of a full disk is killed, so that its mark says no time. dlcore publishes
    again after the next pruning, once the killed one would have ended.
    """
    site = published(tmp_path)
    (site / KEY).write_bytes(b"")
    source, options = tmp_path / "source 1", PublishOptions("ABC00012", 5, BLOCK)
    pruning(site).run()
    with pytest.raises(LockedError):
        publish_to(FolderDestination(site), source, options, lambda _: None)
    later = datetime.now(UTC) + timedelta(hours=1)
    publish_to(FolderDestination(site), source, options, lambda _: None, now=lambda: later)
    check(site)


def test_a_full_disk_is_not_pruned_while_another_pruning_is_under_way(tmp_path: Path) -> None:
    site = published(tmp_path)
    mark = msgspec.json.encode(Mark(1, "other", {"name": datetime.now(UTC)}))
    (site / KEY).write_bytes(mark)
    with pytest.raises(DiskFullError, match="cannot prune: No space") as refused:
        pruning(site, Full(site)).run()
    assert "then prune again" in refused.value.remedy
    assert (site / KEY).read_bytes() == mark


def test_a_damaged_manifest_of_an_earlier_version_goes_and_that_of_a_current_one_stops_all(
    tmp_path: Path,
) -> None:
    site = published(tmp_path)
    manifests = {
        each.version: site / "manifests" / f"{each.manifest}.json"
        for each in list_site(str(site), with_earlier=True)
        if each.package_id == "ABC00012"
    }
    manifests[1].write_bytes(b"{}")
    age(site, days=30)
    done = prune(str(site), keep=9)
    assert done.damaged == (f"manifests/{manifests[1].name}",)
    assert done.objects == 1
    manifests[4].write_bytes(b"{}")
    before = files(site)
    with pytest.raises(IntegrityError, match="ABC00012") as refused:
        prune(str(site), keep=1)
    assert "--repair" in refused.value.remedy
    assert files(site) == before


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_manifest_that_nobody_can_read_but_that_matches_its_name_stops_all(
    tmp_path: Path, dry_run: bool
) -> None:
    """Fault: a later dlcore has published a version with a manifest that this one cannot read.
    dlcore does not take it for damaged: it refuses to prune, and removes nothing.
    """
    site = published(tmp_path)
    oldest = min(list_site(str(site), with_earlier=True), key=lambda each: each.version)
    old = site / "manifests" / f"{oldest.manifest}.json"
    later = old.read_bytes().replace(b'"schema":2', b'"schema":9')
    old.unlink()
    manifest = site / "manifests" / f"{hashlib.sha256(later).hexdigest()}.json"
    manifest.write_bytes(later)
    age(site, days=30)
    before = files(site)
    with pytest.raises(ManifestError, match="schema 9 is not supported") as refused:
        prune(str(site), keep=5, dry_run=dry_run)
    assert f"manifests/{manifest.name}" in refused.value.message
    assert "latest version" in refused.value.remedy
    assert files(site) == before
    assert pruning_is_over(site)


def pruning_is_over(site: Path) -> bool:
    mark = read_mark(FolderDestination(site))
    return mark is None or not mark.until


def test_what_says_nothing_or_too_much_is_refused(tmp_path: Path) -> None:
    site = published(tmp_path, versions=1)
    with pytest.raises(ConfigError, match="which versions are old"):
        prune(str(site))
    with pytest.raises(ConfigError, match="cannot be kept"):
        prune(str(site), keep=0)
    with pytest.raises(NotFoundError):
        prune(str(tmp_path / "none"), keep=1)
    assert not (tmp_path / "none").exists()
    with pytest.raises(ConfigError):
        prune("https://host.example/site", keep=1)
