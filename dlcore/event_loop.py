"""The event loop that dlcore's own programs run on: its clock is fine enough for a round trip."""

from __future__ import annotations

import asyncio
import socket
import sys
import time

if sys.platform == "win32":

    class _FineClockLoop(asyncio.ProactorEventLoop):
        """Before Python 3.13 the clock of the ordinary one moves 64 times a second."""

        def time(self) -> float:
            return time.perf_counter()


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a new one, which is not set as that of this thread.

    Raises:
        OSError: The process may open no more files.
    """
    if sys.platform == "win32":
        return _FineClockLoop()
    # Where asyncio itself cannot open its three files, it prints a traceback besides.
    for end in (*socket.socketpair(), *socket.socketpair()):
        end.close()
    return asyncio.new_event_loop()
