"""Private keys in files: made, written, read. The cryptography is securesystemslib's.

Guarantees: a key file is never replaced; only its owner may read it; it is on the disk before
anything is signed with it. Neither a key nor a passphrase is in any message.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.signer import CryptoSigner, Key, SSlibKey

from dlcore.disk.faults import storage_error
from dlcore.disk.ownership import followed, how_to_close, is_open_to_others
from dlcore.disk.private_folder import make_missing, open_file, place_anywhere
from dlcore.disk.system import sync, sync_folder
from dlcore.errors import ConfigError, NotFoundError
from dlcore.plain_files import buffered

MAX_KEY_BYTES = 64 << 10
MAX_PASSPHRASE_BYTES = 1023  # of OpenSSL
PUBLIC_FILE_MODE = 0o644


def check_passphrase(passphrase: bytes | None) -> None:
    """Refuse a passphrase with which no key can be encrypted.

    Raises:
        ConfigError: It is empty or too long. The message does not repeat it.
    """
    if passphrase is not None and not 0 < len(passphrase) <= MAX_PASSPHRASE_BYTES:
        raise ConfigError(
            f"a passphrase of {len(passphrase)} bytes cannot be used",
            remedy=f"Give one of 1 to {MAX_PASSPHRASE_BYTES} bytes, or none.",
        )


def write_new_key(path: Path, passphrase: bytes | None) -> CryptoSigner:
    """Make an Ed25519 key and write it to a new private file.

    Args:
        path: The file; its folder is made, and is private.
        passphrase: Encrypts the key; None to write it as it is.

    Raises:
        ConfigError: The file exists already.
        StorageError: It cannot be written.
    """
    signer = CryptoSigner.generate_ed25519()
    write_new(path, _pem(signer, passphrase), is_public=False)
    return signer


def write_new(path: Path, content: bytes, *, is_public: bool) -> None:
    """Write a file that must not exist yet, and sync it.

    Args:
        path: The file; its folder is made, and is private.
        content: Its bytes.
        is_public: Whether others may read it, whatever the umask allows, as far as they may open
            the folder.

    Raises:
        ConfigError: The file exists already.
        OwnershipError: Another user has planted a link that leads to its folder.
        StorageError: It cannot be written.
    """
    try:
        followed(path.parent)
        make_missing(path.parent)
        with os.fdopen(_open_new(path, is_public=is_public), "wb") as file:
            file.write(content)
            file.flush()
            sync(file.fileno())
        sync_folder(path.parent)
    except FileExistsError:
        raise ConfigError(
            f"{path} exists already, and a key is never replaced",
            remedy="Name another folder, or move the file away if nothing is signed with it.",
        ) from None
    except OSError as error:
        raise storage_error(error, "write a key", path) from error


def _open_new(path: Path, *, is_public: bool) -> int:
    if not is_public:
        return open_file(path, place_anywhere(path), os.O_WRONLY | os.O_EXCL, create=True)
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
    fd = os.open(path, flags, PUBLIC_FILE_MODE)
    if hasattr(os, "fchmod"):
        os.fchmod(fd, PUBLIC_FILE_MODE)
    return fd


def load_signers(paths: Iterable[Path], passphrase: bytes | None) -> list[CryptoSigner]:
    """Read private keys.

    Args:
        paths: PEM files (PKCS #8).
        passphrase: Decrypts those that are encrypted; None if none is.

    Raises:
        NotFoundError: A file does not exist.
        ConfigError: A file is not a private key, others may read it, or the passphrase is wrong.
    """
    return [_load_signer(path, passphrase) for path in paths]


def load_key(path: Path, passphrase: bytes | None) -> Key:
    """Read the public half of a key from a PEM file with either half.

    Raises:
        NotFoundError: The file does not exist.
        ConfigError: It is not a key of a kind that can be used.
    """
    content = read_public(path)
    if b"PRIVATE KEY" in content:
        return _load_signer(path, passphrase).public_key
    try:
        return SSlibKey.from_crypto(load_pem_public_key(content))
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(
            f"{path} is not a public key that can be used",
            remedy="Name a PEM file with an Ed25519, ECDSA or RSA public key.",
        ) from None


def read_public(path: Path, max_bytes: int = 512_000) -> bytes:
    """Read a file that does not hold a secret.

    Raises:
        NotFoundError: It does not exist.
        ConfigError: It cannot be read.
    """
    return _read(path, max_bytes)


def read_private(path: Path) -> bytes:
    """Read a file with a secret.

    Raises:
        NotFoundError: It does not exist.
        ConfigError: It cannot be read, or others may read it too.
    """
    return _read(path, MAX_KEY_BYTES, is_secret=True)


def _load_signer(path: Path, passphrase: bytes | None) -> CryptoSigner:
    content = read_private(path)
    is_encrypted = b"ENCRYPTED" in content
    if is_encrypted and passphrase is None:
        raise ConfigError(
            f"{path} is encrypted, and no passphrase is given",
            remedy="Give it with --passphrase-file, or in DLCORE_TRUST_PASSPHRASE.",
        )
    try:
        return CryptoSigner(load_pem_private_key(content, passphrase if is_encrypted else None))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError(
            f"{path} is not a private key that can be used"
            + (", or the passphrase is wrong" if is_encrypted else ""),
            remedy="Name a key that dlcore trust init has made.",
        ) from None


def _pem(signer: CryptoSigner, passphrase: bytes | None) -> bytes:
    if passphrase is None:
        return signer.private_bytes
    key = load_pem_private_key(signer.private_bytes, None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))


def _read(path: Path, max_bytes: int, *, is_secret: bool = False) -> bytes:
    try:
        with buffered(path) as file:
            if is_secret and is_open_to_others(path, file.fileno()):
                raise ConfigError(
                    f"{path} holds a secret, but is open to other users",
                    remedy=f"Run: {how_to_close(path)}; and replace the key if others may have"
                    " read it.",
                )
            return file.read(max_bytes)
    except FileNotFoundError:
        raise NotFoundError(f"{path} does not exist", remedy="Check the path.") from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}", remedy="Name a file that can be read."
        ) from None
