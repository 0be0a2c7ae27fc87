"""The command line: one file for each command, and what they share.

`app` finds the command; `logs` and `configured` are what each command is made of; `output` prints.
The inner rooms: `options` has the options that several commands have, `configuration` what sets
them besides the command line, `live` what is told while a command works, `results` what is printed
at its end, and `ending` how it ends.

Results go to standard output, everything else to standard error. Errors are one clear message
with a remedy and a documented exit status; nothing heavier than click is imported before a
command needs it.
"""

from __future__ import annotations

import gc
import sys
from typing import Final, NoReturn

__all__ = ["main"]

_OBJECTS_BETWEEN_LOOKS: Final = 50_000
"""New objects after which Python looks for garbage; those of some ten megabytes."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run a command line and exit with its status.

    Args:
        arguments: The command and its arguments; None for those of the process.
    """
    is_own_process = arguments is None
    if is_own_process:
        # By default Python looks after every 700, and what a command loads is not garbage.
        gc.set_threshold(_OBJECTS_BETWEEN_LOOKS)
    from dlcore.cli.app import status_of

    status = status_of(sys.argv[1:] if arguments is None else arguments)
    if is_own_process:
        # Python would look for garbage in all that was imported before the process ends.
        gc.freeze()
    sys.exit(status)
