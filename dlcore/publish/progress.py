"""How far publishing is."""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable

import msgspec

Advance = Callable[[int], None]
"""Called with the number of bytes that were processed since the last call."""


class Stage(enum.StrEnum):
    """The stages of publishing, in order.

    `CHECK` only for a content library and for repairs; `PATCH` only where old versions are named.
    """

    CHECK = "check"
    HASH = "hash"
    PATCH = "patch"
    WRITE = "write"


class Progress(msgspec.Struct, frozen=True):
    """How many bytes of one stage are done."""

    stage: Stage
    done_bytes: int
    total_bytes: int


def meter(stage: Stage, total_bytes: int, progress: Callable[[Progress], None]) -> Advance:
    """Make a function that adds up what it is called with, and tells the progress of a stage."""
    lock = threading.Lock()
    done_bytes = 0

    def advance(count: int) -> None:
        nonlocal done_bytes
        with lock:
            done_bytes += count
            progress(Progress(stage, done_bytes, total_bytes))

    return advance
