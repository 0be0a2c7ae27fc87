"""Where the laboratory ran, and with what."""

from __future__ import annotations

import shutil
import subprocess
from importlib import metadata
from pathlib import Path

from bench.figures import machine
from bench.netlab import measure
from tests.nginx import find_nginx

PROGRAMS = {
    "commit": ("git", "describe", "--always", "--dirty"),
    "nginx": (find_nginx() or "nginx", "-v"),
    "curl": ("curl", "--version"),
    "wget2": ("wget2", "--version"),
    "aria2": ("aria2c", "--version"),
    "axel": ("axel", "--version"),
    "rclone": ("rclone", "--version"),
}
LIBRARIES = ("aiohttp", "azure-storage-blob", "obstore", "pypdl")


def collect(folder: Path) -> dict[str, str]:
    """Machine, file system of the output, and versions of all tools."""
    return {
        **machine(),
        "output on": measure.file_system(folder),
        **{name: _first_line(command) for name, command in PROGRAMS.items()},
        **{name: _version(name) for name in LIBRARIES},
    }


def _first_line(command: tuple[str, ...]) -> str:
    if shutil.which(command[0]) is None:
        return "not installed"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return " ".join((done.stdout or done.stderr).split("\n")[0].split()[:4])


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
