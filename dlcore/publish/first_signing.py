"""Makes the keys of a site and signs it for the first time.

Guarantees: a key is never replaced. A call that was killed is finished by the same call: until the
site is signed nothing depends on the keys that the killed one made, so they are made again. One
call at a time makes keys in a folder.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dlcore.disk import system
from dlcore.disk.faults import storage_error
from dlcore.disk.lock import FileLock
from dlcore.disk.ownership import followed
from dlcore.disk.private_folder import make_missing, open_file, place_anywhere
from dlcore.errors import ConfigError
from dlcore.model import TIMESTAMP_KEY
from dlcore.plain_files import read_plain
from dlcore.publish.destination import Destination
from dlcore.publish.signed_documents import sign_first
from dlcore.publish.signed_site import SignedSite, now_utc
from dlcore.trust.keys import check_passphrase, write_new, write_new_key
from dlcore.trust.pinned_root import read_root
from dlcore.trust.policy import Lifetimes
from dlcore.trust.roots import first_root
from dlcore.trust.signing import Signing
from dlcore.trust.signing_keys import ONLINE_KEYS, ROOT_KEY, ROOT_NAME, SigningKeys

log = logging.getLogger("dlcore.publish")

UNFINISHED: Final = ".unfinished"
"""A file beside the keys while a site is signed for the first time. It names the site, and whoever
makes the keys holds a lock on it."""


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
        ConfigError: A key is there already, the site is signed, or the passphrase cannot be used.
        ManifestError: The site's catalog is malformed.
        LockedError: Another process makes keys in the folder.
        StorageError: A file cannot be written.
        TransferError: The object store failed.
    """
    files = [folder / name for name in (ROOT_KEY, *ONLINE_KEYS, ROOT_NAME)]
    unfinished = folder / UNFINISHED
    check_passphrase(passphrase)
    if not unfinished.exists():
        _refuse_to_replace(target, files)  # before anything is made
    with _alone(unfinished):
        is_signed = target.read_whole(TIMESTAMP_KEY) is not None
        if not _was_begun(unfinished, target):
            _refuse_to_replace(target, files)
            _begin(unfinished, target)
        elif not is_signed:
            log.warning("%s: keys of an interrupted call are made again", folder)
            for path in files:
                _remove(path)
        elif not (folder / ROOT_NAME).exists():
            raise _signed_already_error(target)  # by others, before the interrupted call could
        if not is_signed:
            _sign(target, files, passphrase, lifetimes)
        root = SigningKeys(read_root(folder / ROOT_NAME), ())
        SignedSite(target, root).verify()  # so that this machine remembers what it has signed
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


@contextlib.contextmanager
def _alone(unfinished: Path) -> Iterator[None]:
    """Keep other processes from making keys; the file is deleted if nothing was raised."""
    try:
        followed(unfinished.parent)
        make_missing(unfinished.parent)
        lock = FileLock(unfinished, 0.0)
    except OSError as error:
        raise storage_error(error, "write a key", unfinished) from error
    with lock:
        yield
        if sys.platform != "win32":  # before the lock ends: after that it may be another process's
            _remove(unfinished)
    if sys.platform == "win32":  # no open file can be deleted there
        _remove(unfinished)


def _was_begun(unfinished: Path, target: Destination) -> bool:
    """Whether an earlier call for this site was interrupted, after it had noted the site."""
    try:
        return read_plain(unfinished) == target.name.encode()
    except OSError as error:
        raise storage_error(error, "read the folder of the keys", unfinished) from error


def _begin(unfinished: Path, target: Destination) -> None:
    """Note the site, durably before there is any key."""
    try:
        fd = open_file(unfinished, place_anywhere(unfinished), os.O_WRONLY)
        with os.fdopen(fd, "wb") as file:
            file.truncate()
            file.write(target.name.encode())
            file.flush()
            system.sync(file.fileno())
        system.sync_folder(unfinished.parent)
    except OSError as error:
        raise storage_error(error, "write a key", unfinished) from error


def _refuse_to_replace(target: Destination, files: list[Path]) -> None:
    if target.read_whole(TIMESTAMP_KEY) is not None:
        raise _signed_already_error(target)
    for path in files:
        if path.exists():
            raise ConfigError(
                f"{path} exists already, and a key is never replaced",
                remedy="Name another folder, or sign with the keys that are there.",
            )


def _signed_already_error(target: Destination) -> ConfigError:
    return ConfigError(
        f"{target.name} is signed already",
        remedy="Publish with its keys (--sign-with), or replace them with dlcore trust rotate.",
    )


def _remove(path: Path) -> None:
    try:
        with contextlib.suppress(FileNotFoundError):
            system.remove(path)
    except OSError as error:
        raise storage_error(error, "remove what is unfinished", path) from error
