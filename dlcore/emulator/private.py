"""Files that only their owner may read.

Guarantees: at no moment can another user read what is written here, and a reader sees the old
content or the new, never a half. Not durable against power loss: everything here can be made anew.
"""

from __future__ import annotations

import os
import secrets
import stat
import tempfile
from pathlib import Path

_TOKEN_BYTES = 32


def write_private(path: Path, data: bytes) -> None:
    """Write a file with mode 0600, replacing what was there.

    Raises:
        OSError: The folder cannot be written; nothing was replaced.
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
    """The registration token in ``path``; a new random one if there is none that is private.

    Clients stay registered when the service restarts.

    Raises:
        OSError: The file can be neither read nor written.
    """
    if path.is_file() and not path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        token = path.read_text(encoding="ascii").strip()
        if token:
            return token
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    write_private(path, f"{token}\n".encode())
    return token
