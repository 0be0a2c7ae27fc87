"""Tells how a fetch of one or several things has ended, and what of it failed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator

from dlcore.engine.events import FetchEnded
from dlcore.engine.fetching.call import FetchItem
from dlcore.engine.fetching.early_bytes import EarlyBytes
from dlcore.engine.fetching.joint_download import JointDownload
from dlcore.engine.fetching.short_files import ShortFiles
from dlcore.engine.listeners.bus import EventBus
from dlcore.errors import DlcoreError, InternalError


class FetchCount:
    """What a fetch has come to; filled while it goes on.

    Args:
        early: Counts what is received before the download begins.

    Attributes:
        joint: Downloads what is fetched; None before that is known.
        short: Has fetched what is short; None if nothing could be.
        errors: Why things could not be fetched.
    """

    def __init__(self, early: EarlyBytes) -> None:
        self.joint: JointDownload | None = None
        self.short: ShortFiles | None = None
        self._early = early
        self.errors: list[str] = []

    @property
    def totals(self) -> tuple[int, int, int]:
        """Bytes received, found on disk, and wasted."""
        fetched, reused, wasted = self.joint.totals if self.joint else (0, 0, 0)
        if self.short:
            fetched, reused = fetched + self.short.bytes_fetched, reused + self.short.bytes_reused
            wasted += self.short.bytes_wasted
        used, in_vain = self._early.used_bytes, self._early.wasted_bytes
        return fetched + used + in_vain, max(0, reused - used), wasted + in_vain


def failures(
    results: Iterable[tuple[FetchItem, object | None, DlcoreError | None]],
) -> list[tuple[FetchItem, DlcoreError]]:
    """What failed, and why: all that did not demonstrably succeed.

    Args:
        results: Of each item what it came to, if it did, and why it failed, if it did.
    """
    lost = InternalError("nothing says what became of it")
    return [(item, error or lost) for item, done, error in results if error or done is None]


@contextlib.contextmanager
def ending_told(bus: EventBus, early: EarlyBytes) -> Iterator[FetchCount]:
    """Tell how the body ended; what it downloads with is closed by then.

    Args:
        bus: Hears it.
        early: Counts what is received before the download begins.
    """
    now_s = asyncio.get_running_loop().time
    began_s, count = now_s(), FetchCount(early)
    try:
        yield count
    except BaseException as error:
        why = error.message if isinstance(error, DlcoreError) else "it was broken off"
        count.errors.append(why)
        raise
    finally:
        outcome = "failed" if count.errors else "succeeded"
        took_s, message = now_s() - began_s, "".join(count.errors[:1])
        bus.emit(FetchEnded(outcome, took_s, len(count.errors), *count.totals, message))
