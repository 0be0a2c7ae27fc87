r"""What Windows Setup leaves for the run that goes on after an upgrade.

Windows Setup runs one of two scripts: one at the end of the upgrade, before anyone can sign in; one
when the machine is back in its old Windows. Each notes which of them it was, waits as long as
``SetupCompletePause`` says, and starts the run again if it was told how. `setup_result` reads the
note, so that ``_SMSTSSetupRollback`` is right from the first step after the restart.

Windows Setup copies the scripts when it begins, so they name every file by its whole path.

Sources: Microsoft Learn, "Windows Setup command-line options" (``/PostOOBE``, ``/PostRollback``);
"Task sequence variables" (``_SMSTSSetupRollback``, ``SetupCompletePause``). ConfigMgr's own scripts
are named like these and set the same variable (observed).
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Final, NamedTuple

from dlcore.disk import system
from dlcore.plain_files import read_plain
from dlcore.printable import quoted

ROLLBACK: Final = "_SMSTSSetupRollback"
COMPLETE_SCRIPT: Final = "SetupComplete.cmd"
ROLLBACK_SCRIPT: Final = "SetupRollback.cmd"
RESULT_FILE: Final = "setup-result.txt"
SCRIPT_FOLDER: Final = "post-upgrade"
"""Where scripts and note are, in the run's work folder."""

_MAX_RESULT_BYTES: Final = 64
_MAX_PAUSE_S: Final = 99_999
"""Source: Microsoft Learn, "timeout": the longest time that the command accepts."""

_COMPLETED, _ROLLED_BACK = "completed", "rolled back"


class Scripts(NamedTuple):
    """The two scripts.

    Attributes:
        when_complete: Runs at the end of the upgrade.
        when_rolled_back: Runs if it was rolled back.
    """

    when_complete: Path
    when_rolled_back: Path


def write_scripts(work_folder: Path, *, pause_s: str = "", resume_command: str = "") -> Scripts:
    """Write both scripts.

    Args:
        work_folder: The run's; it outlives the upgrade.
        pause_s: What ``SetupCompletePause`` says; empty: no pause.
        resume_command: The command line that goes on with the run; empty: nothing is started.

    Raises:
        ValueError: The pause is not a number of seconds.
        OSError: The folder cannot be written.
    """
    if pause_s and not (re.fullmatch(r"[0-9]{1,5}", pause_s) and int(pause_s) <= _MAX_PAUSE_S):
        raise ValueError(
            f"SetupCompletePause is {quoted(pause_s[:60])}, which is not a time in seconds"
        )
    folder = work_folder / SCRIPT_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / RESULT_FILE
    with contextlib.suppress(FileNotFoundError):
        system.remove(note)  # of an earlier upgrade
    scripts = Scripts(folder / COMPLETE_SCRIPT, folder / ROLLBACK_SCRIPT)
    for script, result in zip(scripts, (_COMPLETED, _ROLLED_BACK), strict=True):
        text = _script(note, result, pause_s, resume_command)
        script.write_bytes(text.encode())  # write_text would double the carriage returns
    return scripts


def _script(note: Path, result: str, pause_s: str, resume_command: str) -> str:
    lines = ["@echo off", "chcp 65001 >nul", f'>"{_for_batch(str(note))}" echo {result}']
    if pause_s:
        lines.append(f"timeout /t {int(pause_s)} /nobreak >nul")
    if resume_command:
        lines.append(_for_batch(resume_command))
    return "".join(f"{line}\r\n" for line in lines)


def _for_batch(text: str) -> str:
    """Percent signs would quote variables of the environment."""
    return text.replace("%", "%%")


def setup_result(work_folder: Path) -> dict[str, str]:
    """The task sequence variables that tell how the last upgrade of a run ended.

    Args:
        work_folder: As for `write_scripts`. The note stays, so that it can be read again.

    Returns:
        Nothing if there is no note, or one that no script writes.
    """
    note = work_folder / SCRIPT_FOLDER / RESULT_FILE
    try:
        if not note.is_file():
            return {}
        result = read_plain(note, _MAX_RESULT_BYTES).decode("ascii", "replace").strip()
    except OSError:
        return {}
    if result not in (_COMPLETED, _ROLLED_BACK):
        return {}
    return {ROLLBACK: str(result == _ROLLED_BACK).lower()}
