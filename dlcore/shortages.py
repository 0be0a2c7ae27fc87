"""What the system refuses to a process that asks for too much: no fault of dlcore.

Such an error may come out of any line, so it is known by what it is, where commands end.
"""

from __future__ import annotations

import errno
import os
from typing import Final

from dlcore.errors import ShortageError

_CODES: Final = {
    errno.ENOMEM: "memory",
    errno.EMFILE: "open files",
    errno.ENFILE: "open files",
    errno.EAGAIN: "processes or threads",
}
"""``EAGAIN`` is what ``fork`` says (man 2 fork); a socket that says it is asked again."""

_TEXTS: Final = {
    "can't start new thread": "threads",
    "can't allocate lock": "memory",
    "failed to map segment": "memory",
    **{os.strerror(code): what for code, what in _CODES.items()},
}
"""What Python's and the loader's errors say that have no code."""

_REMEDY: Final = (
    "Close other programs, or raise the limits of this one (ulimit -a, or those of its service or"
    " container), and run again. What was verified is kept."
)


def shortage_in(error: BaseException) -> ShortageError | None:
    """The shortage that an unforeseen error comes from; None if it comes from none."""
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        what = _lacking(link)
        # What was raised while a socket that must be asked again was handled does not count.
        if what and (link is error or not isinstance(link, BlockingIOError)):
            return ShortageError(f"the system gives no more {what}", remedy=_REMEDY)
        link = _cause_of(link)
    return None


def _cause_of(error: BaseException) -> BaseException | None:
    if isinstance(error, BaseExceptionGroup):
        return error.exceptions[0]
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _lacking(error: BaseException) -> str:
    match error:
        case MemoryError():
            return "memory"
        case OSError(errno=int(code)):
            return _CODES.get(code, "")
        case RuntimeError() | ImportError() | OSError():
            text = str(error)
            return next((what for known, what in _TEXTS.items() if known in text), "")
        case _:
            return ""
