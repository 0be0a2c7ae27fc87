"""What ``dlcore fetch`` can do for its first requests, while there is still much to import.

Only in a process that is nothing but this command. Guarantees: what a command line does not allow,
or may not lead to, is not connected to; nothing that is wrong with it is told here.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from dlcore.manifest.said import said_bytes
from dlcore.schedule.opening import START_FAR, opening
from dlcore.transfer.early import EarlyConnections

BOUNDING = ("--connections", "--limit-rate")  # perhaps not so many are allowed
SHORT_DOCUMENT_BYTES = 1 << 20  # what a longer manifest describes is no short work
PORTS = {"http": 80, "https": 443}
PLAIN = ("http", "http+http")  # a web server without TLS

EARLY = EarlyConnections()


def connect_early(arguments: Sequence[str]) -> None:
    """Begin to connect to every endpoint that a command line is as good as sure to ask.

    Args:
        arguments: The command and what is given to it; perhaps wrong.
    """
    is_bounded = any(argument.startswith(BOUNDING) for argument in arguments)
    has_proxy = any(name.lower().endswith("_proxy") for name in os.environ)
    if not (is_bounded or has_proxy):
        count = _count(arguments)
        for _, host, port in _places(arguments):
            EARLY.begin(host, port, count)


def can_wait(arguments: Sequence[str]) -> bool:
    """Whether all that is asked for first can be, before what speaks HTTP is imported.

    Not of several endpoints: only the first few answers are watched as they begin, so that it would
    not be told how far each is.

    Args:
        arguments: As for `connect_early`, which was called some time ago.
    """
    places = list(_places(arguments))
    return (
        "://" not in arguments[1]
        and len(places) <= 1
        and all(kind in PLAIN and EARLY.address_of(host, port) for kind, host, port in places)
    )


def _places(arguments: Sequence[str]) -> Iterator[tuple[str, str, int]]:
    """Kind and scheme, host, and port of every URL."""
    for argument in arguments:
        before, _, after = argument.partition("://")
        kind = before.rpartition("=")[2].lower()
        scheme = kind.rpartition("+")[2]
        try:
            url = urlsplit(f"//{after}")
            if scheme in PORTS and url.hostname:
                yield kind, url.hostname, url.port or PORTS[scheme]
        except ValueError:  # whoever opens the endpoint says what is wrong
            continue


def _count(arguments: Sequence[str]) -> int:
    """As many as `schedule` will begin with if the endpoint turns out to be far away."""
    try:
        document = _read(arguments[1])
        if len(document) <= SHORT_DOCUMENT_BYTES:
            return opening(said_bytes(document), START_FAR)
    except (OSError, ValueError):  # whoever reads it says what is wrong
        pass
    return START_FAR


def _read(path: str) -> bytes:
    """The start of a file, if it is a regular one: from others it could be read only once."""
    # Without pathlib, which takes longer to import than all that is needed here.
    if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116
        raise OSError(f"{path} is no regular file")
    with open(path, "rb") as document:  # noqa: PTH123
        return document.read(SHORT_DOCUMENT_BYTES + 1)
