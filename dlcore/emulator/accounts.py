"""The Windows accounts that an emulated distribution point knows, with their passwords.

Guarantees: passwords are random, and stand in files that only their owner can read. They stay when
the emulator is started again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from dlcore.emulator.private_files import kept_secret, write_private

_DOMAIN: Final = "EMULATOR"


class Accounts(msgspec.Struct, frozen=True):
    r"""Two accounts, ``DOMAIN\user``, and the files of their passwords.

    Attributes:
        user: May read.
        password_file: Its password, mode 0600.
        locked_user: Is locked: its password is right, and is refused.
        locked_password_file: Its password, mode 0600.
        file: Both, as the acceptor reads them, mode 0600.
    """

    user: str
    password_file: Path
    locked_user: str
    locked_password_file: Path
    file: Path


def ensure_accounts(folder: Path) -> Accounts:
    """Return the accounts in ``folder``; make those that are missing.

    Raises:
        OSError: The folder cannot be written.
    """
    passwords = {name: folder / f"password-{name}" for name in ("client", "locked")}
    lines = [f"{_DOMAIN}:{name}:{kept_secret(path)}\n" for name, path in passwords.items()]
    file = folder / "accounts"
    write_private(file, "".join(lines).encode())
    return Accounts(
        user=rf"{_DOMAIN}\client",
        password_file=passwords["client"],
        locked_user=rf"{_DOMAIN}\locked",
        locked_password_file=passwords["locked"],
        file=file,
    )
