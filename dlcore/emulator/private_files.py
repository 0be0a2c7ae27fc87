"""Writes and reads files that only their owner may read, in a folder that only the owner changes.

Guarantees: no other user can read them at any moment, and a reader sees either the old or the new
content. A folder that another user owns or may write to is refused, and so is a link in the place
of a file. They may not survive a power loss; everything written here can be made again.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from dlcore.disk import system
from dlcore.disk.ownership import is_open_to_others
from dlcore.disk.private_folder import PrivateFolder, make_way, open_file
from dlcore.long_path import rooted

MAX_SECRET_BYTES = 4096  # one that is made here has 43
_RANDOM_BYTES = 32


def make_private(folder: Path) -> None:
    """Make a folder for private files if it is missing.

    Raises:
        OwnershipError: Another user could alter what is in it.
        OSError: It cannot be made.
    """
    make_way(rooted(folder))


def write_private(path: Path, data: bytes) -> None:
    """Write a private file, replacing an existing one.

    Raises:
        OwnershipError: Another user could alter the folder.
        OSError: The folder cannot be written; an existing file is unchanged.
    """
    path = rooted(path)
    folder = PrivateFolder(path.parent)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fd = open_file(fresh, folder.place(fresh), os.O_WRONLY | os.O_EXCL, create=True)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
        with folder.place(fresh) as (old, parent), folder.place(path) as (new, _):
            system.move(old, new, source_parent=parent, target_parent=parent)
    except BaseException:
        with contextlib.suppress(OSError):  # the error that is told is the first one
            fresh.unlink()
        raise


def write_public(path: Path, data: bytes) -> None:
    """Write a file that others may read, such as a certificate, as `write_private` does."""
    write_private(path, data)
    path.chmod(0o644)


def kept_secret(path: Path) -> str:
    """Read the secret in ``path``, such as a registration token, or write a new random one.

    A file that others can read is not used. Clients stay registered when the service restarts.

    Raises:
        OwnershipError: Another user could alter the folder, or owns the file.
        OSError: The file cannot be read or written, or a link is in its place.
    """
    secret = _read_secret(rooted(path))
    if not secret:
        secret = secrets.token_urlsafe(_RANDOM_BYTES)
        write_private(path, f"{secret}\n".encode())
    return secret


def _read_secret(path: Path) -> str:
    """The secret in a file; empty if there is none that only this user can read."""
    try:
        fd = open_file(path, PrivateFolder(path.parent).place(path), os.O_RDONLY)
    except FileNotFoundError:
        return ""
    with os.fdopen(fd, "rb") as file:
        if is_open_to_others(path, fd):
            return ""
        return file.read(MAX_SECRET_BYTES).decode("ascii").strip()
