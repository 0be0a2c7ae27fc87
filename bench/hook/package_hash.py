"""The hash that the emulated engine expects of a package, and compares what it gets with."""

from __future__ import annotations

from pathlib import Path

from dlcore.manifest import content_hash
from dlcore.store import folder_digests


def package_hash(folder: Path) -> str:
    """ConfigMgr's package content hash of a folder, in upper-case hex."""
    return content_hash(folder_digests(folder))
