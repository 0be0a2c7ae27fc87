"""What starts Windows Setup.

A demonstration or a test has no Windows to upgrade. It gives `StandInSetup` to the step, and a
script of the name ``setup.exe`` in the media gets exactly the arguments that Windows Setup would::

    upgrade = dlcore.UpgradeOperatingSystem(dlcore.StandInSetup([sys.executable]))
    executors = dlcore.standard_executors().with_executors({UPGRADE: upgrade})
    await dlcore.run_sequence(client, sequence, executors)

The exit codes of Windows Setup have 32 bits, and those of a process on POSIX only 8. The script
writes a code that is longer, such as ``0xC1900210``, to the file that ``DLCORE_EXIT_CODE`` names.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec

from dlcore.plain_files import read_plain
from dlcore.steps.commands.process import Command, Commands
from dlcore.steps.commands.quoting.windows_arguments import arguments_of
from dlcore.steps.commands.working_folder import scratch_folder
from dlcore.steps.interface import Job, Outcome

EXIT_CODE_FILE: Final = "DLCORE_EXIT_CODE"
_CODE: Final = re.compile(r"0[xX][0-9A-Fa-f]{1,8}|[0-9]{1,10}")


class SetupRunner(Protocol):
    """Starts Windows Setup and waits for its end."""

    def obstacle(self) -> str:
        """Why it cannot be started on this machine; empty if it can."""
        ...

    async def run(self, job: Job, program: Path, line: str) -> Outcome:
        """Start it.

        Args:
            job: The step that it is for.
            program: ``setup.exe`` of the media.
            line: The command line, which begins with the program.

        Returns:
            Its exit code; a message if it did not come to one.
        """
        ...


class WindowsSetup:
    """Starts the media's own program. Implements `SetupRunner`.

    Args:
        commands: Runs commands.
    """

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def obstacle(self) -> str:
        """Whether this system is not Windows."""
        return "" if sys.platform == "win32" else "Windows Setup runs on Windows only"

    async def run(self, job: Job, program: Path, line: str) -> Outcome:
        """Start it with the line as it is: Windows Setup parses it itself."""
        command = Command(line, program=str(program))
        return await self._commands.run(job, lambda scene: command)


class StandInSetup:
    """Starts a script in the place of Windows Setup, on any system. Implements `SetupRunner`.

    Args:
        interpreter: What runs the script; it stands before the script's path.
        secret_variables: Names of environment variables that hold credentials. The script does
            not get them.
    """

    def __init__(
        self, interpreter: Sequence[str], *, secret_variables: Collection[str] = ()
    ) -> None:
        self._interpreter = tuple(interpreter)
        self._commands = Commands(secret_variables)

    def obstacle(self) -> str:
        """Nothing keeps a script from being run."""
        return ""

    async def run(self, job: Job, program: Path, line: str) -> Outcome:
        """Start the script with the arguments that Windows Setup would get."""
        arguments = [*self._interpreter, str(program), *arguments_of(line)[1:]]
        with scratch_folder(job) as folder:
            file = Path(folder, "exit-code")
            command = Command(arguments, environment={EXIT_CODE_FILE: str(file)})
            outcome = await self._commands.run(job, lambda scene: command)
            code = _written_code(file)
        if outcome.message or code is None:
            return outcome
        return msgspec.structs.replace(outcome, exit_code=code)


def _written_code(file: Path) -> int | None:
    """The exit code that a script has written; None if it has written none."""
    if not file.exists():
        return None
    text = read_plain(file).decode(errors="replace").strip()
    if not _CODE.fullmatch(text):
        return None
    return int(text, 16 if text[:2].lower() == "0x" else 10)  # 010 is ten, as in a batch file
