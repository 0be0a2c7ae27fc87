"""Whether other Python threads run during a call."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable


def others_run_during(work: Callable[[], object], max_times: int) -> bool:
    """Whether another thread runs before ``work`` was called ``max_times`` times."""
    go, ran = threading.Event(), threading.Event()

    def wait_and_run() -> None:
        go.wait()
        ran.set()

    thread = threading.Thread(target=wait_and_run)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1000)  # the GIL moves only if it is released
    try:
        thread.start()
        go.set()
        for _ in range(max_times):
            work()
            if ran.is_set():
                return True
        return False
    finally:
        sys.setswitchinterval(before)
        thread.join()
