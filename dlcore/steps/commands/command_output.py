"""What a command prints: passed on to standard error live, and its end kept.

Standard output and standard error come through one pipe, so their order is right. Processes that a
command leaves behind may hold the pipe open for ever. So it is not the pipe's end that says that
the output is complete, but a marker that is written into it after the command has ended; what comes
behind it is still passed on, while dlcore runs.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Final

from dlcore.steps.commands.masking import MaskedStream
from dlcore.steps.commands.output_tail import OutputTail

_MARKER_BYTES: Final = 16
"""Random, so a command cannot print it by chance."""

_READ_BYTES: Final = 64 << 10
"""As much as a pipe of Linux holds."""


def to_standard_error(data: bytes) -> None:
    """Write bytes to standard error, if there is one. The report owns standard output."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        number = sys.stderr.fileno()
        while data:
            data = data[os.write(number, data) :]


class CommandOutput:
    """The output of one command.

    Args:
        secret_values: Texts that are not to be shown.
        pass_on: Takes what can be shown, as it comes. It does not raise.

    Attributes:
        write_end: The descriptor that the command prints to.
    """

    def __init__(
        self, secret_values: Iterable[str], pass_on: Callable[[bytes], None] = to_standard_error
    ) -> None:
        self._read_end, self.write_end = os.pipe()
        self._marker = secrets.token_bytes(_MARKER_BYTES)
        self._masked = MaskedStream(secret_values)
        self._pass_on = pass_on
        self._shown = OutputTail()
        self._whole = OutputTail()
        self._is_complete = threading.Event()
        self._is_over = False

    def begin(self) -> None:
        """Begin to read, as soon as the command has started."""
        threading.Thread(target=self._read, name="dlcore-step-output", daemon=True).start()

    def abandon(self) -> None:
        """Read nothing: the command has not started. Idempotent, also after `finish`."""
        if not self._is_over:
            self._is_over = True
            os.close(self._read_end)
            os.close(self.write_end)

    def finish(self) -> None:
        """Wait until all that the command printed before its end has been read. Blocks."""
        with contextlib.suppress(OSError):
            os.write(self.write_end, self._marker)
        self._is_complete.wait()
        self._is_over = True
        os.close(self.write_end)

    def lines(self) -> str:
        """The last lines, to be shown: without secrets and control characters."""
        return self._shown.lines()

    def value(self) -> str:
        """The last characters, for a variable; they may contain secrets."""
        return self._whole.value()

    def _read(self) -> None:
        try:
            self._read_command()
        finally:
            self._is_complete.set()
        with contextlib.suppress(OSError):
            while data := os.read(self._read_end, _READ_BYTES):
                self._pass_on(self._masked.feed(data))
        self._pass_on(self._masked.end())
        os.close(self._read_end)

    def _read_command(self) -> None:
        pending = b""
        while data := os.read(self._read_end, _READ_BYTES):
            before, marker, after = (pending + data).partition(self._marker)
            pending = b"" if marker else _end_in_common(before, self._marker)
            self._take(before.removesuffix(pending) if pending else before)
            if marker:
                self._show(self._masked.end())
                self._pass_on(self._masked.feed(after))
                return
        self._take(pending)

    def _take(self, data: bytes) -> None:
        self._whole.add(data)
        self._show(self._masked.feed(data))

    def _show(self, data: bytes) -> None:
        self._shown.add(data)
        self._pass_on(data)


def _end_in_common(data: bytes, marker: bytes) -> bytes:
    """The longest end of the data with which the marker begins."""
    lengths = range(min(len(data), len(marker)), 0, -1)
    return next((marker[:n] for n in lengths if data.endswith(marker[:n])), b"")
