"""Writes the objects of a package that a destination does not have or has wrong; reads them all.

Guarantees: an object that counts as present was read and compared with its digests, or its
destination recorded its content address in the operation that stored it.
"""

from __future__ import annotations

import enum
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, as_completed
from typing import TypeVar

from dlcore.model import Manifest, ObjectIndex, object_key
from dlcore.publish.destination import Destination, Site
from dlcore.publish.policy import PublishPolicy
from dlcore.publish.progress import Advance
from dlcore.publish.reading import verified_spans
from dlcore.publish.source import Source
from dlcore.publish.stored import Damage, Wrong, damage_of
from dlcore.work_threads import WorkThreads

_T = TypeVar("_T")

log = logging.getLogger("dlcore.publish")


class ObjectOutcome(enum.StrEnum):
    """What was done about an object."""

    PRESENT = "present"
    WRITTEN = "written"
    REWRITTEN = "rewritten"  # what was stored under its name was wrong


def distinct_objects(manifest: Manifest) -> dict[str, ObjectIndex]:
    """The manifest's objects by name; objects of equal content are one."""
    return {item.name: ObjectIndex(index) for index, item in enumerate(manifest.objects)}


def write_objects(
    target: Destination,
    source: Source,
    manifest: Manifest,
    wanted: dict[str, ObjectIndex],
    advance: Advance,
    policy: PublishPolicy,
) -> dict[str, ObjectOutcome]:
    """Write those of the wanted objects that are missing or damaged.

    Args:
        target: Where to write them.
        source: The files, in the order of the manifest's.
        manifest: The package.
        wanted: Index of each object by its name.
        advance: Called as bytes are done.
        policy: Sizes and limits.

    Returns:
        The outcome for each object by name.

    Raises:
        DlcoreError: As `dlcore.publish.publish`.
    """
    put = _writer(target, source, manifest, advance, policy)

    def write(name: str, index: ObjectIndex, go_on: Advance) -> ObjectOutcome:
        length = manifest.objects[index].length_bytes
        wrong = _wrong_with(target, manifest, index, go_on, policy)
        if wrong is None:
            log.debug("object %s is already stored", name)
            advance(length)
            return ObjectOutcome.PRESENT
        if wrong is not Wrong.MISSING:
            log.warning("object %s is stored with wrong content: %s", name, wrong.value)
        put(name, index, go_on)
        log.debug("object %s is written: %d bytes", name, length)
        return _outcome(wrong)

    return _in_parallel(write, wanted, target.workers)


def foreseen_outcomes(
    target: Destination,
    manifest: Manifest,
    wanted: dict[str, ObjectIndex],
    advance: Advance,
    policy: PublishPolicy,
) -> dict[str, ObjectOutcome]:
    """What `write_objects` would do; only reads. Takes and raises the same."""

    def look(_: str, index: ObjectIndex, go_on: Advance) -> ObjectOutcome:
        wrong = _wrong_with(target, manifest, index, go_on, policy)
        advance(manifest.objects[index].length_bytes)
        return _outcome(wrong)

    return _in_parallel(look, wanted, target.workers)


def replace_objects(
    target: Destination,
    source: Source,
    manifest: Manifest,
    wanted: dict[str, ObjectIndex],
    advance: Advance,
    policy: PublishPolicy,
) -> None:
    """Write objects whatever is stored under their names; otherwise as `write_objects`."""
    _in_parallel(_writer(target, source, manifest, advance, policy), wanted, target.workers)


def _writer(
    target: Destination,
    source: Source,
    manifest: Manifest,
    advance: Advance,
    policy: PublishPolicy,
) -> Callable[[str, ObjectIndex, Advance], None]:
    """What writes one object, by its name and index, from files that are verified meanwhile."""

    def write(name: str, index: ObjectIndex, go_on: Advance) -> None:
        length = manifest.objects[index].length_bytes
        content = _reported(verified_spans(source, manifest, index, policy.span_bytes), go_on)
        target.write(object_key(name), _reported(content, advance), length, address=name)

    return write


def read_objects(
    site: Site,
    manifest: Manifest,
    wanted: dict[str, ObjectIndex],
    advance: Advance,
    policy: PublishPolicy,
) -> dict[str, Damage]:
    """Read objects completely, and return those that are wrong.

    Raises:
        DlcoreError: The site cannot be read.
    """

    def check(name: str, index: ObjectIndex, go_on: Advance) -> Damage | None:
        def read(count: int) -> None:
            go_on(count)
            advance(count)

        return damage_of(site, manifest, index, policy.span_bytes, read)

    found = _in_parallel(check, wanted, site.workers)
    return {name: damage for name, damage in found.items() if damage is not None}


def _in_parallel(
    work: Callable[[str, ObjectIndex, Advance], _T], wanted: dict[str, ObjectIndex], workers: int
) -> dict[str, _T]:
    """Call ``work`` for each object, with a function that raises if another object failed."""
    stop = threading.Event()

    def go_on(_: int) -> None:
        if stop.is_set():
            raise CancelledError

    with WorkThreads(workers) as pool:
        in_flight = {pool.submit(work, name, index, go_on): name for name, index in wanted.items()}
        try:
            return {in_flight[future]: future.result() for future in as_completed(in_flight)}
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _wrong_with(
    target: Destination,
    manifest: Manifest,
    index: ObjectIndex,
    go_on: Advance,
    policy: PublishPolicy,
) -> Wrong | None:
    item = manifest.objects[index]
    stored = target.find(object_key(item.name))
    if stored is not None and stored == (item.length_bytes, item.name):
        return None  # the object store keeps what it was given, and says what that is
    damage = damage_of(target, manifest, index, policy.span_bytes, go_on)
    return damage and damage.wrong


def _outcome(wrong: Wrong | None) -> ObjectOutcome:
    """What is done about an object with which something is wrong, or nothing."""
    if wrong is None:
        return ObjectOutcome.PRESENT
    return ObjectOutcome.WRITTEN if wrong is Wrong.MISSING else ObjectOutcome.REWRITTEN


def _reported(content: Iterator[memoryview], advance: Advance) -> Iterator[memoryview]:
    for data in content:
        yield data
        advance(len(data))
