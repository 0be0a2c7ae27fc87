"""Targets for what a published site holds beside manifests and its catalog."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from dlcore.errors import ManifestError
from dlcore.publish.history import decode_history, seen
from dlcore.publish.library.shards import Shard, decode_part
from dlcore.publish.prune_mark import decode_mark
from tests.fuzz.target import target

SITE = "site"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NAMED = {"ab" * 32}
SHARD = Shard(1, 4)


@target(ManifestError)
def site_history(data: bytes) -> None:
    """Whatever it tells, it can be continued, and what is written then can be read."""
    history = decode_history(data, SITE)
    continued = seen(history, NAMED, (), NOW)
    assert continued.manifests >= NAMED
    assert decode_history(msgspec.json.encode(continued), SITE) == continued


@target(ManifestError)
def prune_mark(data: bytes) -> None:
    mark = decode_mark(data, SITE)
    assert all(until <= NOW or until > NOW for until in mark.until.values())
    assert decode_mark(msgspec.json.encode(mark), SITE) == mark


@target(ManifestError)
def catalog_part(data: bytes) -> None:
    part = decode_part(data, SHARD, SITE)
    assert part.shard == SHARD
    assert decode_part(msgspec.json.encode(part), SHARD, SITE) == part
