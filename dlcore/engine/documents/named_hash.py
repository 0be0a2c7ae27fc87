"""The package content hash that a user names."""

from __future__ import annotations

from dlcore.errors import ConfigError
from dlcore.manifest import is_content_hash


def check_named_hash(told: str) -> None:
    """Refuse what cannot be a package content hash.

    Raises:
        ConfigError: It does not have 64 hexadecimal digits.
    """
    if not is_content_hash(told):
        raise ConfigError(
            "the content hash does not have 64 hexadecimal digits",
            remedy="Give the Hash of DataLib/<content id>.INI; only hashes of SHA-256 are known.",
        )
