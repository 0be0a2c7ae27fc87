"""The root document that a user trusts, as a file."""

from __future__ import annotations

from pathlib import Path

from dlcore.trust.keys import read_public
from dlcore.trust.policy import DEFAULT_POLICY
from dlcore.trust.verification import Verification


def read_root(path: Path) -> bytes:
    """Read a root document.

    Args:
        path: The file.

    Raises:
        NotFoundError: It does not exist.
        ConfigError: It cannot be read.
        TrustError: It is not a root document that is signed by its own keys.
    """
    document = read_public(path, DEFAULT_POLICY.max_root_bytes)
    check_root(document, path)
    return document


def check_root(document: bytes, path: Path) -> None:
    """Refuse what is not a root document, before anything is asked for or written.

    Args:
        document: What a file holds.
        path: The file, for the message.

    Raises:
        TrustError: It is not a root document that is signed by its own keys.
    """
    Verification(document, None, None, source="", pinned_as=str(path))
