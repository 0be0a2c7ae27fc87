"""Publishes folders as packages, into a folder or an object store; checks and repairs these."""

from __future__ import annotations

from dlcore.publish.library.all_contents import ContentVersion, PublishedLibrary
from dlcore.publish.library.joining import JoinedShards, join_shards
from dlcore.publish.library.one_content import Refusal
from dlcore.publish.library.publishing import publish_library
from dlcore.publish.library.shards import Shard, parse_shard
from dlcore.publish.progress import Progress, Stage
from dlcore.publish.pruning import Pruned, prune
from dlcore.publish.publishing import Published, publish
from dlcore.publish.repairing import Repaired, repair
from dlcore.publish.replaced import PrunedVersion
from dlcore.publish.site import SiteFault, SiteReport, verify_site
from dlcore.publish.stored import Wrong
from dlcore.publish.versions import PackageVersion, list_site, read_version

__all__ = [
    "ContentVersion",
    "JoinedShards",
    "PackageVersion",
    "Progress",
    "Pruned",
    "PrunedVersion",
    "Published",
    "PublishedLibrary",
    "Refusal",
    "Repaired",
    "Shard",
    "SiteFault",
    "SiteReport",
    "Stage",
    "Wrong",
    "join_shards",
    "list_site",
    "parse_shard",
    "prune",
    "publish",
    "publish_library",
    "read_version",
    "repair",
    "verify_site",
]
