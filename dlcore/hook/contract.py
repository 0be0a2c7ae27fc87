"""How Windows' own engine calls a download program, and what the exit code tells it.

``PROGRAM INI PACKAGE-ID DESTINATION``: the INI file has sources and credentials for the program.
Its form is not public, so it is never opened here, and its name goes nowhere. Exit code 0 means
that the destination holds the package. With the code that the variable ``SMSTSDownloadAbortCode``
names, the download fails for good; with any other code Windows downloads the package itself.

Windows makes the same call for each package of a *Download Package Content* step, and when a script
runs ``OSDDownloadContent.exe``; then the destination may be a folder of the client cache.

Source: KB 2744420 and Microsoft Learn, "Task sequence variables: SMSTSDownloadProgram,
SMSTSDownloadAbortCode"; the order of the arguments is observed.
"""

from __future__ import annotations

import enum
import ntpath
import os
import posixpath
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from dlcore.errors import ConfigError
from dlcore.hook.environment import TaskSequenceEnvironment
from dlcore.package_ids import HOW_TO_WRITE_A_PACKAGE_ID, package_id
from dlcore.printable import quoted

DELIVERED: Final = 0
ARGUMENTS: Final = 3  # of each call
_FALL_BACK: Final = (1, 2)  # the second one where the first is the code that aborts
_CODES: Final = 1 << 32  # exit codes of Windows have 32 bits, and people write them with a sign


class OnFailure(enum.StrEnum):
    """What a failure of dlcore means for the task sequence."""

    FALL_BACK = "fall-back"
    """Windows downloads the package itself."""

    ABORT = "abort"
    """The step fails."""


class Call(NamedTuple):
    """One call of the program.

    Attributes:
        package_id: The package that is asked for.
        destination: The folder that is to hold it; absolute.
    """

    package_id: str
    destination: Path


def parse_call(arguments: Sequence[str], *, platform: str = sys.platform) -> Call:
    """What a call asks for.

    Args:
        arguments: Those behind the program's name.
        platform: As `sys.platform`.

    Raises:
        ConfigError: It is not a call for a package. The message has neither the INI file's name nor
            what was given in place of a package id or of the three arguments.
    """
    if len(arguments) != ARGUMENTS:
        raise ConfigError(
            f"called with {len(arguments)} arguments in place of {ARGUMENTS}: the program is called"
            " as `dlcore-smsts INI PACKAGE-ID DESTINATION`",
            remedy="Windows calls it so when SMSTSDownloadProgram names it, without arguments.",
        )
    _, package, destination = arguments
    found = package_id(package)
    if found is None:
        raise ConfigError(
            "the second argument is not a package id",
            remedy=HOW_TO_WRITE_A_PACKAGE_ID,
        )
    if platform == "win32":
        destination = destination.rstrip('"')  # of `"C:\a folder\"`, by the rules for arguments
    paths = ntpath if platform == "win32" else posixpath
    is_absolute = paths.isabs(destination) and (
        platform != "win32" or paths.splitdrive(destination)[0]
    )
    if not is_absolute or "\0" in destination:
        raise ConfigError(
            f"the destination of package {found} is not an absolute path: {quoted(destination)}",
            remedy="Windows names an absolute path. Do so when you call the program yourself.",
        )
    return Call(found, Path(destination))


class Failure(NamedTuple):
    """What a failure becomes.

    Attributes:
        status: The exit code.
        is_final: Whether the step fails; else Windows downloads the package itself.
        note: Why it is not final although the settings wish it; empty if they do not.
    """

    status: int
    is_final: bool = False
    note: str = ""


def failure(environment: TaskSequenceEnvironment) -> Failure:
    """The exit code of a call that failed. Bad settings never make a failure final."""
    code = _abort_code(environment.get("SMSTSDownloadAbortCode"))
    status = next(each for each in _FALL_BACK if each != code)
    if environment.get("DLCORE_HOOK_ON_FAILURE").strip().lower() != OnFailure.ABORT:
        return Failure(status)
    if not code:
        return Failure(
            status,
            note="DLCORE_HOOK_ON_FAILURE is abort, but SMSTSDownloadAbortCode is not the number of"
            " a failure",
        )
    return Failure(code, is_final=True)


def system_status(code: int, *, platform: str = os.name) -> int:
    """An exit code as the system's exit call takes it: signed on Windows, one byte elsewhere."""
    if platform != "nt":
        return code & 0xFF
    return code - _CODES if code >= _CODES // 2 else code


def _abort_code(text: str) -> int | None:
    """A decimal or hexadecimal number as an exit code, from 0 on; None if it is not one."""
    try:
        code = int(text.strip(), 0 if text.strip().lower().startswith("0x") else 10)
    except ValueError:
        return None
    return code % _CODES if -_CODES // 2 <= code < _CODES else None
