"""How a command says why it ends: in order, or at once while some thread hangs."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from dlcore.cli.ending.termination import INTERRUPTED_STATUS, TERMINATED_STATUS, Terminated

if TYPE_CHECKING:
    from dlcore.cli.ending.endings import Ending

TELL_S = 0.25
"""A forced end waits this long for standard output and standard error, which may hang as well."""

_SHOW_CURSOR = "\x1b[?25h"


class Leaving:
    """The last words of one command; they are said once.

    Args:
        as_json: Whether programs are told as well.
        leave: Ends the process without waiting for its threads.
    """

    META: Final = "dlcore.leaving"  # its key in a context's `meta`

    def __init__(self, *, as_json: bool, leave: Callable[[int], object] = os._exit) -> None:
        self._as_json = as_json
        self._leave = leave
        self._saying = threading.Lock()
        self._has_said = False

    def prepare(self) -> None:
        """Import what the last words need, while nothing hangs yet; `--help` needs none of it."""
        from dlcore.cli.ending import endings as endings
        from dlcore.cli.output import load_json

        load_json()

    def tell_programs(self) -> None:
        """From now on programs are told as well."""
        self._as_json = True

    def tell(self, error: BaseException) -> int:
        """Say how the command ended. Returns its exit status."""
        from dlcore.cli.ending.endings import ending_of

        ending = ending_of(error)
        with self._saying:
            if not self._has_said:
                self._has_said = True
                self._say(ending, error)
        return ending.exit_status

    def _say(self, ending: Ending, error: BaseException) -> None:
        """Say it; the status stays that of the ending if programs cannot be told."""
        from dlcore.cli.ending.endings import show_ending
        from dlcore.cli.output import OutputClosed, drop_output, tell
        from dlcore.errors import StorageError

        try:
            show_ending(ending, error, as_json=self._as_json)
        except OutputClosed:
            drop_output()
        except StorageError as failure:
            tell(f"warning: programs are not told: {failure.message}")

    def leave(self, cause: BaseException) -> None:
        """End the process now, whatever its threads do; an import may be what hangs."""
        teller = threading.Thread(target=self._tell_last, args=(cause,), daemon=True)
        with contextlib.suppress(RuntimeError):  # the system gives no thread: nothing is told
            teller.start()
            teller.join(TELL_S)
        is_terminated = isinstance(cause, Terminated)
        self._leave(TERMINATED_STATUS if is_terminated else INTERRUPTED_STATUS)

    def _tell_last(self, cause: BaseException) -> None:
        if sys.stderr is not None and sys.stderr.isatty():
            sys.stderr.write(_SHOW_CURSOR)  # a progress bar hides it
        self.tell(cause)
