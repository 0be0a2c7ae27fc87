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
    """What a fetch has come to; told while it goes on.

    Args:
        early: Counts what is received before the download begins.
    """

    def __init__(self, early: EarlyBytes) -> None:
        self._joint: JointDownload | None = None
        self._short: ShortFiles | None = None
        self._early = early
        self._errors: list[str] = []

    def include(self, by: JointDownload | ShortFiles) -> None:
        """Count what this fetches, too."""
        if isinstance(by, ShortFiles):
            self._short = by
        else:
            self._joint = by

    def failed(self, why: str) -> None:
        """Something could not be fetched."""
        self._errors.append(why)

    def event(self, took_s: float) -> FetchEnded:
        """The event that tells of the end."""
        outcome = "failed" if self._errors else "succeeded"
        message = self._errors[0] if self._errors else ""
        return FetchEnded(outcome, took_s, len(self._errors), *self.totals, message)

    @property
    def totals(self) -> tuple[int, int, int]:
        """Bytes received, found on disk, and wasted."""
        fetched, reused, wasted = self._joint.totals if self._joint else (0, 0, 0)
        if self._short:
            fetched += self._short.bytes_fetched
            reused += self._short.bytes_reused
            wasted += self._short.bytes_wasted
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
        count.failed(why)
        raise
    finally:
        bus.emit(count.event(now_s() - began_s))
