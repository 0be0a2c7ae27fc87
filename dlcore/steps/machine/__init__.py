"""What steps ask about the computer that they run on.

`Machine` has the questions. A machine answers each or raises OSError, with the reason: it never
guesses. `this_machine` is the one that this process runs on.
"""

from __future__ import annotations

import sys

from dlcore.steps.machine.interface import Adapter as Adapter
from dlcore.steps.machine.interface import Identity as Identity
from dlcore.steps.machine.interface import Machine as Machine
from dlcore.steps.machine.interface import OperatingSystem as OperatingSystem
from dlcore.steps.machine.interface import SilentMachine as SilentMachine


def this_machine() -> Machine:
    """The machine that this process runs on; it answers nothing on a system that is not known."""
    if sys.platform == "win32":
        from dlcore.steps.machine.windows import WindowsMachine

        return WindowsMachine()
    if sys.platform == "linux":
        from dlcore.steps.machine.linux import LinuxMachine

        return LinuxMachine()
    return SilentMachine()
