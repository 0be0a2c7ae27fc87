"""What one connection is to fetch, and what became of endpoints: the words of the answers."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from dlcore.model import BlockRange


class Strip(NamedTuple):
    """Bytes ``[start, end)`` within one block."""

    start: int
    end: int


class Assignment(msgspec.Struct, frozen=True):
    """One range to fetch.

    Attributes:
        number: Counts the ranges: no two have the same, a later one has a higher.
        package: Key of the package.
        endpoint: Who is to serve it.
        blocks: What to ask for; exactly one block if ``strip``.
        strip: Which bytes of that block; None: all of ``blocks``.
        race: Somebody else is fetching these blocks too.
    """

    number: int
    package: str
    endpoint: str
    blocks: BlockRange
    strip: Strip | None = None
    race: bool = False


class Note(NamedTuple):
    """A decision about an endpoint, for people.

    Attributes:
        endpoint: Its name.
        what: ``backed off``, ``half-open``, ``resumed``, ``quarantined``, ``dropped``, ...
        reason: Why, in words.
    """

    endpoint: str
    what: str
    reason: str
