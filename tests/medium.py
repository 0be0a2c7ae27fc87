"""Syncs that wait for no disk: no test takes the power of this machine away.

What is synced before what is seen with calls that are counted, and on simulated disks. Commands in
processes of their own sync for real, and so does everything with ``DLCORE_DEEP=1``.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dlcore.disk import system

_real: list[bool] = []
"""Not empty while syncs are real."""


@contextlib.contextmanager
def not_waited_for() -> Iterator[None]:
    """Meanwhile syncs in this process do nothing; a descriptor that is not open is still told."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("fsync", "fdatasync"):
            if hasattr(os, name):
                patch.setattr(os, name, _instead_of(getattr(os, name)))
        if sys.platform == "win32":
            from dlcore.disk import windows_files

            patch.setattr(windows_files, "flush", _instead_of(windows_files.flush))
        else:
            patch.setattr(system, "_call", _call_but_syncs)
        yield


@contextlib.contextmanager
def waited_for() -> Iterator[None]:
    """Meanwhile they are real again."""
    _real.append(True)
    try:
        yield
    finally:
        _real.pop()


_call = system._call


def _instead_of(sync: Callable[[int], None]) -> Callable[[int], None]:
    def check(fd: int) -> None:
        if _real:
            sync(fd)
        else:
            os.fstat(fd)

    return check


def _call_but_syncs(name: str, *arguments: Any) -> None:
    if name not in {"syncfs", "sync_file_range"} or _real:
        _call(name, *arguments)
    else:
        os.fstat(arguments[0])
