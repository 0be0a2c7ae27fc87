"""The start and the end of a process that is nothing but dlcore.

Quicker than Python's own ways, which have to suit every program. No command depends on either: a
program that calls `main` with arguments of its own has neither.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import NoReturn

from dlcore.cli.loading import load

INTERRUPTED = 130  # what a shell says of a process that the user interrupted


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run a command line and exit with its status.

    Args:
        arguments: Of a command line inside another program; by default the process's own, with
            which it ends.
    """
    if arguments is None:
        try:
            prepare(sys.argv[1:])
        except KeyboardInterrupt:  # so early that nothing need be said
            leave(INTERRUPTED)
    from dlcore.cli.app import status_of  # it takes long: not before `prepare` has done it

    if arguments is None:
        leave(status_of(sys.argv[1:]))
    sys.exit(status_of(arguments))


def prepare(arguments: list[str]) -> None:
    """Import what will be needed, while the connections that will be needed are opened."""
    command = arguments[0] if arguments else ""
    if command == "fetch" and any("://" in argument for argument in arguments):
        from dlcore.cli.haste import can_wait, connect_early

        connect_early(arguments)
        load(["dlcore.cli.app", "dlcore.cli.fetch"])
        if not can_wait(arguments):
            load(["dlcore.transfer.http"])
        return
    load(["dlcore.cli.app"])
    from dlcore.cli.app import COMMANDS

    if command in COMMANDS:
        load([f"dlcore.cli.{command}"])
    if command == "run":
        load(["dlcore.transfer.http"])


def leave(status: int) -> NoReturn:
    """End the process without taking its modules apart, object by object.

    All that must last is on disk by now, and no thread outlives the command that started it.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, AttributeError):
            stream.flush()
    os._exit(status)
