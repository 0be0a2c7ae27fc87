"""The keys at hand for one command, and the root that says what they count for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from securesystemslib.signer import CryptoSigner

from dlcore.errors import NotFoundError
from dlcore.trust.keys import load_signers
from dlcore.trust.pinned_root import read_root

ROOT_KEY: Final = "root.pem"  # lies offline
ONLINE_KEYS: Final = ("targets.pem", "online.pem")
ROOT_NAME: Final = "root.json"


class SigningKeys(NamedTuple):
    """Private keys, and the root document that the publisher trusts.

    Attributes:
        root: The root document.
        signers: The keys.
    """

    root: bytes
    signers: tuple[CryptoSigner, ...]


def load_signing_keys(
    places: Sequence[Path], passphrase: bytes | None, *, root: Path | None = None
) -> SigningKeys:
    """Read private keys and the root document.

    Args:
        places: PEM files, or folders with the keys that ``dlcore trust init`` makes; of a folder
            the root key is not read.
        passphrase: Decrypts the keys that are encrypted; None if none is.
        root: The root document; None for ``root.json`` beside the first key.

    Raises:
        ConfigError: A key cannot be used.
        NotFoundError: A key or the root does not exist.
        TrustError: The root is not a root document.
    """
    paths = [path for place in places for path in _keys_at(place)]
    root = root or paths[0].parent / ROOT_NAME
    document = read_root(root)
    return SigningKeys(document, tuple(load_signers(paths, passphrase)))


def _keys_at(place: Path) -> list[Path]:
    if not place.is_dir():
        return [place]
    found = [place / name for name in ONLINE_KEYS if (place / name).is_file()]
    if not found:
        raise NotFoundError(
            f"there is no key in {place}",
            remedy=f"It should hold {' and '.join(ONLINE_KEYS)}, or name the keys one by one.",
        )
    return found
