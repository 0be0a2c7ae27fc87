"""The mark of a pruning at a site, by which publishers notice that objects may vanish.

A publisher does not write what is there already. So it must know if something is removed between
its look at an object and its change of the catalog. The rule: a pruning writes its mark before it
decides what to remove, and ends it afterwards. A publisher looks at the mark after its manifest is
written, as part of its change of the catalog. While a pruning is under way it does not change the
catalog; if one has been since it began, it looks at all objects again. What it wrote itself is too
young to be removed.

The mark of a pruning that was killed runs out by itself, also if its clock was ahead. Several
prunings may be under way: each has its own part of the mark.

A full disk has no room for a mark, and only a pruning can make room. But it has room for the name
of a file. So the mark is empty then, which says that a pruning is under way until another one
writes the mark again.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import msgspec

from dlcore.errors import DiskFullError, LockedError, ManifestError
from dlcore.publish.destination import Change, Destination
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
        changed_by: Another text for each beginning and each end of a pruning.
        until: For each pruning under way, by its name, the time after which it removes nothing
            unless it writes the mark again.
    """

    schema: int
    changed_by: str
    until: dict[str, datetime]


WITHOUT_ROOM: Final = Mark(1, "without room", {})
"""What an empty document says."""

_ON_THE_FULL_DISK: Final = "on the full disk"
"""Name of a pruning that had no room for its own."""


def read_mark(target: Destination) -> Mark | None:
    """The mark of the last pruning; None if there was none.

    Raises:
        ManifestError: It is malformed.
        StorageError: The disk failed.
        TransferError: The object store failed.
    """
    return _decoded(target.read_whole(KEY), f"{target.name}/{KEY}")


def _decoded(document: bytes | None, source: str) -> Mark | None:
    return None if document is None else decode_mark(document, source)


def decode_mark(document: bytes, source: str) -> Mark:
    """Read the document that marks a pruning.

    Raises:
        ManifestError: It is malformed.
    """
    if not document:
        return WITHOUT_ROOM
    try:
        mark = msgspec.json.decode(document, type=Mark)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        mark = Mark(0, "", {})
    if mark.schema != 1 or any(until.tzinfo is None for until in mark.until.values()):
        raise ManifestError(
            f"{source} is not what dlcore prune writes",
            remedy="Remove it if no pruning is under way.",
        )
    return mark


def _under_way(
    mark: Mark | None, policy: PublishPolicy, now: datetime, name: str
) -> dict[str, datetime]:
    """The prunings of a mark that may be under way.

    Not those whose time has run out; nor those whose time is further ahead than any pruning asks
    for. Those were written with a clock that was wrong, and would count for years.

    Args:
        mark: The mark.
        policy: For how long it counts, and how far clocks may be apart.
        now: The time of this machine's clock.
        name: Of the site, for the log.
    """
    tolerance = timedelta(seconds=policy.max_clock_difference_s)
    latest = now + timedelta(seconds=policy.prune_mark_s) + tolerance
    under_way: dict[str, datetime] = {}
    for pruning, until in (mark.until if mark else {}).items():
        if until > latest:
            log.warning(
                "%s/%s: a pruning that was to end by %s does not count: its clock was ahead, or the"
                " clock of this machine is behind",
                name,
                KEY,
                until.isoformat(),
            )
        elif until >= now - tolerance:
            under_way[pruning] = until
    return under_way


class PruneWatch:
    """What a publisher sees of prunings, from its beginning until it changes the catalog.

    Args:
        target: The site.
        policy: For how long a mark counts.
        now: This machine's clock.

    Raises:
        LockedError: A pruning is under way, or was killed a short time ago.
    """

    def __init__(self, target: Destination, policy: PublishPolicy, now: Now) -> None:
        self._target = target
        self._policy = policy
        self._now = now
        self._mark = self._read()

    @property
    def changed_by(self) -> str:
        """Which beginning or end of a pruning was seen last; empty if there never was one."""
        return self._mark.changed_by if self._mark else ""

    def change_unless_pruned(
        self, change_catalog: Callable[[Change], None], change: Change
    ) -> bool:
        """Change the catalog, unless there was a pruning since the last look at the mark.

        The look is part of the change. So it does not matter for how long this process stands
        still before: in a folder no mark can be written between them. An object store has nothing
        that would forbid it.

        Args:
            change_catalog: `Destination.change` of the catalog.
            change: What to change.

        Returns:
            Whether there was none. Else nothing was changed, and all objects must be looked at
            again.

        Raises:
            LockedError: A pruning is under way, or was killed a short time ago.
        """
        was_pruned = False

        def guarded(current: bytes | None) -> bytes | None:
            nonlocal was_pruned
            latest = self._read()
            was_pruned, self._mark = latest != self._mark, latest
            return None if was_pruned else change(current)

        change_catalog(guarded)
        return not was_pruned

    def check_not_under_way(self) -> None:
        """Refuse to go on while a pruning is under way, or was killed a short time ago.

        Raises:
            LockedError: One is, or was.
        """
        self._mark = self._read()

    def _read(self) -> Mark | None:
        mark = read_mark(self._target)
        if mark == WITHOUT_ROOM:
            raise LockedError(
                f"{self._target.name} is being pruned, because its disk is full",
                remedy="Publish again when that has ended. If it was killed, prune again first.",
            )
        under_way = _under_way(mark, self._policy, self._now(), self._target.name)
        if under_way:
            tolerance = timedelta(seconds=self._policy.max_clock_difference_s)
            over_at = max(under_way.values()) + tolerance
            raise LockedError(
                f"{self._target.name} is being pruned, or a pruning was killed",
                remedy="Publish again when it has ended. If it was killed, publish again after"
                f" {over_at:%Y-%m-%d %H:%M} UTC. What is stored is not sent again.",
            )
        return mark


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
        self._name = secrets.token_hex(8)
        self._until: datetime | None = None
        self._has_room = True
        self._has_emptied = False  # the mark, for want of room

    def hold(self) -> None:
        """Write the mark, or write it again when half of its time is over.

        Called before anything is decided, again and again while that takes time, and before each
        removal.

        Raises:
            LockedError: It has run out meanwhile: the machine stood still. Publishers may have
                found what was to be removed.
            DiskFullError: There is no room for a mark, and another pruning is under way; or there
                is not even room for the name of a file.
        """
        now, lease = self._now(), timedelta(seconds=self._policy.prune_mark_s)
        if self._until is not None and now > self._until:
            raise LockedError(
                f"{self._target.name}: the pruning stood still for so long that others may have"
                " published",
                remedy="Prune again; the site is valid.",
            )
        if self._until is None or not self._has_room or now > self._until - lease / 2:
            until = now + lease
            try:
                self._write(lambda running: {**running, self._name: until})
                self._has_room = True
            except DiskFullError as error:
                self._has_room = False
                self._target.change(KEY, partial(self._without_room, error))
            self._until = until

    def end(self) -> None:
        """Say that this pruning removes nothing any more."""
        self._write(lambda running: {k: v for k, v in running.items() if k != self._name})

    def _write(self, change: Callable[[dict[str, datetime]], dict[str, datetime]]) -> None:
        def written(document: bytes | None) -> bytes:
            name = self._target.name
            mark = _decoded(document, f"{name}/{KEY}")
            running = _under_way(mark, self._policy, self._now(), name)
            if mark == WITHOUT_ROOM and not self._has_emptied:  # another pruning did
                lease = timedelta(seconds=self._policy.prune_mark_s)
                running[_ON_THE_FULL_DISK] = self._now() + lease
            return msgspec.json.encode(Mark(1, secrets.token_hex(8), change(running)))

        self._target.change(KEY, written)

    def _without_room(self, error: DiskFullError, document: bytes | None) -> bytes | None:
        """The mark on a full disk; it cannot say when other prunings end."""
        name = self._target.name
        mark = _decoded(document, f"{name}/{KEY}")
        if _under_way(mark, self._policy, self._now(), name).keys() - {self._name}:
            raise error
        if mark == WITHOUT_ROOM:
            return None
        self._has_emptied = True
        return b""
