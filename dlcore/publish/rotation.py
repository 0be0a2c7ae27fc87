"""Replaces the root of a signed site, and its catalog if that cannot be trusted any more.

Guarantees: a catalog that is put in the place of the site's is noted in its history as any other
change (`noted_catalog`). It replaces nothing while the site is being pruned, and names only
manifests that are there.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dlcore.errors import DlcoreError, IntegrityError
from dlcore.model import CATALOG_KEY, manifest_key
from dlcore.publish.destination import Destination
from dlcore.publish.history import look, manifests_at, named_in
from dlcore.publish.policy import DEFAULT_POLICY, PublishPolicy
from dlcore.publish.prune_mark import Now, PruneWatch, now_utc

if TYPE_CHECKING:
    from dlcore.publish.signed_site import SignedSite
    from dlcore.trust.roots import RootChange

log = logging.getLogger("dlcore.publish")


def rotate(
    target: Destination,
    site: SignedSite,
    change: RootChange,
    catalog: bytes | None = None,
    policy: PublishPolicy = DEFAULT_POLICY,
    now: Now = now_utc,
) -> int:
    """Replace the root of a site; otherwise as `SignedSite.rotate`.

    Args:
        target: The site.
        site: It, with the keys.
        change: What the new root changes.
        catalog: The catalog document to sign in place of the site's; None to keep the site's.
        policy: For how long the mark of a pruning counts.
        now: This machine's clock.

    Returns:
        Version of the new root.

    Raises:
        IntegrityError: The catalog names a manifest that is not at the site.
        LockedError: A catalog is given, and the site is being pruned.
        ManifestError: The catalog, or the history of the site, is malformed.
    """
    if catalog is None:
        return site.rotate(change)
    watch = PruneWatch(target, policy, now)
    named = named_in(catalog, "the given catalog")

    def check() -> None:
        watch.check_not_under_way()
        if missing := sorted(named - manifests_at(target)):
            raise IntegrityError(
                f"the given catalog names a manifest that {target.name} does not have:"
                f" {missing[0]}",
                path=manifest_key(missing[0]),
                remedy="Give a catalog of what is there, or publish the folder again.",
            )

    # The old catalog may be anything. What it names counts as published until now.
    look(target, lambda: target.read_whole(CATALOG_KEY), now)
    version = site.rotate_with(change, catalog, check)
    try:
        look(target, lambda: catalog, now)
    except DlcoreError as error:  # the site is signed, and that is what was asked for
        log.warning("the next publisher notes what was replaced now: %s", error)
    return version
