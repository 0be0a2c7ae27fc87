"""Which versions of packages are old, by their number and by when they were replaced. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from dlcore.errors import ConfigError
from dlcore.publish.history import Standing


class PrunedVersion(msgspec.Struct, frozen=True, order=True):
    """A version that was removed, or would be.

    Attributes:
        package_id: ``ABC00012``.
        version: Source version.
        manifest: SHA-256 of its manifest document, hex.
    """

    package_id: str
    version: int
    manifest: str


class Limits(NamedTuple):
    """Which versions are old; as of `prune`."""

    keep: int | None
    older_than_s: float | None

    def check(self) -> None:
        """Refuse what would remove everything, or says nothing.

        Raises:
            ConfigError: They cannot be used.
        """
        if self.keep is None and self.older_than_s is None:
            raise ConfigError(
                "nothing says which versions are old",
                remedy="Say how many versions to keep (--keep), or how long ago they were replaced"
                " (--older-than), or both.",
            )
        if self.keep is not None and self.keep < 1:
            raise ConfigError(
                f"{self.keep} versions cannot be kept",
                remedy="Keep 1 or more: the current version always stays.",
            )


class Stored(NamedTuple):
    """A version whose manifest a site has.

    Attributes:
        version: What it is.
        objects: Keys of the objects that it needs, those of its patches too.
        stored_at: When its manifest was stored, by the site's clock.
        is_current: Whether the catalog names it.
        standing: Whether it was published.
        unnamed_since: Since when it is known that the catalog does not name it; None for a current
            version.
    """

    version: PrunedVersion
    objects: frozenset[str]
    stored_at: datetime
    is_current: bool
    standing: Standing = Standing.PUBLISHED
    unnamed_since: datetime | None = None


def old_versions(found: Iterable[Stored], limits: Limits, now: datetime) -> list[Stored]:
    """The versions to remove.

    The newest versions are those with the highest numbers; of several with the same number, the
    one stored last. Only what is known to be published counts as one of them. What was never
    published is not kept for its number; what nobody knows of stays until so many newer ones are
    known. Of a package that the catalog does not name, nothing is kept for its number.

    Args:
        found: All versions of a site.
        limits: Which are old.
        now: When that is asked.
    """
    old: list[Stored] = []
    by_package = sorted(found, key=lambda each: each.version.package_id)
    for _, group in itertools.groupby(by_package, key=lambda each: each.version.package_id):
        own = sorted(group, key=_newest_first)
        keep = (limits.keep or 0) if own[0].is_current else 0
        newer = 0  # of those that are known to be published
        for each in own:
            is_beyond = newer >= keep or each.standing is Standing.UNPUBLISHED
            if not each.is_current and is_beyond and _was_replaced(each, own, limits, now):
                old.append(each)
            newer += each.standing is Standing.PUBLISHED
    return sorted(old, key=lambda each: each.version)


def _newest_first(each: Stored) -> tuple[bool, int, float, str]:
    number, stored = each.version.version, each.stored_at.timestamp()
    return not each.is_current, -number, -stored, each.version.manifest


def _was_replaced(each: Stored, own: Sequence[Stored], limits: Limits, now: datetime) -> bool:
    if limits.older_than_s is None:
        return True
    if each.unnamed_since is None:
        return False
    # The clock of who noted it may have been behind: what came next was stored by the site's clock.
    later = [other.stored_at for other in own if other.stored_at > each.stored_at]
    replaced_at = max(each.unnamed_since, min(later, default=each.stored_at))
    return (now - replaced_at).total_seconds() > limits.older_than_s
