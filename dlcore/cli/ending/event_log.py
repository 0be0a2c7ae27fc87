"""The Windows Event Log: that a command began, and how it ended (``--event-log``).

An event id is a fixed number, so that it can be filtered and watched for: `BEGAN`, or `ENDED` and
the exit status together. A command that began and did not end was killed, or the power was lost.

Windows needs a message file to show the text of an event alone. The one of its own
``eventcreate.exe`` shows the text of the ids 1 to 1000 as it is, so dlcore brings none along;
docs/windows.md says how an administrator registers it. Without it Event Viewer adds a remark.

Source: Microsoft Learn, "ReportEventW function", "RegisterEventSourceW function", "eventcreate".
"""

from __future__ import annotations

import contextlib
import enum
import sys
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from dlcore.cli.ending.endings import RESTART, Ending
from dlcore.cli.output import tell
from dlcore.errors import ConfigError, IntegrityError

SOURCE: Final = "dlcore"
BEGAN: Final = 1
ENDED: Final = 100
MAX_TEXT_CHARS: Final = 31_839  # of one string of an event
BY_THE_USER: Final = frozenset({130, 141, 143})


class EventType(enum.IntEnum):
    """How serious an event is, with the numbers that Windows has for it."""

    ERROR = 1
    WARNING = 2
    INFORMATION = 4


class Event(NamedTuple):
    """What is written to the log."""

    type: EventType
    event_id: int
    text: str


class Reporter:
    """Reports one command.

    Args:
        command: How it was called, such as ``dlcore run``.
        write: Puts an event into the log; an OSError is told once, and the command goes on.
    """

    def __init__(self, command: str, write: Callable[[Event], None]) -> None:
        self._command = command
        self._write = write

    def began(self) -> None:
        """The command has begun."""
        self._report(EventType.INFORMATION, BEGAN, f"{self._command} began.")

    def ended(self, exit_status: int, ending: Ending | None = None) -> None:
        """The command has ended.

        Args:
            exit_status: As ``docs/exit-codes.md`` lists them.
            ending: The error that ended it; None if it came to its own end.
        """
        text = f"{self._command} ended with status {exit_status}"
        if ending:
            text += f" ({ending.code}): {ending.message}\n{ending.remedy}"
        elif exit_status == IntegrityError.exit_status:
            text += ": content is damaged."
        self._report(_type_of(exit_status), ENDED + exit_status, text)

    def _report(self, event_type: EventType, event_id: int, text: str) -> None:
        try:
            self._write(Event(event_type, event_id, text[:MAX_TEXT_CHARS]))
        except OSError as error:
            tell(f"warning: --event-log: event {event_id} is not written: {error.strerror}")


def _type_of(exit_status: int) -> EventType:
    if exit_status in (0, RESTART):
        return EventType.INFORMATION
    return EventType.WARNING if exit_status in BY_THE_USER else EventType.ERROR


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _api = ctypes.WinDLL("advapi32", use_last_error=True)
    _api.RegisterEventSourceW.argtypes = [wintypes.LPCWSTR, wintypes.LPCWSTR]
    _api.RegisterEventSourceW.restype = wintypes.HANDLE
    _api.DeregisterEventSource.argtypes = [wintypes.HANDLE]
    _api.ReportEventW.argtypes = [
        wintypes.HANDLE,  # hEventLog
        wintypes.WORD,  # wType
        wintypes.WORD,  # wCategory
        wintypes.DWORD,  # dwEventID
        wintypes.LPVOID,  # lpUserSid
        wintypes.WORD,  # wNumStrings
        wintypes.DWORD,  # dwDataSize
        ctypes.POINTER(wintypes.LPCWSTR),  # lpStrings
        wintypes.LPVOID,  # lpRawData
    ]

    @contextlib.contextmanager
    def _event_log() -> Iterator[Callable[[Event], None]]:
        """What writes to the Event Log of this machine; if there is none, each event fails."""
        handle = _api.RegisterEventSourceW(None, SOURCE)

        def write(event: Event) -> None:
            texts = (wintypes.LPCWSTR * 1)(event.text)
            is_written = _api.ReportEventW(
                handle,
                event.type,
                0,  # no category
                event.event_id,
                None,  # no user
                len(texts),
                0,  # no binary data
                texts,
                None,
            )
            if not is_written:
                raise ctypes.WinError(ctypes.get_last_error())

        try:
            yield write
        finally:
            if handle:
                _api.DeregisterEventSource(handle)


@contextlib.contextmanager
def reporter(command: str, *, asked_for: bool) -> Iterator[Reporter]:
    """What reports a command: to the Event Log of this machine, or nowhere.

    Args:
        command: How it was called.
        asked_for: Whether there is to be a report.

    Raises:
        ConfigError: A report is asked for where there is no Event Log.
    """
    if not asked_for:
        yield Reporter(command, lambda event: None)
        return
    if sys.platform == "win32":
        with _event_log() as write:
            yield Reporter(command, write)
    else:
        raise ConfigError(
            "--event-log: only Windows has an Event Log",
            remedy="Use --log-file in its place.",
        )
