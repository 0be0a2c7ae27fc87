"""The SHA-256 vectors of NIST's Cryptographic Algorithm Validation Program.

Source: "The Secure Hash Algorithm Validation System (SHAVS)", NIST, 2014; the files are those of
the ``cryptography_vectors`` distribution.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import cryptography_vectors

Digest = Callable[[bytes], bytes]


class Vector(NamedTuple):
    message: bytes
    digest: bytes


def _read(name: str) -> str:
    with cryptography_vectors.open_vector_file(f"hashes/SHA2/{name}", "r") as file:
        return str(file.read())


def messages() -> list[Vector]:
    """The short and the long messages; without the empty one, since no block is empty."""
    entries = re.findall(
        r"Len = (\d+)\s+Msg = (\w+)\s+MD = (\w+)",
        _read("SHA256ShortMsg.rsp") + _read("SHA256LongMsg.rsp"),
    )
    return [Vector(bytes.fromhex(m), bytes.fromhex(md)) for bits, m, md in entries if bits != "0"]


def monte_carlo() -> tuple[bytes, list[bytes]]:
    """The seed and its hundred checkpoints."""
    text = _read("SHA256Monte.rsp")
    seed, *checkpoints = re.findall(r"(?:Seed|MD) = (\w+)", text)
    return bytes.fromhex(seed), [bytes.fromhex(md) for md in checkpoints]


def monte_carlo_checkpoint(seed: bytes, digest: Digest) -> bytes:
    """A thousand digests, each of the last three: section 6.4 of the SHAVS."""
    last = [seed] * 3
    for _ in range(1000):
        last = [*last[1:], digest(b"".join(last))]
    return last[-1]
