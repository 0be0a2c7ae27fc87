"""What ``dlcore --version -v`` tells: everything that a report of a fault should name."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from typing import Final

import dlcore

PARTS: Final = (
    "aiohttp",
    "click",
    "defusedxml",
    "msgspec",
    "platformdirs",
    "truststore",
    "xxhash",
    "cryptography",  # this one and those after it belong to the extras
    "obstore",
    "rich",
    "tuf",
)


def version_lines(*, verbose: bool) -> list[str]:
    """The version; if verbose, those of Python, the system, the native core and all parts."""
    lines = [f"dlcore, version {dlcore.__version__}"]
    if verbose:
        from dlcore import native

        lines += [
            f"Python {platform.python_version()} ({sys.executable})",
            f"system {platform.platform()}",
            native.describe().line,
            *(f"{part} {_version_of(part)}" for part in PARTS),
        ]
    return lines


def _version_of(part: str) -> str:
    try:
        return importlib.metadata.version(part)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
