"""The log of the hook: ``dlcore-smsts.log``, for CMTrace, among the logs of the task sequence.

Guarantees: a log that cannot be written stops no download. Everybody may write to the folder for
temporary files: a link in the log's place is not followed, and nothing but a regular file is
written to or waited for, such as a pipe that nobody reads. When it is too long it is renamed to
``dlcore-smsts.lo_``, as ConfigMgr does with its own, and another one begins.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Final

from dlcore.cmtrace import Kind, line
from dlcore.disk.links import refuse_link

NAME: Final = "dlcore-smsts"
_FLAGS = os.O_APPEND | os.O_CREAT | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0)
_FLAGS |= getattr(os, "O_NONBLOCK", 0)  # a pipe that nobody reads would hold the hook for ever
_FLAGS |= getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0) | getattr(os, "O_CLOEXEC", 0)


class HookLog:
    """One log, which several processes may append to in turn.

    Args:
        folder: Where it lies; made if it does not exist. If it cannot be made, as no folder can
            have that name, or if it is None, the folder for temporary files; if there is none,
            nothing is logged.
        max_bytes: Length at which it is rolled over.
    """

    def __init__(self, folder: Path | None, max_bytes: int) -> None:
        self._folder = folder
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
        data = f"{written}\r\n".encode(errors="backslashreplace")
        try:
            self._append(self._folder or _temporary(), data)
        except (OSError, ValueError):  # no path has such characters
            with contextlib.suppress(OSError):
                self._append(_temporary(), data)

    def _append(self, folder: Path, data: bytes) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{NAME}.log"
        with contextlib.suppress(OSError):  # a viewer has it open: it becomes a little longer
            if path.exists() and path.stat().st_size + len(data) > self._max_bytes:
                path.replace(path.with_suffix(".lo_"))
        refuse_link(path)
        fd = os.open(path, _FLAGS, 0o644)
        try:
            status = os.fstat(fd)
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
                os.write(fd, data)
                return
        finally:
            os.close(fd)
        # Somebody has put a pipe here, or has given another file this name.
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), str(path))


def _temporary() -> Path:
    """The folder for temporary files; raises OSError if there is none."""
    return Path(tempfile.gettempdir())
