"""What the system refuses is known as such, wherever it comes out."""

from __future__ import annotations

import errno
import os

import pytest

from dlcore.cli.ending.endings import ending_of
from dlcore.shortages import shortage_in

SHORTAGES = [
    (MemoryError(), "memory"),
    (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), "memory"),
    (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "open files"),
    (OSError(errno.ENFILE, os.strerror(errno.ENFILE)), "open files"),
    (BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)), "processes or threads"),
    (RuntimeError("can't start new thread"), "threads"),
    (ImportError(f"lib.so: cannot open: {os.strerror(errno.EMFILE)}"), "open files"),
    (ImportError("lib.so: failed to map segment from shared object"), "memory"),
    (ExceptionGroup("two", [MemoryError(), ValueError()]), "memory"),
]


@pytest.mark.parametrize(("error", "what"), SHORTAGES)
def test_a_shortage_is_no_fault_of_dlcore(error: Exception, what: str) -> None:
    """Fault: no more memory, threads or open files. dlcore says so, and keeps what is verified."""
    ending = ending_of(error)
    assert (ending.code, ending.exit_status) == ("shortage", 22)
    assert ending.message == f"the system gives no more {what}"


def test_a_shortage_behind_another_error_is_found() -> None:
    with pytest.raises(ValueError, match="x") as raised:
        _raise_while_memory_is_short()
    assert shortage_in(raised.value)


def _raise_while_memory_is_short() -> None:
    try:
        raise MemoryError
    except MemoryError as error:
        raise ValueError("x") from error


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOENT, "x"),
        RuntimeError("x"),
        ImportError("no module"),
        ExceptionGroup("x", [OSError()]),
    ],
)
def test_any_other_error_is_none(error: Exception) -> None:
    assert shortage_in(error) is None
    assert ending_of(error).code == "internal"
