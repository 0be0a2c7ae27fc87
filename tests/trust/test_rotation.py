"""A catalog that is put in the place of a site's is noted, and meets no pruning."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dlcore.errors import IntegrityError, LockedError
from dlcore.model import CATALOG_KEY, TIMESTAMP_KEY, manifest_key
from dlcore.publish.destination import Change
from dlcore.publish.folder import FolderDestination
from dlcore.publish.history import history_of, named_in
from dlcore.publish.noted_catalog import NotedCatalog
from dlcore.publish.policy import DEFAULT_POLICY, PublishPolicy
from dlcore.publish.preparing import PublishOptions
from dlcore.publish.prune_mark import Marking
from dlcore.publish.pruning import Pruning
from dlcore.publish.publishing import publish_to
from dlcore.publish.replaced import Limits
from dlcore.publish.rotation import rotate
from dlcore.publish.signed_site import SignedSite
from dlcore.publish.site import verify_site
from dlcore.trust.roots import RootChange
from dlcore.trust.signing_keys import SigningKeys
from tests.publish.helpers import BLOCK
from tests.publish.test_interruption import InterruptionError
from tests.trust.site import PACKAGE, Site, key

ANY_AGE = PublishPolicy(stale_s=-1e9)  # nothing is too young to be removed
DAY = timedelta(days=1)
NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def published(site: Site, version: int, at: datetime) -> bytes:
    """The catalog of a version that is published and noted at a time."""
    source, options = content(site, version), PublishOptions(PACKAGE, version, BLOCK)
    catalog = NotedCatalog(site.target, site.opened(), lambda: at)
    publish_to(site.target, source, options, lambda _: None, catalog=catalog, now=lambda: at)
    document = site.read(CATALOG_KEY)
    for manifest in named_in(document, "site"):
        os.utime(site.folder / manifest_key(manifest), (at.timestamp(), at.timestamp()))
    return document


def content(site: Site, version: int) -> Path:
    """What a version is published from."""
    source = site.folder.parent / f"source {version}"
    source.mkdir()
    (source / "setup.exe").write_bytes(b"version %d" % version)
    return source


def rotated(site: Site, catalog: bytes, at: datetime) -> None:
    keys = (*site.keys, key("root"))
    rotate(site.target, site.opened(*keys), RootChange(), catalog, now=lambda: at)


def pruned(site: Site, limits: Limits, at: datetime) -> list[int]:
    pruning = Pruning(site.target, lambda: site.verified().catalog, limits, ANY_AGE, lambda: at)
    return [each.version for each in pruning.run().versions]


def test_what_a_rotation_replaces_counts_from_then(site: Site) -> None:
    """Fault: two rotations each put a catalog in the place of the site's. A pruning by age keeps
    the version between them.
    """
    _, second, third = (published(site, each, NOW - 300 * DAY + each * DAY) for each in (1, 2, 3))
    rotated(site, second, NOW - DAY)
    rotated(site, third, NOW)
    assert pruned(site, Limits(None, (90 * DAY).total_seconds()), NOW + timedelta(hours=1)) == [1]


def test_a_rotation_that_was_killed_before_it_was_noted_is_noted_by_the_next(site: Site) -> None:
    """Fault: a rotation is killed after it has put a catalog in the place of the site's. The next
    one notes that, so a pruning by age keeps the version between them.
    """
    _, second, third = (published(site, each, NOW - 300 * DAY + each * DAY) for each in (1, 2, 3))
    site.opened(*site.keys, key("root")).rotate_with(RootChange(), second)
    rotated(site, third, NOW)
    assert pruned(site, Limits(None, (90 * DAY).total_seconds()), NOW + timedelta(hours=1)) == [1]


def test_a_rotation_notes_when_it_replaced_what(site: Site) -> None:
    first, second = published(site, 1, NOW - DAY), published(site, 2, NOW - DAY)
    rotated(site, first, NOW)
    history = history_of(site.target)
    assert history
    assert [history.published[each] for each in named_in(second, "site")] == [NOW]
    assert [history.published[each] for each in named_in(first, "site")] == [None]


def test_a_rotation_notices_a_pruning_that_began_after_it(site: Site) -> None:
    """Fault: a pruning begins right before a rotation replaces the catalog. dlcore refuses that."""
    first, second = published(site, 1, NOW), published(site, 2, NOW)

    class Late(FolderDestination):
        def change(self, key: str, change: Change) -> None:
            if key == TIMESTAMP_KEY:
                Marking(site.target, DEFAULT_POLICY, lambda: NOW).hold()
            super().change(key, change)

    keys = SigningKeys(site.root.read_bytes(), (*site.keys, key("root")))
    memory = site.folder.parent / "another machine"
    late = SignedSite(Late(site.folder), keys, memory=memory, now=lambda: site.now)
    with pytest.raises(LockedError):
        rotate(site.target, late, RootChange(), first, now=lambda: NOW)
    assert site.read(CATALOG_KEY) == second


def test_a_rotation_puts_no_catalog_into_a_site_that_is_being_pruned(site: Site) -> None:
    """Fault: a catalog is put in the place of a site's while that is being pruned. dlcore refuses
    that, because what the catalog names may vanish.
    """
    first = published(site, 1, NOW)
    second = published(site, 2, NOW)
    marking = Marking(site.target, DEFAULT_POLICY, lambda: NOW)
    marking.hold()
    with pytest.raises(LockedError):
        rotated(site, first, NOW)
    marking.end()
    assert site.read(CATALOG_KEY) == second
    rotated(site, first, NOW)
    assert site.read(CATALOG_KEY) == first


def test_a_rotation_signs_no_catalog_of_what_is_not_there(site: Site) -> None:
    """Fault: a catalog names a version that the site has no more. A rotation refuses it."""
    first = published(site, 1, NOW)
    second = published(site, 2, NOW)
    assert pruned(site, Limits(1, None), NOW) == [1]
    with pytest.raises(IntegrityError, match="does not have"):
        rotated(site, first, NOW)
    assert site.verified().catalog == second


def test_what_the_copy_of_the_catalog_names_is_not_pruned(site: Site) -> None:
    """Fault: a publisher is killed after it signed, and before it copied the catalog for clients
    without a root. A pruning keeps what these clients need.
    """
    first = published(site, 1, NOW - 9 * DAY)

    class Killed(FolderDestination):
        def change(self, key: str, change: Change) -> None:
            if key == CATALOG_KEY:
                raise InterruptionError
            super().change(key, change)

    keys = SigningKeys(site.root.read_bytes(), tuple(site.keys))
    memory = site.folder.parent / "another machine"
    catalog = SignedSite(Killed(site.folder), keys, memory=memory, now=lambda: site.now)
    options, source = PublishOptions(PACKAGE, 2, BLOCK), content(site, 2)
    with pytest.raises(InterruptionError):
        publish_to(site.target, source, options, lambda _: None, catalog=catalog)
    assert site.read(CATALOG_KEY) == first
    assert pruned(site, Limits(1, None), NOW) == []
    assert not verify_site(str(site.folder)).faults
