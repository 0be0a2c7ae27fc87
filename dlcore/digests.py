"""Digests of whole files as publishers give them: their names, and what each of them is worth.

dlcore's own documents have SHA-256 only. A file at a URL is verified by whatever digest its
publisher gives, as given. MD5 is not among them: anyone can make two files that share one.

Source: RFC 9530, section 5, and RFC 3174 for the names; RFC 7693 for BLAKE2b; Leurent and Peyrin,
"SHA-1 is a Shambles", for what SHA-1 is worth.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from hashlib import _Hash

SHA_256: Final = "sha-256"
FORGEABLE: Final = frozenset({"sha-1"})
"""Algorithms with which an attacker can make two files that share a digest."""

_BLAKE2B_BITS: Final = (256, 384, 512)
_LENGTHS: Final = {
    "sha-1": 20,
    "sha-224": 28,
    SHA_256: 32,
    "sha-384": 48,
    "sha-512": 64,
    **{f"blake2b-{bits}": bits // 8 for bits in _BLAKE2B_BITS},
}
_SPELLING = re.compile(r"(sha)-?(1|224|256|384|512)|(blake2b)(?:-?(256|384|512))?")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")


class Digest(NamedTuple):
    """A digest of a whole file.

    Attributes:
        algorithm: Its name, such as ``sha-512`` or ``blake2b-512``.
        value: Its bytes.
    """

    algorithm: str
    value: bytes

    def hash(self) -> _Hash:
        """A hash object of the algorithm, fed with nothing yet."""
        return _maker(self.algorithm)()

    @property
    def hex(self) -> str:
        """Its bytes in hex."""
        return self.value.hex()

    @property
    def title(self) -> str:
        """The algorithm's name as people write it: ``SHA-512``, ``BLAKE2b-512``."""
        return title(self.algorithm)

    @property
    def is_forgeable(self) -> bool:
        """Whether an attacker can make two files that share it."""
        return self.algorithm in FORGEABLE

    def __str__(self) -> str:
        """As `parse_digest` reads it."""
        return f"{self.algorithm}={self.hex}"


def strength(digest: Digest) -> int:
    """How much work a forgery would be, to compare digests by."""
    return 0 if digest.is_forgeable else len(digest.value)


def sha256_digest(value: bytes) -> Digest:
    """A SHA-256."""
    return Digest(SHA_256, value)


def title(algorithm: str) -> str:
    """An algorithm's name as people write it."""
    return algorithm.upper().replace("BLAKE2B", "BLAKE2b")


def algorithm_named(text: str) -> str:
    """The algorithm that a text means: ``SHA512``, ``sha-512``, ``BLAKE2b`` (of 512 bits).

    Raises:
        ValueError: dlcore does not know it. The text of the error says which ones it knows.
    """
    found = _SPELLING.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(f"has an algorithm that is not one of {', '.join(_LENGTHS)}")
    return f"sha-{found[2]}" if found[1] else f"blake2b-{found[4] or '512'}"


def digest_of_hex(algorithm: str, digits: str) -> Digest:
    """A digest in hexadecimal digits.

    Raises:
        ValueError: They are not as many as the algorithm's digests have, or not hexadecimal.
    """
    length_bytes = _LENGTHS[algorithm]
    if len(digits) != 2 * length_bytes or not _HEX.fullmatch(digits):
        raise ValueError(f"does not have the {2 * length_bytes} hexadecimal digits of {algorithm}")
    return Digest(algorithm, bytes.fromhex(digits))


def parse_digest(text: str) -> Digest:
    """Read ``ALGORITHM=HEX``.

    Raises:
        ValueError: It is not one that dlcore knows.
    """
    name, equals, digits = text.partition("=")
    if not equals:
        raise ValueError("is not ALGORITHM=HEX, such as sha-512=0123...")
    return digest_of_hex(algorithm_named(name), digits.strip())


def _maker(algorithm: str) -> Callable[[], _Hash]:
    if algorithm.startswith("blake2b-"):
        length_bytes = _LENGTHS[algorithm]
        return lambda: hashlib.blake2b(digest_size=length_bytes)  # type: ignore[return-value]
    if algorithm == "sha-1":
        return lambda: hashlib.sha1(usedforsecurity=False)
    return {
        "sha-224": hashlib.sha224,
        SHA_256: hashlib.sha256,
        "sha-384": hashlib.sha384,
        "sha-512": hashlib.sha512,
    }[algorithm]
