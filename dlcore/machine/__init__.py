"""What this computer tells about itself, to the steps and to the engine.

`Machine` has the questions. A machine answers each or raises OSError, with the reason: it never
guesses. `answer_or_none` asks where the reason does not matter. `this_machine` is the machine that
this process runs on.
"""

from __future__ import annotations

import sys

from dlcore.machine.interface import Adapter as Adapter
from dlcore.machine.interface import Identity as Identity
from dlcore.machine.interface import Machine as Machine
from dlcore.machine.interface import NamedMachine as NamedMachine
from dlcore.machine.interface import OperatingSystem as OperatingSystem
from dlcore.machine.interface import SecureBoot as SecureBoot
from dlcore.machine.interface import SilentMachine as SilentMachine
from dlcore.machine.interface import answer_or_none as answer_or_none


def this_machine() -> Machine:
    """The machine that this process runs on; it tells only its name on an unknown system."""
    if sys.platform == "win32":
        from dlcore.machine.windows import WindowsMachine

        return WindowsMachine()
    if sys.platform == "linux":
        from dlcore.machine.linux import LinuxMachine

        return LinuxMachine()
    return NamedMachine()
