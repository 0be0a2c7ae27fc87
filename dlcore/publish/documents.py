"""Reads a document of a site, up to a length."""

from __future__ import annotations

from dlcore.publish.destination import Site


def read_document(site: Site, key: str, max_bytes: int) -> bytes | None:
    """Read a document of at most ``max_bytes``, or its beginning; None if there is none."""
    stored = site.find(key)
    if stored is None or not stored.length_bytes:
        return None if stored is None else b""
    return bytes(site.read(key, 0, min(stored.length_bytes, max_bytes + 1)))
