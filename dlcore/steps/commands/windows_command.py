"""What a command line starts on Windows."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from dlcore.steps.commands.associations import Associations, opened
from dlcore.steps.commands.process import Command, Scene
from dlcore.steps.commands.quoting import windows
from dlcore.steps.commands.wow64 import redirected

if sys.platform == "win32":
    from dlcore.steps.commands.associations import RegistryAssociations as _MachineAssociations
else:

    class _MachineAssociations:
        """Other systems associate nothing."""

        def open_command(self, extension: str) -> str:
            del extension
            return ""


def windows_command(
    line: str,
    scene: Scene,
    *,
    is_redirected: bool = False,
    associations: Associations | None = None,
    find: Callable[[str, Scene], str] | None = None,
) -> Command:
    """What a command line, as its author wrote it, starts.

    Args:
        line: The line.
        scene: Where it runs.
        is_redirected: Whether 64-bit Windows is to start the 32-bit copy of a program.
        associations: What opens files that are not programs; None for the machine's own.
        find: Gives the file that a program's name stands for; None to look for it.

    Raises:
        ValueError: The value of a variable cannot be quoted, or the file at the beginning cannot
            be opened safely; the message says why.
    """
    look = find or _found
    made = windows.quote(
        line, scene.job.variables, scene.environment, lambda name: look(name, scene)
    )
    opening = opened(made.text, made.program, associations or _MachineAssociations())
    text, program = opening or made
    if is_redirected:
        program = redirected(program, scene.environment, lambda path: Path(path).is_file())
    return Command(text, program=program)


def _found(program: str, scene: Scene) -> str:
    """The file that a program's name stands for, the step's folder first."""
    path = scene.environment.get("PATH", os.defpath)
    return shutil.which(str(scene.where / program)) or shutil.which(program, path=path) or program
