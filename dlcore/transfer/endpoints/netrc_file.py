"""Logins by host from a file of the form ``.netrc``.

Guarantees: only the entry of exactly this host counts. The entry ``default`` does not: it would
send a password to every server. A file that other users can read or change is refused. No text of
the file is repeated in a message.

Source: the manual page netrc(5) of inetutils; Python's module `netrc` reads it.
"""

from __future__ import annotations

import netrc
import os
import sys
from pathlib import Path
from typing import NamedTuple

from dlcore.errors import ConfigError
from dlcore.transfer.endpoints.credentials import read_private


class NetrcEntry(NamedTuple):
    """One entry."""

    user: str
    password: str

    def __repr__(self) -> str:
        """Without the password."""
        return f"<login of {self.user}>"


def users_netrc_file() -> str:
    """The user's own file: what ``NETRC`` names, else ``.netrc`` (on Windows also ``_netrc``)."""
    if named := os.environ.get("NETRC"):
        return named
    home = Path.home()
    if sys.platform == "win32" and not (home / ".netrc").exists():
        return str(home / "_netrc")
    return str(home / ".netrc")


def netrc_entry(endpoint: str, file: str, host: str, user: str = "") -> NetrcEntry | None:
    """The login for a host; None if the file has none.

    Args:
        endpoint: Name of the endpoint, for messages.
        file: Path of the file.
        host: Name of the host, without a port.
        user: Who must be meant; empty for anyone.

    Raises:
        ConfigError: The file is open to others, cannot be read, or is malformed.
    """
    read_private(endpoint, f"netrc_file {file}", file)
    entries = _read(endpoint, file)
    found = entries.get(host)
    if found is None or host == "default":
        return None
    login, _, password = found
    if not login or not password or (user and user != login):
        return None
    return NetrcEntry(login, password)


def _read(endpoint: str, file: str) -> dict[str, tuple[str, str, str]]:
    try:
        return netrc.netrc(file).hosts
    except netrc.NetrcParseError as error:
        line = error.lineno
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"endpoint {endpoint}: netrc_file {file} cannot be read: {type(error).__name__}",
            remedy="Save it as text in UTF-8.",
        ) from None
    # Not as the context of the parser's error, whose text may be a password.
    raise ConfigError(
        f"endpoint {endpoint}: netrc_file {file}, line {line}: is malformed",
        remedy="Write each entry as: machine HOST login USER password PASSWORD",
    )
