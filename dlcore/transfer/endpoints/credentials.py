"""Where secrets come from: a file or an environment variable, read again each time.

Guarantees: a secret is never part of a message, a repr or a setting, also if someone has put it
where the name of its place belongs. It is one line of printable ASCII, so it can be sent in a
header or a query; a password may be any line of text. A file that other users can read or change is
refused before it is read. The file may be a link: what counts is the file that it leads to. It may
be saved as Windows PowerShell and editors of Windows save text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from dlcore.disk.ownership import how_to_close, is_open_to_others
from dlcore.errors import ConfigError
from dlcore.plain_files import buffered
from dlcore.text_files import text_of

MAX_FILE_BYTES = 1 << 17  # a header or URL with a longer secret is refused by every server

Secret = Callable[[], str]
"""Reads a secret; raises `ConfigError` if it is missing, open to others, or cannot be sent."""

_HIDDEN = "***"
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_LIKE_A_SECRET = re.compile(r"sig=|(^|/|\\)eyJ")  # a signature; a JSON web token, in base64
_ONE_LINE = re.compile(r"[\x21-\x7e]+")
_LINE_OF_TEXT = re.compile(r"[^\x00-\x1f\x7f]+")


def secret_of(endpoint: str, what: str, *, file: str, env: str) -> Secret | None:
    """Make the reader of a secret; None if neither place is named.

    Args:
        endpoint: Name of the endpoint, for messages.
        what: ``token`` or ``sas``, the prefix of the two settings.
        file: Path of a file with the secret.
        env: Name of an environment variable with the secret.

    Raises:
        ConfigError: Both places are named.
    """
    return _reader(endpoint, what, file, env, is_text=False)


def password_of(endpoint: str, what: str, *, file: str, env: str) -> Secret | None:
    """Make the reader of a password or passphrase; None if neither place is named.

    Unlike other secrets, it may have spaces and letters of any alphabet. The arguments are those of
    `secret_of`.

    Raises:
        ConfigError: Both places are named.
    """
    return _reader(endpoint, what, file, env, is_text=True)


def _reader(endpoint: str, what: str, file: str, env: str, *, is_text: bool) -> Secret | None:
    if file and env:
        raise ConfigError(
            f"endpoint {endpoint}: both {what}_file and {what}_env are set",
            remedy="Keep one of them.",
        )
    if not file and not env:
        return None
    place = f"{what}_file {_shown_file(file)}" if file else f"{what}_env {_shown_env(env)}"

    def read() -> str:
        text = read_private(endpoint, place, file) if file else os.environ.get(env, "")
        text = text.rstrip("\r\n") if is_text else text.strip()
        if not (_LINE_OF_TEXT if is_text else _ONE_LINE).fullmatch(text):
            kind = "text" if is_text else "printable ASCII"
            raise ConfigError(
                f"endpoint {endpoint}: {place} does not hold one line of {kind}",
                remedy=f"Put the {what.replace('_', ' ')} there, and nothing else.",
            )
        return text

    return read


def _shown_env(name: str) -> str:
    """The name of a variable; hidden if someone may have put the secret in its place."""
    return name if _NAME.fullmatch(name) else _HIDDEN


def _shown_file(path: str) -> str:
    """The path of a file; hidden if someone may have put the secret in its place."""
    return _HIDDEN if _LIKE_A_SECRET.search(path) else path


def read_private(endpoint: str, place: str, file: str) -> str:
    """Read a file with secrets, after a look at who else can.

    Args:
        endpoint: Name of the endpoint, for messages.
        place: The setting and its file, for messages.
        file: Path of the file.

    Raises:
        ConfigError: It is open to others, or cannot be read.
    """
    try:
        with buffered(file) as opened:
            if is_open_to_others(file, opened.fileno()):
                raise ConfigError(
                    f"endpoint {endpoint}: {place} is open to other users",
                    remedy=f"Run: {how_to_close(file)}; and renew the secret, which others may"
                    " have read.",
                )
            return text_of(opened.read(MAX_FILE_BYTES), errors="replace")
    except OSError as error:
        raise ConfigError(
            f"endpoint {endpoint}: {place} cannot be read: {error.strerror}",
            remedy="Create the file, readable for this user only.",
        ) from None
