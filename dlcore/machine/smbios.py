"""The firmware's own description of the computer, as a table of structures.

Guarantees: bounded by the table; a damaged table gives what was read before the damage. Pure.

Source: DMTF DSP0134, "System Management BIOS (SMBIOS) Reference Specification", sections 6.1
(structures and their strings), 7.2 (type 1) and 7.4 (type 3).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Final, NamedTuple

from dlcore.machine.interface import Identity

_SYSTEM: Final = 1
_ENCLOSURE: Final = 3
_END_OF_TABLE: Final = 127
_HEADER_BYTES: Final = 4
_UUID_OFFSET: Final = 8
_UUID_BYTES: Final = 16


class _Structure(NamedTuple):
    kind: int
    fields: bytes
    strings: tuple[str, ...]

    def string(self, offset: int) -> str:
        """The string whose number is at an offset; empty if there is none."""
        number = self.fields[offset] if offset < len(self.fields) else 0
        return self.strings[number - 1].strip() if 0 < number <= len(self.strings) else ""


def identity_of(table: bytes) -> Identity:
    """What a table says about the computer.

    Args:
        table: All structures, one after the other.
    """
    first: dict[int, _Structure] = {}
    for structure in _structures(table):
        first.setdefault(structure.kind, structure)
    system, enclosure = (
        first.get(kind, _Structure(kind, b"", ())) for kind in (_SYSTEM, _ENCLOSURE)
    )
    return Identity(
        make=system.string(4),
        model=system.string(5),
        serial_number=system.string(7),
        asset_tag=enclosure.string(8),
        uuid=_uuid(system.fields[_UUID_OFFSET : _UUID_OFFSET + _UUID_BYTES]),
    )


def _structures(table: bytes) -> Iterator[_Structure]:
    at = 0
    while at + _HEADER_BYTES <= len(table):
        kind, length = table[at], table[at + 1]
        end = table.find(b"\0\0", at + length)
        if length < _HEADER_BYTES or end < 0 or kind == _END_OF_TABLE:
            return
        texts = table[at + length : end].split(b"\0")
        yield _Structure(
            kind, table[at : at + length], tuple(text.decode("utf-8", "replace") for text in texts)
        )
        at = end + 2


def _uuid(field: bytes) -> str:
    """Its first three parts are little-endian; all zeros and all ones mean that none is set."""
    if len(field) < _UUID_BYTES or set(field) in ({0}, {0xFF}):
        return ""
    return str(uuid.UUID(bytes_le=field)).upper()
