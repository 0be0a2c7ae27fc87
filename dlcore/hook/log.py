"""The log of the hook: ``dlcore-smsts.log``, for CMTrace, among the logs of the task sequence.

Guarantees: a log that cannot be written stops no download. When it is too long it is renamed to
``dlcore-smsts.lo_``, as ConfigMgr does with its own, and another one begins.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Final

from dlcore.cmtrace import Kind, line

NAME: Final = "dlcore-smsts"


class HookLog:
    """One log, which several processes may append to in turn.

    Args:
        folder: Where it lies; made if need be. If that cannot be, the folder for temporary files.
        max_bytes: Length at which it is rolled over.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folders = (folder, Path(tempfile.gettempdir()))
        self._max_bytes = max_bytes

    def write(self, text: str, kind: Kind = Kind.INFO) -> None:
        """Append a line. The text must not have values of variables, URLs or credentials."""
        caller = sys._getframe(1)  # CMTrace shows where a line comes from, as logging does
        written = line(
            text,
            kind,
            component=NAME,
            thread=threading.get_native_id(),
            file=f"{Path(caller.f_code.co_filename).name}:{caller.f_lineno}",
            created_s=time.time(),
        )
        for folder in self._folders:
            with contextlib.suppress(OSError):
                self._append(folder, f"{written}\r\n".encode(errors="backslashreplace"))
                return

    def _append(self, folder: Path, data: bytes) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{NAME}.log"
        with contextlib.suppress(OSError):  # a viewer has it open: it becomes a little longer
            if path.exists() and path.stat().st_size + len(data) > self._max_bytes:
                path.replace(path.with_suffix(".lo_"))
        with path.open("ab", buffering=0) as file:
            file.write(data)
