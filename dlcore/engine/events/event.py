"""What all events have in common."""

from __future__ import annotations

import msgspec


class Event(msgspec.Struct, frozen=True, tag_field="event", tag=True):
    """Base of all events."""


def encode(event: Event) -> bytes:
    """The event as one line of JSON, without the line's end."""
    return msgspec.json.encode(event)
