"""Connects to the endpoints that a command line names, while there is still much to import."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from dlcore.transfer.early import EARLY

COUNT = 32  # what `schedule` begins with far away, or some of it where the work is short
BOUNDING = ("--connections", "--limit-rate")  # perhaps not so many are allowed
PORTS = {"http": 80, "https": 443}


def connect_early(arguments: Sequence[str]) -> None:
    """Begin to connect to every endpoint that a command line is as good as sure to ask.

    Args:
        arguments: The command and what is given to it; perhaps wrong, which is not told here.
    """
    is_bounded = any(argument.startswith(BOUNDING) for argument in arguments)
    has_proxy = any(name.lower().endswith("_proxy") for name in os.environ)
    if not (is_bounded or has_proxy):
        for host, port in _places(arguments):
            EARLY.begin(host, port, COUNT)


def _places(arguments: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Host and port of every URL."""
    for argument in arguments:
        before, _, after = argument.partition("://")
        scheme = before.rpartition("=")[2].rpartition("+")[2].lower()
        try:
            url = urlsplit(f"//{after}")
            if scheme in PORTS and url.hostname:
                yield url.hostname, url.port or PORTS[scheme]
        except ValueError:  # whoever opens the endpoint says what is wrong
            continue
