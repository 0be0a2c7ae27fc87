"""Publishes folders as packages, into a folder or an object store; checks and repairs these."""

from __future__ import annotations

from dlcore.publish.progress import Progress, Stage
from dlcore.publish.pruning import Pruned, PrunedVersion, prune
from dlcore.publish.publishing import Published, publish
from dlcore.publish.repairing import Repaired, repair
from dlcore.publish.site import SiteFault, SiteReport, verify_site
from dlcore.publish.stored import Wrong
from dlcore.publish.versions import PackageVersion, list_site, read_version

__all__ = [
    "PackageVersion",
    "Progress",
    "Pruned",
    "PrunedVersion",
    "Published",
    "Repaired",
    "SiteFault",
    "SiteReport",
    "Stage",
    "Wrong",
    "list_site",
    "prune",
    "publish",
    "read_version",
    "repair",
    "verify_site",
]
