"""What a command prints: masked, bounded, passed on live, and complete when the command ends."""

from __future__ import annotations

import os
import re
import sys
import threading

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dlcore.steps.commands.command_output import CommandOutput
from dlcore.steps.commands.masking import MaskedStream
from dlcore.steps.commands.output_tail import (
    MAX_LINE_CHARACTERS,
    MAX_SHOWN_LINES,
    MAX_VARIABLE_CHARACTERS,
    OutputTail,
)

SECRETS = st.lists(st.text("ab", min_size=1, max_size=5), max_size=4)
PIECES = st.lists(st.text("abc", max_size=6), max_size=8)


@given(SECRETS, PIECES)
@example(["ab", "abb"], ["a", "b", "b", "ab"])
@example(["abba", "bab"], ["abb", "ab"])
def test_a_secret_is_masked_in_whatever_pieces_it_comes(
    secrets: list[str], pieces: list[str]
) -> None:
    """Fault: a command prints a secret piece by piece. dlcore masks it all the same."""
    stream = MaskedStream(secrets)
    shown = b"".join([*(stream.feed(piece.encode()) for piece in pieces), stream.end()]).decode()
    longest_first = sorted(set(secrets), key=len, reverse=True)
    whole = "".join(pieces)
    expected = re.sub("|".join(longest_first), "***", whole) if longest_first else whole
    assert shown == expected


def test_only_the_beginning_of_a_secret_is_held_back() -> None:
    stream = MaskedStream(["hunter2"])
    assert stream.feed(b"password: hunt") == b"password: "
    assert stream.feed(b"ing") == b"hunting"
    assert stream.feed("hünter2 hunter2".encode()) == "hünter2 ***".encode()
    assert MaskedStream(["hunter2"]).feed("hunter2".encode("utf-16-le")) == b"***"


def tail_of(*pieces: bytes) -> OutputTail:
    tail = OutputTail()
    for piece in pieces:
        tail.add(piece)
    return tail


def test_the_last_lines_are_shown() -> None:
    tail = tail_of(*(b"line %d\r\n\n" % number for number in range(100_000)))
    lines = tail.lines().split("\n")
    assert len(lines) == MAX_SHOWN_LINES
    assert lines[-1] == "line 99999"


def test_what_is_shown_is_bounded_and_printable() -> None:
    """Fault: a command prints what a terminal obeys, without end. dlcore shows a plain end."""
    tail = tail_of(b"\x1b[2Jgone\xe9\n", b"10 %\r20 %\r\n", b"y" * 10_000_000)
    cleared, percent, long = (
        tail_of(b"\x1b[2Jgone\xe9\n", b"10 %\r20 %\r\n", b"y" * 400).lines().split("\n")
    )
    foreign = b"\xe9".decode("oem") if sys.platform == "win32" else "\ufffd"
    assert (cleared, percent) == (f"\\x1b[2Jgone{foreign}", "20 %")
    assert long == tail.lines() == "y" * MAX_LINE_CHARACTERS + "..."
    assert tail_of().lines() == ""


def test_a_variable_gets_the_last_characters() -> None:
    tail = tail_of("é".encode() * 3_000, b"end\r\n")
    assert tail.value() == "é" * (MAX_VARIABLE_CHARACTERS - 3) + "end"
    assert tail_of(b"\xa9\xa9ok").value() == "ok"  # the beginning of a character is missing


@pytest.fixture
def shown() -> list[bytes]:
    return []


@pytest.fixture
def output(shown: list[bytes]) -> CommandOutput:
    made = CommandOutput(["hunter2"], shown.append)
    made.begin()
    return made


def test_all_that_was_printed_is_there_at_the_end(
    output: CommandOutput, shown: list[bytes]
) -> None:
    os.write(output.write_end, b"A" * 60_000 + b"hunter2\nlast hunter2")
    output.finish()
    assert output.lines().split("\n")[-1] == "last ***"
    assert output.value().endswith("hunter2\nlast hunter2")
    assert b"".join(shown) == b"A" * 60_000 + b"***\nlast ***"


def test_what_comes_after_the_end_is_passed_on_but_not_kept() -> None:
    """Fault: a command leaves a process that holds its output. dlcore does not wait for it."""
    shown: list[bytes] = []
    is_passed_on = threading.Event()

    def take(data: bytes) -> None:
        shown.append(data)
        if b"late" in data:
            is_passed_on.set()

    output = CommandOutput([], take)
    left_behind = os.dup(output.write_end)
    output.begin()
    os.write(output.write_end, b"early")
    output.finish()
    os.write(left_behind, b"late")
    assert is_passed_on.wait(10)
    os.close(left_behind)
    assert output.lines() == "early"
    assert b"".join(shown) == b"earlylate"


def test_what_was_abandoned_is_not_closed_again() -> None:
    """Fault: a command cannot be started, and the run is interrupted meanwhile: its output is given
    up twice. A file that was opened in between stays open.
    """
    output = CommandOutput(())
    output.abandon()
    read_end, write_end = os.pipe()
    output.abandon()
    os.write(write_end, b"x")
    assert os.read(read_end, 1) == b"x"
    os.close(read_end)
    os.close(write_end)
