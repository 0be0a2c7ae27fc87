"""Reads JSON strictly into structs: limited length, typed members, no repeated member.

Assumes structs that forbid unknown fields. The caller checks the ranges of numbers and the meaning.
"""

from __future__ import annotations

import json
import re
from typing import TypeVar

import msgspec

from dlcore.errors import ManifestError
from dlcore.manifest.refusal import printable

T = TypeVar("T")
MAX_COMPARED_BYTES = 8 << 20  # comparing needs a second copy: too much memory for longer documents

# Braces and strings of valid JSON. A string with a colon after it is a member's name.
_TOKEN = re.compile(rb'[{}]|"([^"\\]*+(?:\\.[^"\\]*+)*+)"([ \t\r\n]*+:)?+')


def parse(data: bytes, kind: type[T], *, max_bytes: int) -> T:
    """Decode a document.

    Args:
        data: The document.
        kind: The struct to decode it into.
        max_bytes: The longest document to accept.

    Raises:
        ManifestError: It is too long, or repeats a member.
        ValueError: It is not JSON of this kind.
        RecursionError: It is nested too deeply.
    """
    if len(data) > max_bytes:
        raise ManifestError(f"is {len(data)} bytes long; at most {max_bytes} are accepted")
    value = msgspec.json.decode(data, type=kind)
    # A document exactly as we write it repeats nothing, and comparing is the quicker check.
    if len(data) > MAX_COMPARED_BYTES or msgspec.json.encode(value) != data:
        _refuse_repeated_members(data)
    return value


def _refuse_repeated_members(data: bytes) -> None:
    # msgspec takes the last of two equal members; another reader may take the first.
    objects: list[set[bytes]] = []
    for token in _TOKEN.finditer(data):
        if token[2] is not None:
            name = token[1]
            if b"\\" in name:  # escapes allow several spellings of one name
                name = json.loads(b'"%b"' % name).encode(errors="surrogatepass")
            if name in objects[-1]:
                place = f"member '{printable(name.decode(errors='replace'))}'"
                raise ManifestError(f"{place} is given twice (byte {token.start()})")
            objects[-1].add(name)
        elif data[token.start()] == ord("{"):
            objects.append(set())
        elif data[token.start()] == ord("}"):
            objects.pop()
