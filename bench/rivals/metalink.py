"""Metalink 4 documents. Source: RFC 5854."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from bench.rivals.supplies import Supplies

PIECE_BYTES = 1 << 20


def metalink(supplies: Supplies, urls: Mapping[str, Sequence[str]]) -> bytes:
    """What describes some files: their lengths, the digests of them and of their pieces.

    Args:
        supplies: The files.
        urls: Where each is, the best first.
    """
    files = "".join(_file(supplies, name, places) for name, places in urls.items())
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    kind = "urn:ietf:params:xml:ns:metalink"
    return f'{head}<metalink xmlns="{kind}">{files}</metalink>'.encode()


def _file(supplies: Supplies, name: str, places: Sequence[str]) -> str:
    content = supplies.files[name]
    pieces = "".join(
        f"<hash>{hashlib.sha256(content[at : at + PIECE_BYTES]).hexdigest()}</hash>"
        for at in range(0, len(content), PIECE_BYTES)
    )
    return (
        f'<file name="{name}"><size>{len(content)}</size>'
        f'<hash type="sha-256">{supplies.sha256(name)}</hash>'
        f'<pieces length="{PIECE_BYTES}" type="sha-256">{pieces}</pieces>'
        + "".join(f'<url priority="{at}">{url}</url>' for at, url in enumerate(places, 1))
        + "</file>"
    )
