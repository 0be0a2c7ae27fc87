"""Events as lines of JSON, each with the time at which it happened: NDJSON.

A line is one object: ``schema``, ``time``, ``at_s``, ``event``, and the members of that event
(``docs/events.md``). Members and events are only ever added; a change of what one means is another
``schema``. A reader leaves out what it does not know.

Source: RFC 3339 (time), https://github.com/ndjson/ndjson-spec (lines).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Annotated, Final, NamedTuple, TypeAlias, Union

import msgspec

from dlcore.engine import events
from dlcore.errors import DocumentError

SCHEMA: Final = 1
EVENTS: Final[tuple[type[events.Event], ...]] = tuple(events.Event.__subclasses__())
_ANY_EVENT = Union[EVENTS]  # type: ignore[valid-type]  # noqa: UP007  # made of a tuple

_TIME = r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z\Z"

Clock: TypeAlias = Callable[[], float]


class Stamp(msgspec.Struct, frozen=True):
    """When an event happened.

    Attributes:
        schema: Version of what the members mean.
        time: In UTC, to the millisecond.
        at_s: Seconds by a clock that nobody sets. Only differences count, and only between lines
            that one process wrote.
    """

    schema: int
    time: Annotated[str, msgspec.Meta(pattern=_TIME)]
    at_s: float


class StampedEvent(NamedTuple):
    """An event, and when it happened."""

    stamp: Stamp
    event: events.Event


class EventLines(NamedTuple):
    """What was read.

    Attributes:
        events: In the order of the lines.
        unreadable: How many lines were left out: torn, damaged, or of events that are not known.
    """

    events: tuple[StampedEvent, ...]
    unreadable: int


def stamp(now: Clock, now_s: Clock) -> Stamp:
    """The present moment.

    Args:
        now: Seconds since 1970.
        now_s: Seconds by a clock that nobody sets.
    """
    moment = datetime.fromtimestamp(now(), UTC).isoformat(timespec="milliseconds")
    return Stamp(SCHEMA, moment.replace("+00:00", "Z"), round(now_s(), 6))


def encode_line(stamped: StampedEvent) -> bytes:
    """The line of an event, with its end."""
    try:
        head, body = msgspec.json.encode(stamped.stamp), events.encode(stamped.event)
    except UnicodeEncodeError:  # a path that is not UTF-8: only JSON's escapes can express it
        head = msgspec.json.encode(stamped.stamp)
        body = json.dumps(msgspec.to_builtins(stamped.event), separators=(",", ":")).encode()
    return head[:-1] + b"," + body[1:] + b"\n"


def decode_lines(lines: Iterable[bytes], *, source: str) -> EventLines:
    """Read what `encode_line` wrote.

    Args:
        lines: Of a file; the last one may be torn, because its process may have been killed.
        source: What they were read from, for messages.

    Raises:
        DocumentError: They were written in a schema that this dlcore does not know, or none of them
            is an event.
    """
    found, unreadable = list[StampedEvent](), 0
    for line in filter(bytes.strip, lines):
        try:
            document = json.loads(line, parse_float=_finite, parse_constant=_finite)
            at = msgspec.convert(document, Stamp)
            if at.schema != SCHEMA:
                raise _unknown(source, at.schema)
            found.append(StampedEvent(at, msgspec.convert(document, _ANY_EVENT)))
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
            unreadable += 1
    if unreadable and not found:
        raise DocumentError(
            f"{source}: no line of it is an event of dlcore",
            remedy="Name a file that --events-file has written, or a run by its number.",
        )
    return EventLines(tuple(found), unreadable)


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number} is not a finite number")
    return value


def _unknown(source: str, schema: int) -> DocumentError:
    return DocumentError(
        f"{source}: events of schema {schema}, and this dlcore reads schema {SCHEMA}",
        remedy="Read them with the dlcore that wrote them.",
    )
