"""``dlcore-smsts``: called by Windows' own task sequence engine, never by people.

So it has no options, prints nothing, and ends as `dlcore.hook.contract` says. The page
``docs/hook.md`` tells how it is set up.
"""

from __future__ import annotations

import logging
import os
import sys

from dlcore import __version__
from dlcore.hook.contract import system_status
from dlcore.hook.program import Program


def main() -> int:
    """Run the program with the arguments of this process; returns its exit status."""
    logging.getLogger("dlcore").addHandler(logging.NullHandler())  # the hook has a log of its own
    program = Program(__version__, leave=lambda status: os._exit(system_status(status)))
    return system_status(program.run(sys.argv[1:]))
