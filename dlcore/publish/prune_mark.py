"""The mark of a pruning at a site, by which publishers notice that objects may vanish.

A publisher does not write what is there already. So it must know if something is removed between
its look at an object and its change of the catalog. The rule: a pruning writes its mark before it
decides what to remove, and ends it afterwards. A publisher looks at the mark after its manifest is
written. While a pruning is under way it does not change the catalog; if one has been since it
began, it looks at all objects again. What it wrote itself is too young to be removed.

The mark of a pruning that was killed runs out by itself. Until then, publishing again succeeds as
soon as another pruning has ended.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from dlcore.errors import LockedError, ManifestError
from dlcore.publish.destination import Destination
from dlcore.publish.policy import PublishPolicy

KEY: Final = "pruning.json"
log = logging.getLogger("dlcore.publish")

Now = Callable[[], datetime]


def now_utc() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)


class Mark(msgspec.Struct, frozen=True):
    """What the document says.

    Attributes:
        schema: 1.
        token: Another text for each pruning.
        until: Time after which the pruning removes nothing, unless it writes the mark again; None
            if it has ended.
    """

    schema: int
    token: str
    until: datetime | None = None


def read_mark(target: Destination) -> Mark | None:
    """The mark of the last pruning; None if there was none.

    Raises:
        ManifestError: It is malformed.
        StorageError: The disk failed.
        TransferError: The object store failed.
    """
    document = target.read_whole(KEY)
    if document is None:
        return None
    try:
        mark = msgspec.json.decode(document, type=Mark)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        mark = Mark(0, "")
    if mark.schema != 1 or (mark.until and mark.until.tzinfo is None):
        raise ManifestError(
            f"{target.name}/{KEY} is not what dlcore prune writes",
            remedy="Remove it if no pruning is under way.",
        )
    return mark


def refuse_while_pruned(
    target: Destination, mark: Mark | None, policy: PublishPolicy, now: Now
) -> None:
    """Refuse to publish while objects may be removed.

    Raises:
        LockedError: A pruning is under way, or was killed a short time ago.
    """
    if mark is None or mark.until is None:
        return
    over_at = mark.until + timedelta(seconds=policy.max_clock_difference_s)
    if now() <= over_at:
        raise LockedError(
            f"{target.name} is being pruned, or a pruning was killed",
            remedy="Publish again when it has ended. If it was killed, run dlcore prune again, or"
            f" wait until {over_at:%Y-%m-%d %H:%M} UTC. What is stored is not sent again.",
        )


class Marking:
    """The mark of this process's pruning.

    Args:
        target: The site.
        policy: For how long a mark counts.
        now: This machine's clock.
    """

    def __init__(self, target: Destination, policy: PublishPolicy, now: Now) -> None:
        self._target = target
        self._policy = policy
        self._now = now
        self._token = secrets.token_hex(8)
        self._until: datetime | None = None

    def hold(self) -> None:
        """Write the mark, or write it again when half of its time is over.

        Called before anything is decided, and before each removal.
        """
        lease = timedelta(seconds=self._policy.prune_mark_s)
        if self._until is None or self._now() > self._until - lease / 2:
            until = self._now() + lease
            self._write(Mark(1, self._token, until))
            self._until = until

    def end(self) -> None:
        """Say that nothing is removed any more, unless another pruning has begun."""
        current = read_mark(self._target)
        if current is not None and current.token == self._token:
            self._write(Mark(1, self._token))

    def _write(self, mark: Mark) -> None:
        document = msgspec.json.encode(mark)
        self._target.change(KEY, lambda _: document)
