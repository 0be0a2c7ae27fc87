"""What other users may do with a file or folder: by its mode, or on Windows by its access list."""

from __future__ import annotations

import sys
from pathlib import Path

if sys.platform == "win32":
    from dlcore.disk.windows_security import (
        PRIVATE_FOLDER,
        current_user,
        give_access_list,
        security_of,
    )
    from tests.disk.sddl import encode

    def let_others_read(path: Path) -> None:
        """Let everyone read a file or folder of this user, and what will be made in it."""
        _let(path, "(A;OICI;FR;;;WD)")

    def let_others_change(path: Path) -> None:
        """Let everyone change a file or folder of this user, and what will be made in it."""
        _let(path, "(A;OICI;FR;;;WD)(A;OICI;FW;;;WD)")

    def let_nobody_else(path: Path) -> None:
        """Keep a file or folder to this user."""
        _let(path, "")

    def is_private(path: Path) -> bool:
        """Whether nobody else may read or change it."""
        return not security_of(path).readers(current_user())

    def _let(path: Path, entries: str) -> None:
        user = current_user()
        give_access_list(path, encode(f"O:{user}{PRIVATE_FOLDER.format(user=user)}{entries}"))

else:

    def let_others_read(path: Path) -> None:
        """Let everyone read a file or folder of this user."""
        path.chmod(0o755 if path.is_dir() else 0o644)

    def let_others_change(path: Path) -> None:
        """Let everyone change a file or folder of this user."""
        path.chmod(0o777 if path.is_dir() else 0o666)

    def let_nobody_else(path: Path) -> None:
        """Keep a file or folder to this user."""
        path.chmod(0o700 if path.is_dir() else 0o600)

    def is_private(path: Path) -> bool:
        """Whether nobody else may read or change it."""
        return not path.stat().st_mode & 0o077


def touch_private(path: Path) -> None:
    """Make an empty file that nobody else may use: for a secret."""
    path.touch()
    let_nobody_else(path)
