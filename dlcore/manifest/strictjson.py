"""JSON read strictly into structs: limited length, typed members, none of them twice.

Assumes structs that forbid unknown fields. Ranges of numbers and all meaning are the caller's.
"""

from __future__ import annotations

import json
import re
from typing import TypeVar

import msgspec

from dlcore.errors import ManifestError
from dlcore.manifest.refusal import shown

T = TypeVar("T")
COMPARED_BYTES = 8 << 20  # a second copy of a longer document is not worth its memory

# Braces and strings of valid JSON; a string that a colon follows names a member.
_TOKEN = re.compile(rb'[{}]|"([^"\\]*+(?:\\.[^"\\]*+)*+)"([ \t\r\n]*+:)?+')


def parse(data: bytes, kind: type[T], *, limit_bytes: int) -> T:
    """Decode a document.

    Raises:
        ManifestError: It is too long or names a member twice.
        ValueError: It is not JSON of this kind.
        RecursionError: It is nested too deeply.
    """
    if len(data) > limit_bytes:
        raise ManifestError(f"{len(data)} bytes long, where at most {limit_bytes} are accepted")
    value = msgspec.json.decode(data, type=kind)
    # What we would write ourselves repeats nothing; that is found out in no time.
    if len(data) > COMPARED_BYTES or msgspec.json.encode(value) != data:
        _refuse_repeated_members(data)
    return value


def _refuse_repeated_members(data: bytes) -> None:
    # msgspec lets the last of two equal members win; another reader may believe the first.
    objects: list[set[bytes]] = []
    for token in _TOKEN.finditer(data):
        if token[2] is not None:
            name = token[1]
            if b"\\" in name:  # the same name can be written in many ways
                name = json.loads(b'"%b"' % name).encode(errors="surrogatepass")
            if name in objects[-1]:
                place = f"member '{shown(name.decode(errors='replace'))}'"
                raise ManifestError(f"{place} given twice (byte {token.start()})")
            objects[-1].add(name)
        elif data[token.start()] == ord("{"):
            objects.append(set())
        elif data[token.start()] == ord("}"):
            objects.pop()
