"""Writes files that only their owner may read.

Guarantees: no other user can read them at any moment, and a reader sees either the old or the new
content. They may not survive a power loss; everything written here can be made again.
"""

from __future__ import annotations

import os
import secrets
import stat
import tempfile
from pathlib import Path

_TOKEN_BYTES = 32


def write_private(path: Path, data: bytes) -> None:
    """Write a file with mode 0600, replacing an existing one.

    Raises:
        OSError: The folder cannot be written; an existing file is unchanged.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def registration_token(path: Path) -> str:
    """Read the registration token in ``path``, or write a new random one.

    A file that others can read is not used. Clients stay registered when the service restarts.

    Raises:
        OSError: The file cannot be read or written.
    """
    if path.is_file() and not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        token = path.read_text(encoding="ascii").strip()
        if token:
            return token
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    write_private(path, f"{token}\n".encode())
    return token
