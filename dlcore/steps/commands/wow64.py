"""Which of the two copies of a Windows program a 32-bit parent would start.

The task sequence engine is a 32-bit program, so on 64-bit Windows its commands come from
``SysWOW64`` unless the step disables the redirection. dlcore is a 64-bit program, and chooses the
copy itself. A program that exists in ``System32`` only is started from there: ConfigMgr would fail.

Source: Microsoft Learn, "Task sequence steps", Run Command Line, *Disable 64-bit file system
redirection*; "File System Redirector" for the folders that are not redirected.
"""

from __future__ import annotations

import ntpath
from collections.abc import Callable, Mapping
from typing import Final

_NOT_REDIRECTED: Final = (
    "catroot",
    "catroot2",
    "driverstore",
    "drivers\\etc",
    "logfiles",
    "spool",
)


def redirected(program: str, environment: Mapping[str, str], exists: Callable[[str], bool]) -> str:
    """The file that is started in place of a program.

    Args:
        program: A full path.
        environment: Names the folder of Windows, and tells whether it is a 64-bit one.
        exists: Whether there is a file of that path.
    """
    known = {name.upper(): value for name, value in environment.items()}
    windows = known.get("SYSTEMROOT") or known.get("WINDIR", "")
    if known.get("PROCESSOR_ARCHITECTURE", "").upper() != "AMD64" or not windows:
        return program
    system = ntpath.join(windows, "System32") + "\\"
    path = ntpath.normpath(program)
    if not path.lower().startswith(system.lower()):
        return _native(path, windows) or program
    rest = path[len(system) :]
    if rest.lower().startswith(_NOT_REDIRECTED):
        return program
    other = ntpath.join(windows, "SysWOW64", rest)
    return other if exists(other) else program


def _native(path: str, windows: str) -> str | None:
    """The 64-bit program that a 32-bit parent names by ``Sysnative``, which only it can see."""
    sysnative = ntpath.join(windows, "Sysnative") + "\\"
    if path.lower().startswith(sysnative.lower()):
        return ntpath.join(windows, "System32", path[len(sysnative) :])
    return None
