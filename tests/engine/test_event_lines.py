"""Events as lines: each comes back as it was, and a torn or foreign line costs only itself."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcore.engine import events
from dlcore.engine.listeners.lines import (
    EVENTS,
    SCHEMA,
    Stamp,
    StampedEvent,
    decode_lines,
    encode_line,
    stamp,
)
from dlcore.errors import DocumentError

AT = Stamp(SCHEMA, "2026-11-29T09:02:40.123Z", 12.5)
READY = StampedEvent(AT, events.PackageReady("ABC00001", "C:\\content"))


def test_a_line_has_the_schema_both_times_and_the_event() -> None:
    line = encode_line(READY)
    assert line.endswith(b"}\n")
    assert json.loads(line) == {
        "schema": 1,
        "time": "2026-11-29T09:02:40.123Z",
        "at_s": 12.5,
        "event": "PackageReady",
        "package": "ABC00001",
        "path": "C:\\content",
    }


def test_a_stamp_is_in_utc_to_the_millisecond() -> None:
    at = stamp(lambda: 1_796_000_000.0005, lambda: 3.00000049)
    assert (at.time, at.at_s) == ("2026-11-30T00:53:20.000Z", 3.0)


@settings(derandomize=True, deadline=None)
@given(st.text(st.characters()), st.floats(0, 1e6), st.integers(0, 2**53))
def test_what_was_written_is_read(text: str, number: float, count: int) -> None:
    """Also texts that are not Unicode: paths may be any bytes."""
    told: list[events.Event] = [
        events.PackageReady("ABC00001", text),
        events.StepStarted(count, text, number, {text: number}, (text,)),
        events.Progress(count, count, number, packages={text: events.PackageProgress(1, 2)}),
    ]
    lines = [encode_line(StampedEvent(AT, event)) for event in told]
    assert all(line.count(b"\n") == 1 for line in lines)
    read = decode_lines(lines, source="test")
    assert ([stamped.event for stamped in read.events], read.unreadable) == (told, 0)


def test_every_event_can_be_written() -> None:
    assert len(EVENTS) > 20
    assert {kind.__struct_config__.tag for kind in EVENTS} == {kind.__name__ for kind in EVENTS}


def test_torn_lines_and_unknown_events_are_counted_and_left_out() -> None:
    """Fault: a process is killed while it records what happens. dlcore reads all other lines."""
    line = encode_line(READY)
    unknown = line.replace(b"PackageReady", b"NotInventedYet")
    deep = b"[" * 100_000 + b"\n"
    endless = [line.replace(b"12.5", number) for number in (b"1e999", b"NaN", b"-Infinity")]
    torn = [line[:20], b"\n", b"\x00\x00\x00\n", line[:-30]]
    lines = [line, *torn, unknown, deep, b"[]\n", *endless, line]
    read = decode_lines(lines, source="test")
    assert [stamped.event for stamped in read.events] == [READY.event, READY.event]
    assert read.unreadable == 9


def test_members_that_are_not_known_are_left_out() -> None:
    line = encode_line(READY).replace(b'"event"', b'"colour":"red","event"')
    assert decode_lines([line], source="test").events == (READY,)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([encode_line(READY).replace(b'"schema":1', b'"schema":2')], "events of schema 2"),
        ([b"<html>\n"], "no line of it is an event"),
    ],
)
def test_what_is_no_record_is_refused(lines: list[bytes], message: str) -> None:
    with pytest.raises(DocumentError, match=message) as refused:
        decode_lines(lines, source="here")
    assert refused.value.message.startswith("here: ")


def test_nothing_is_a_record_of_nothing() -> None:
    assert decode_lines([], source="test").events == ()
