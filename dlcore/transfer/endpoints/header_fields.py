"""The header fields that a user adds to requests: which may be, and which hold credentials.

Guarantees: a field that dlcore itself decides about, or that belongs to a connection, is refused by
name. A value can be sent as it is. No value is repeated in a message.

Source: RFC 9110, sections 5 ("Fields") and 7.6.1 ("Connection").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from dlcore.errors import ConfigError
from dlcore.transfer.endpoints.credentials import read_private

MAX_SHOWN: Final = 40

_OWN: Final = frozenset(
    {
        "accept-encoding",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "range",
        "want-digest",
        "want-repr-digest",
    }
)
_OF_A_CONNECTION: Final = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_CREDENTIALS: Final = frozenset({"authorization", "cookie"})
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")


class HeaderFields:
    """The fields of one endpoint.

    Args:
        endpoint: Name of the endpoint, for messages.
        given: Each ``Name: value``, or ``@`` and the path of a file with one in each line.

    Attributes:
        given: Those that no file has.
        names: The names of these, in lower case.
        has_files: Whether there are others, in files.
        holds_secrets: Whether they must not travel without TLS: they come from a file, or one is a
            credential by its name.

    Raises:
        ConfigError: One cannot be sent, or is not the user's to set.
    """

    def __init__(self, endpoint: str, given: Sequence[str]) -> None:
        self._endpoint = endpoint
        self._files = [text[1:] for text in given if text.startswith("@")]
        self.given = dict(self._field(text) for text in given if not text.startswith("@"))
        self.names = frozenset(name.lower() for name in self.given)
        self.has_files = bool(self._files)
        self.holds_secrets = self.has_files or bool(self.names & _CREDENTIALS)

    def read(self) -> dict[str, str]:
        """All fields; files are read now.

        Raises:
            ConfigError: A file is open to others or cannot be read, or as the class.
        """
        fields = dict(self.given)
        for file in self._files:
            text = read_private(self._endpoint, f"headers @{file}", file)
            lines = (line.strip() for line in text.splitlines())
            fields.update(self._field(line) for line in lines if line)
        return fields

    def secret_names(self, fields: Mapping[str, str]) -> list[str]:
        """The names of those fields that hold secrets: all but what was given for everyone to see.

        Args:
            fields: What `read` told, and perhaps a login.
        """
        return [
            name
            for name, value in fields.items()
            if name.lower() in _CREDENTIALS or self.given.get(name) != value
        ]

    def _field(self, text: str) -> tuple[str, str]:
        return _field(f"endpoint {self._endpoint}", text)


def check_header(text: str) -> None:
    """Refuse an option that names no field which may be sent; a file is not read yet.

    Args:
        text: ``Name: value``, or ``@`` and the path of a file.

    Raises:
        ConfigError: It cannot be sent, or is not the user's to set.
    """
    if not text.startswith("@"):
        _field("--header", text)


def _field(source: str, text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    shown = name[:MAX_SHOWN]
    if not (colon and _NAME.fullmatch(name)):
        fault = "a header is not of the form Name: value"
    elif not _VALUE.fullmatch(value):
        fault = f"the header {shown} has a character that cannot be sent"
    elif name.lower() in _OWN:
        fault = f"the header {shown} is set by dlcore itself"
    elif name.lower() in _OF_A_CONNECTION:
        fault = f"the header {shown} belongs to the connection, not to a request"
    else:
        return name, value
    raise ConfigError(
        f"{source}: {fault}", remedy="Leave it out, or write it as in --header 'X-Region: eu'."
    )
