"""The Windows Event Log: one event when a command begins, one when it ends."""

from __future__ import annotations

import sys

import click
import pytest

from dlcore.cli.ending.event_log import ENDED, MAX_TEXT_CHARS, Event, EventType, Reporter
from dlcore.cli.ending.termination import Terminated
from dlcore.cli.logs import LoggedCommand
from dlcore.cli.output import OutputClosed
from dlcore.errors import IntegrityError
from tests.cli.conftest import Site
from tests.cli.helpers import Here

BEGAN = Event(EventType.INFORMATION, 1, "dlcore run began.")


def events_of_error(error: BaseException) -> list[Event]:
    """What is reported of a command that ends with this error, which is passed on."""

    def fail() -> int:
        raise error

    command = LoggedCommand("run", callback=fail)
    events: list[Event] = []
    with pytest.raises(type(error)):
        command.invoke_reported(click.Context(command), Reporter("dlcore run", events.append))
    return events


@pytest.mark.parametrize(
    ("status", "event_type", "text"),
    [
        (0, EventType.INFORMATION, "dlcore run ended with status 0"),
        (7, EventType.ERROR, "dlcore run ended with status 7: content is damaged."),
        (15, EventType.ERROR, "dlcore run ended with status 15"),
        (16, EventType.INFORMATION, "dlcore run ended with status 16"),
    ],
)
def test_the_id_of_the_last_event_tells_the_exit_status(
    status: int, event_type: EventType, text: str
) -> None:
    command = LoggedCommand("run", callback=lambda: status)
    events: list[Event] = []
    report = Reporter("dlcore run", events.append)
    assert command.invoke_reported(click.Context(command), report) == status
    assert events == [BEGAN, Event(event_type, ENDED + status, text)]


@pytest.mark.parametrize(
    ("error", "event_type", "event_id", "text"),
    [
        (
            IntegrityError("a block is wrong", remedy="Publish it again."),
            *(EventType.ERROR, 107),
            "dlcore run ended with status 7 (integrity): a block is wrong\nPublish it again.",
        ),
        (ValueError("secret"), EventType.ERROR, 101, "(internal): this is a fault of dlcore"),
        (KeyboardInterrupt(), EventType.WARNING, 230, "(interrupted): interrupted"),
        (Terminated(), EventType.WARNING, 243, "(terminated): terminated"),
        (OutputClosed(), EventType.WARNING, 241, "dlcore run ended with status 141"),
        (click.exceptions.Exit(0), EventType.INFORMATION, 100, "ended with status 0"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_an_error_is_reported_with_what_to_do(
    error: BaseException, event_type: EventType, event_id: int, text: str
) -> None:
    began, ended = events_of_error(error)
    assert began == BEGAN
    assert (ended.type, ended.event_id) == (event_type, event_id)
    assert text in ended.text
    assert "secret" not in ended.text


def test_an_event_holds_as_much_text_as_windows_takes() -> None:
    _, ended = events_of_error(IntegrityError("x" * 40_000))
    assert len(ended.text) == MAX_TEXT_CHARS


def test_a_log_that_takes_no_event_is_told_and_the_command_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Fault: the Event Log does not run, as in Windows PE. That is told; the command goes on."""

    def write(event: Event) -> None:
        raise OSError(1722, "The RPC server is unavailable.")

    Reporter("dlcore run", write).ended(0)
    told = "warning: --event-log: event 100 is not written: The RPC server is unavailable."
    assert told in capsys.readouterr().err


def test_the_option_is_for_windows_alone(here: Here, site: Site) -> None:
    ended = here("verify", site.published, "--event-log", "--json")
    if sys.platform == "win32":
        assert ended.status == 0
        assert "--event-log" not in ended.err
    else:
        assert ended.status == 2
        assert ended.error["message"] == "--event-log: only Windows has an Event Log"
