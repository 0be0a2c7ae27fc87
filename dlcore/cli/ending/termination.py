"""A request to end the process: how it reaches the command, and what happens if that hangs.

Guarantees: the first request (``SIGINT``, ``SIGTERM``, ``SIGHUP``, on Windows ``SIGBREAK`` and
closing the console) cancels the command, so that it ends in order. The process is gone `GRACE_S`
later in any case, even if a thread hangs in a system call on a dead file share. A second request
ends it at once. Nothing is half-done then: state is only ever replaced by a rename, and content is
only believed after it was synced.

Assumes the main thread; in any other, signals cannot be handled and nothing is changed.
"""

from __future__ import annotations

import _thread
import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from dlcore.cli.ending.console_events import on_console_events

GRACE_S = 1.4
"""Time in which a command may end in order. Its whole end takes less than 2 s, with the lookout's
delay before it and the last words after it."""

_LOOK_EVERY_S = 0.1  # a main thread that does not take a signal within this time hangs
INTERRUPTED_STATUS = 130  # exit statuses: 128 and the number of the signal, as shells have it
TERMINATED_STATUS = 143
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


class Terminated(BaseException):
    """The process was asked to end, not by ``SIGINT``; what was verified is kept."""


class Termination:
    """The requests to end this process.

    Args:
        leave: Ends the process at once, and tells why. Called from any thread.
        grace_s: Seconds between the first request and the call of ``leave``.
    """

    def __init__(self, leave: Callable[[BaseException], None], *, grace_s: float = GRACE_S) -> None:
        self._leave = leave
        self._grace_s = grace_s
        self._cancel: Callable[[], object] | None = None
        self._cause: BaseException | None = None
        self._requests = 0
        self._passed_on = 0  # signals that the lookout took and passed on to the main thread

    @property
    def cause(self) -> BaseException | None:
        """What the process ends with: `Terminated` or KeyboardInterrupt; None if not asked to."""
        return self._cause

    @contextlib.contextmanager
    def handled(self) -> Iterator[None]:
        """Heed requests inside: raise their `cause` in the main thread, or see `cancelling`."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        heeded = _heeded_signals()

        def noticed(number: int) -> None:
            if number in heeded:
                self._seen(number, is_taken=False)

        before = {number: signal.signal(number, self._signalled) for number in heeded}
        try:
            with _lookout(heeded, self._seen), on_console_events(self._console_closes, noticed):
                yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def cancelling(self, cancel: Callable[[], object]) -> Iterator[None]:
        """Call ``cancel`` on the first request, in place of raising its cause."""
        self._cancel = cancel
        try:
            yield
        finally:
            self._cancel = None

    def _signalled(self, number: int, _: FrameType | None) -> None:
        if self._passed_on:
            self._passed_on -= 1
        else:
            self._request(number)
        if self._cancel:
            self._cancel()
        elif self._cause:
            raise self._cause

    def _seen(self, number: int, *, is_taken: bool) -> None:
        """The lookout saw a signal; the main thread may hang in a system call."""
        if sys.platform == "win32" or not is_taken:  # there, a thread gets no signals
            self._begin_grace(number)
            return
        self._passed_on += 1
        self._request(number)
        # Sent to that thread alone, it also ends a wait there; the lookout cannot take it again.
        signal.pthread_kill(threading.main_thread().ident or 0, number)

    def _console_closes(self) -> float:
        """The console is being closed. Returns how long the process will need at most."""
        number = getattr(signal, "SIGBREAK", signal.SIGTERM)
        self._begin_grace(number)
        _thread.interrupt_main(number)
        return self._grace_s

    def _request(self, number: int) -> None:
        self._begin_grace(number)
        self._requests += 1
        if self._requests > 1 and self._cause:
            self._leave(self._cause)

    def _begin_grace(self, number: int) -> None:
        if self._cause is None:
            self._cause = KeyboardInterrupt() if number == signal.SIGINT else Terminated()
            timer = threading.Timer(self._grace_s, self._leave, (self._cause,))
            timer.daemon = True
            try:
                timer.start()
            except RuntimeError:  # the system gives no thread that could end a command that hangs
                self._leave(self._cause)


def _heeded_signals() -> tuple[signal.Signals, ...]:
    """Those that end the process; not one that it was told to ignore, as by ``nohup``."""
    known = (signal.Signals[name] for name in _NAMES if hasattr(signal, name))
    return tuple(number for number in known if signal.getsignal(number) != signal.SIG_IGN)


@contextlib.contextmanager
def _lookout(heeded: Sequence[signal.Signals], seen: Callable[..., None]) -> Iterator[None]:
    """Tell of signals that the main thread cannot handle, because it hangs in a system call.

    Linux gives a signal to the main thread, which does not look at it while it waits for a dead
    file share. Elsewhere the interpreter notes it, but a lock is waited for without looking.
    """
    if sys.platform != "win32" and hasattr(signal, "sigtimedwait"):
        with _waiting_for_signals(heeded, seen):
            yield
    else:
        with _reading_wakeups(seen):
            yield


if sys.platform != "win32":

    @contextlib.contextmanager
    def _waiting_for_signals(
        heeded: Sequence[signal.Signals], seen: Callable[..., None]
    ) -> Iterator[None]:
        is_over = threading.Event()

        def look() -> None:
            # Blocked in this thread only. The main thread is given time to take a signal, because a
            # signal that is taken here does not wake it.
            signal.pthread_sigmask(signal.SIG_BLOCK, heeded)
            was_pending = False
            while not is_over.wait(_LOOK_EVERY_S):
                is_pending = not signal.sigpending().isdisjoint(heeded)
                if is_pending and was_pending and (found := signal.sigtimedwait(heeded, 0)):
                    seen(found.si_signo, is_taken=True)
                was_pending = is_pending

        threading.Thread(target=look, daemon=True, name="dlcore-signals").start()
        try:
            yield
        finally:
            is_over.set()


@contextlib.contextmanager
def _reading_wakeups(seen: Callable[..., None]) -> Iterator[None]:
    import socket  # on other systems a start of the command need not pay for it

    read_end, write_end = socket.socketpair()
    write_end.setblocking(False)

    def look() -> None:
        with read_end:
            while number := read_end.recv(1):
                seen(number[0], is_taken=False)

    before = signal.set_wakeup_fd(write_end.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=look, daemon=True, name="dlcore-signals").start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        write_end.close()  # the thread reads what is left, then ends
