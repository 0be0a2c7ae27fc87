"""Which versions are old: by their numbers, and by when they were replaced."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dlcore.publish.history import Standing
from dlcore.publish.replaced import Limits, PrunedVersion, Stored, old_versions

DAY_S = 86_400
NOW = datetime(2026, 5, 1, tzinfo=UTC)


def stored(
    version: int,
    day: float,
    *,
    is_current: bool = False,
    package: str = "A",
    replaced: float | None = None,
    standing: Standing = Standing.PUBLISHED,
) -> Stored:
    """A version that was stored, and replaced, so many days ago; the latter at once if not said."""
    name = PrunedVersion(package, version, f"{version}-{day}")
    at = NOW - timedelta(days=day if replaced is None else replaced)
    known = (Standing.PUBLISHED, None) if is_current else (standing, at)
    return Stored(name, frozenset(), NOW - timedelta(days=day), is_current, *known)


def numbers(found: Iterable[Stored], keep: int | None, days: float | None = None) -> list[int]:
    limits = Limits(keep, None if days is None else days * DAY_S)
    return [each.version.version for each in old_versions(found, limits, NOW)]


def test_a_version_is_as_old_as_its_successor() -> None:
    found = [stored(1, 90, replaced=60), stored(2, 60, replaced=5), stored(3, 5, is_current=True)]
    assert numbers(found, None, 30) == [1]  # version 2 was replaced five days ago
    assert numbers(found, None, 1) == [1, 2]
    assert numbers(found, 2, 1) == [1]
    assert numbers(found, 1, 30) == [1]


def test_the_current_version_is_kept_though_its_number_is_lower() -> None:
    found = [stored(1, 5, is_current=True), stored(2, 60), stored(3, 50)]
    assert numbers(found, 1) == [2, 3]
    assert numbers(found, 2) == [2]


def test_a_version_is_not_replaced_by_what_was_only_stored() -> None:
    """Fault: a manifest is stored long before the catalog names it, or it never does. dlcore counts
    the version before as replaced when the catalog named another one, and not before.
    """
    joined = [stored(3, 200, replaced=0), stored(4, 10, is_current=True)]
    assert numbers(joined, None, 9) == []
    killed = stored(4, 100, replaced=10, standing=Standing.UNPUBLISHED)
    found = [stored(3, 300, replaced=0), killed, stored(5, 10, is_current=True)]
    assert numbers(found, None, 90) == []
    assert numbers(found, None, 9) == [4]


def test_a_version_does_not_count_as_replaced_before_the_next_one_was_stored() -> None:
    """Fault: the clock of a publisher is years behind when it notes what was replaced. dlcore
    counts from when the next manifest was stored, by the clock of the site.
    """
    found = [stored(3, 200, replaced=4000), stored(4, 2, is_current=True)]
    assert numbers(found, None, 9) == []


def test_what_was_never_published_is_not_one_of_the_versions_that_are_kept() -> None:
    left = [stored(each, 9, standing=Standing.UNPUBLISHED) for each in (4, 5)]
    found = [stored(2, 30), stored(3, 20), *left, stored(6, 1, is_current=True)]
    assert numbers(found, 2) == [2, 4, 5]
    assert numbers(found, 3) == [4, 5]


def test_what_nobody_knows_of_stays_until_so_many_newer_ones_are_known() -> None:
    unknown = [stored(each, 90, standing=Standing.UNKNOWN) for each in (1, 2)]
    found = [*unknown, stored(3, 1, is_current=True)]
    assert numbers(found, 2) == []
    assert numbers(found, 1) == [1, 2]
    known = [*unknown, stored(3, 20), stored(4, 1, is_current=True)]
    assert numbers(known, 2) == [1, 2]


def test_a_package_that_is_withdrawn_is_as_old_as_its_withdrawal() -> None:
    found = [stored(1, 90), stored(2, 5)]  # the manifest of the last one was stored anew
    assert numbers(found, 2) == [1, 2]
    assert numbers(found, None, 10) == []
    assert numbers(found, 2, 4) == [1, 2]


VERSIONS = st.lists(
    st.builds(
        stored,
        st.integers(1, 5),
        st.floats(0, 100),
        package=st.sampled_from("AB"),
        is_current=st.booleans(),
        replaced=st.floats(0, 100),
        standing=st.sampled_from(Standing),
    ),
    max_size=12,
)


@given(VERSIONS, st.integers(1, 6), st.floats(0, 100))
def test_law_of_old_versions(found: list[Stored], keep: int, days: float) -> None:
    """No current one goes, nor any that the catalog named within the days; at least so many that
    were published stay of what the catalog names, and stricter limits remove no less.
    """
    limits = Limits(keep, days * DAY_S)
    old = old_versions(found, limits, NOW)
    assert not any(each.is_current for each in old)
    for package in "AB":
        own = [each for each in found if each.version.package_id == package]
        gone = [each for each in old if each.version.package_id == package]
        is_named = any(each.is_current for each in own)
        known, lost = (
            [each for each in all_ if each.standing is Standing.PUBLISHED] for all_ in (own, gone)
        )
        assert len(known) - len(lost) >= (min(keep, len(known)) if is_named else 0)
    assert not any(
        each.unnamed_since > NOW - timedelta(days=days) for each in old if each.unnamed_since
    )
    fewer = old_versions(found, Limits(keep + 1, days * DAY_S), NOW)
    more = old_versions(found, Limits(keep, None), NOW)
    for subset, of in ((fewer, old), (old, more)):
        assert {id(each) for each in subset} <= {id(each) for each in of}
