"""What ``dlcore fetch`` can do for its first requests, while there is still much to import.

Only in a process that is nothing but this command. Guarantees: what a command line does not allow,
or may not lead to, is not connected to; nothing that is wrong with it is told here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from dlcore.cli.loading import load
from dlcore.manifest import said_bytes
from dlcore.schedule.opening import START_FAR, opening
from dlcore.transfer.ahead import EarlyRequests
from dlcore.transfer.early import EarlyConnections

BOUNDING = ("--connections", "--limit-rate")  # perhaps not so many are allowed
SHORT_DOCUMENT_BYTES = 4 << 20  # what a longer manifest describes is no short work
PORTS = {"http": 80, "https": 443}
PLAIN = ("http", "http+http")  # a web server without TLS

EARLY = EarlyRequests(EarlyConnections(), load)


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
            EARLY.connections.begin(host, port, count)


def can_wait(arguments: Sequence[str]) -> bool:
    """Whether all that is asked for first can be, before what speaks HTTP is imported.

    Not of several endpoints: how long their first answers take has to tell how far each is.

    Args:
        arguments: As for `connect_early`, which was called some time ago.
    """
    places = list(_places(arguments))
    return (
        "://" not in arguments[1]
        and len(places) <= 1
        and all(
            kind in PLAIN and EARLY.connections.address_of(host, port)
            for kind, host, port in places
        )
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
    document = Path(arguments[1])
    try:
        if document.is_file() and document.stat().st_size <= SHORT_DOCUMENT_BYTES:
            return opening(said_bytes(document.read_bytes()), START_FAR)
    except (OSError, msgspec.DecodeError):  # whoever reads it says what is wrong
        pass
    return START_FAR
