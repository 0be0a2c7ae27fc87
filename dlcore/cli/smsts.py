"""``dlcore-smsts``: called by Windows' own task sequence engine, and by people who try it.

Windows gives it three arguments; then it prints nothing, and ends as `dlcore.hook.contract` says.
Whoever calls it otherwise is told on standard error what it is, and whoever looks on at a terminal
why it failed. ``docs/hook.md`` tells how it is set up.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Final

from dlcore import __version__
from dlcore.hook.contract import ARGUMENTS, system_status
from dlcore.hook.ending import ignore_requests
from dlcore.hook.program import Program

USAGE: Final = """\
dlcore-smsts delivers packages to the task sequence engine of Windows, which calls it when the task
sequence variable SMSTSDownloadProgram names it:

  dlcore-smsts INI PACKAGE-ID DESTINATION

Exit code 0: the folder DESTINATION holds the package. Any other: it does not, and the engine
downloads the package itself. dlcore-smsts.log says why; it lies beside smsts.log, or outside a task
sequence in the folder for temporary files. INI is not read. To try it, give any word for it:

  dlcore-smsts none ABC00012 C:\\Temp\\ABC00012

'dlcore help hook' shows how it is set up. --version shows the version.
"""


def main() -> int:
    """Run the program with the arguments of this process; returns its exit status."""
    ignore_requests()  # `Program` heeds them, until it is known how it ends
    logging.getLogger("dlcore").addHandler(logging.NullHandler())  # the hook has a log of its own
    program = Program(
        __version__,
        leave=lambda status: os._exit(system_status(status)),
        tell=lambda text: tell(f"{text}\n") if sys.stderr and sys.stderr.isatty() else None,
    )
    return system_status(status_of(sys.argv[1:], program.run))


def status_of(arguments: Sequence[str], serve: Callable[[Sequence[str]], int]) -> int:
    """Answer a person, or serve a call.

    Args:
        arguments: Those behind the program's name.
        serve: Serves a call, also one that is wrong: it knows the exit code of a failure.
    """
    match arguments:
        case ["-h" | "--help"]:
            sys.stdout.write(USAGE)
            return 0
        case ["--version"]:
            sys.stdout.write(f"dlcore-smsts {__version__}\n")
            return 0
    if len(arguments) != ARGUMENTS:
        tell(USAGE)
    return serve(arguments)


def tell(text: str) -> None:
    """Write to standard error, if there is one and it can be written to."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(text)
        sys.stderr.flush()
