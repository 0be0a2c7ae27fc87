"""The programs that are compared, and which version of each is here."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple


class Rival(NamedTuple):
    """A program.

    Attributes:
        name: As people call it.
        program: As the shell calls it.
        install: How to get it.
    """

    name: str
    program: str
    install: str

    def is_installed(self) -> bool:
        """Whether it can be tried here."""
        return self.name == "dlcore" or shutil.which(self.program) is not None

    def version(self) -> str:
        """What it says that it is; without a date."""
        if self.name == "dlcore":
            return f"dlcore {version('dlcore-engine')}"  # of the tree one stands in
        said = subprocess.run(
            [self.program, "--version"], capture_output=True, text=True, check=False
        )
        words = said.stdout.split("\n")[0].split()
        number = next((word for word in words if word.lstrip("vV")[:1].isdigit()), "")
        return f"{self.name} {number.lstrip('vV')}"


RIVALS = (
    Rival("dlcore", "dlcore", "make test"),
    Rival("curl", "curl", "apt-get install curl"),
    Rival("aria2", "aria2c", "apt-get install aria2"),
    Rival("wget2", "wget2", "apt-get install wget2"),
    Rival("rclone", "rclone", "apt-get install rclone"),
)


def dlcore_program(folder: Path, program: str = "") -> Path:
    """Put a program ``dlcore`` into a folder for PATH.

    Args:
        folder: To be made.
        program: What it starts; by default dlcore of the tree one stands in.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = shlex.quote(program) if program else f"{shlex.quote(sys.executable)} -m dlcore"
    script = folder / "dlcore"
    script.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return folder
