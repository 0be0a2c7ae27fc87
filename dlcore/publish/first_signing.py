"""Makes the keys of a site and signs it for the first time.

Guarantees: a key is never replaced. A call that was killed is finished by the same call: until the
site is signed nothing depends on the keys that the killed one made, so they are made again.
"""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import Final

from dlcore.disk import system
from dlcore.disk.faults import storage_error
from dlcore.errors import ConfigError
from dlcore.model import TIMESTAMP_KEY
from dlcore.plain_files import read_plain
from dlcore.publish.destination import Destination
from dlcore.publish.signed_documents import sign_first
from dlcore.publish.signed_site import SignedSite, now_utc
from dlcore.trust.keys import write_new, write_new_key
from dlcore.trust.policy import Lifetimes
from dlcore.trust.roots import first_root
from dlcore.trust.signing import Signing
from dlcore.trust.signing_keys import ONLINE_KEYS, ROOT_KEY, ROOT_NAME, SigningKeys

log = logging.getLogger("dlcore.publish")

UNFINISHED: Final = ".unfinished"
"""A file beside the keys while a site is signed for the first time; it names the site."""


def sign_for_the_first_time(
    target: Destination, folder: Path, passphrase: bytes | None, lifetimes: Lifetimes
) -> Path:
    """Write keys to a folder, and sign a site with the catalog that it has.

    Args:
        target: The site.
        folder: For the keys and ``root.json``; it is made.
        passphrase: Encrypts the keys; None to write them as they are.
        lifetimes: Of what is signed.

    Returns:
        The root document, for clients to pin.

    Raises:
        ConfigError: A key is there already, or the site is signed.
        ManifestError: The site's catalog is malformed.
        StorageError: A file cannot be written.
        TransferError: The object store failed.
    """
    files = [folder / name for name in (ROOT_KEY, *ONLINE_KEYS, ROOT_NAME)]
    unfinished = folder / UNFINISHED
    is_signed = target.read_whole(TIMESTAMP_KEY) is not None
    if not _was_begun(unfinished, target):
        _refuse_to_replace(target, files, is_signed=is_signed)
        write_new(unfinished, target.name.encode(), is_public=False)
    elif not is_signed:
        log.warning("%s: keys of an interrupted call are made again", folder)
        for path in files:
            _remove(path)
    if not is_signed:
        _sign(target, files, passphrase, lifetimes)
    root = SigningKeys(read_plain(folder / ROOT_NAME), ())
    SignedSite(target, root).verify()  # so that this machine remembers what it has signed
    _remove(unfinished)
    return folder / ROOT_NAME


def _sign(
    target: Destination, files: list[Path], passphrase: bytes | None, lifetimes: Lifetimes
) -> None:
    *keys, root_file = files
    signers = [write_new_key(path, passphrase) for path in keys]
    root_key, targets_key, online_key = (signer.public_key for signer in signers)
    root = first_root(
        {
            "root": [root_key],
            "targets": [targets_key],
            "snapshot": [online_key],
            "timestamp": [online_key],
        },
        lifetimes,
    )
    signing = Signing([root], signers, now_utc())
    document = signing.root(root)
    write_new(root_file, document, is_public=True)
    sign_first(target, document, signing)


def _was_begun(unfinished: Path, target: Destination) -> bool:
    """Whether an earlier call for this site was interrupted."""
    try:
        return read_plain(unfinished) == target.name.encode()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise storage_error(error, "read the folder of the keys", unfinished) from error


def _refuse_to_replace(target: Destination, files: list[Path], *, is_signed: bool) -> None:
    if is_signed:
        raise ConfigError(
            f"{target.name} is signed already",
            remedy="Publish with its keys (--sign-with), or replace them with dlcore trust rotate.",
        )
    for path in files:
        if path.exists():
            raise ConfigError(
                f"{path} exists already, and a key is never replaced",
                remedy="Name another folder, or sign with the keys that are there.",
            )


def _remove(path: Path) -> None:
    try:
        with contextlib.suppress(FileNotFoundError):
            system.remove(path)
    except OSError as error:
        raise storage_error(error, "remove what is unfinished", path) from error
