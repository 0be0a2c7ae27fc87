"""Runs the tests by the Python for Windows that ``set_up.sh`` made, and prints a table by room.

``python -m tests.windows [ROOM ...]``: the names of folders and files in ``tests``; without any,
all of them. Options that begin with a dash are passed on to pytest.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.windows.room_report import Counts, RoomReport, table

TESTS = Path(__file__).parents[1]
BUILD = TESTS.parent / "build" / "windows"
PYTHON = BUILD / "python" / "python.exe"
REPORTS = BUILD / "reports"
SHARDS = int(os.environ.get("WINDOWS_SHARDS", "2"))
MAX_S = float(os.environ.get("WINDOWS_MINUTES", "30")) * 60
HEAVY = ("engine", "cli", "transfer", "publish", "store")  # begun first, so that no shard waits

ENVIRONMENT = {
    **os.environ,
    "WINEPREFIX": str(BUILD / "wine.prefix"),
    "WINEDEBUG": "-all",
    "PYTHONPYCACHEPREFIX": r"C:\pycache",  # as in wine.sh
}


def rooms() -> list[str]:
    """Every folder of tests and every test file beside them, the heavy ones first."""
    found = sorted({path.relative_to(TESTS).parts[0] for path in TESTS.rglob("test_*.py")})
    return sorted(found, key=lambda name: HEAVY.index(name) if name in HEAVY else len(HEAVY))


class Run:
    """Rooms under test, in several processes at once, until one moment at the latest."""

    def __init__(self, names: list[str], options: list[str], until_s: float) -> None:
        self._waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        for name in names:
            self._waiting.put(name)
        self._options = options
        self._until_s = until_s
        self._printing = threading.Lock()
        self.reports: dict[str, RoomReport] = {}

    def work(self) -> None:
        """Test one room after the other; what is left at the end of the time is not begun."""
        with contextlib.suppress(queue.Empty):
            while True:
                name = self._waiting.get_nowait()
                self.reports[name] = self._test(name)

    def _test(self, name: str) -> RoomReport:
        report = RoomReport(name, REPORTS / f"{name}.xml", REPORTS / f"{name}.log")
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            return report
        command = [
            *(
                "wine",
                str(PYTHON),
                "-m",
                "pytest",
                "-v",
                "-rs",
                "--color=no",
                "-ojunit_family=xunit1",
                "--timeout=600",
            ),
            *self._options,
            *(f"--junitxml=build/windows/reports/{name}.xml", f"tests/{name}"),
        ]
        started_s = time.monotonic()
        # Through a pipe: Wine 8 cannot write to a regular file that is its standard output.
        with (
            report.log.open("wb") as log,
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=TESTS.parent,
                env=ENVIRONMENT,
            ) as child,
        ):
            assert child.stdout
            for line in child.stdout:
                log.write(line)
                log.flush()
        report.duration_s = time.monotonic() - started_s
        with self._printing:
            sys.stdout.write(f"{report.summary()}\n")
            sys.stdout.flush()
        return report


def end_wine() -> None:
    """End every process of this Wine prefix: ending the launcher would leave the others."""
    subprocess.run(["wineserver", "-k"], env=ENVIRONMENT, check=False)


def main() -> int:
    """Test what the command line names. Returns 0 if everything ran and passed."""
    options = [each for each in sys.argv[1:] if each.startswith("-")]
    names = [each for each in sys.argv[1:] if not each.startswith("-")] or rooms()
    REPORTS.mkdir(parents=True, exist_ok=True)
    for name in names:
        (REPORTS / f"{name}.xml").unlink(missing_ok=True)
    run = Run(names, options, time.monotonic() + MAX_S)
    limit = threading.Timer(MAX_S, end_wine)
    limit.daemon = True
    limit.start()
    shards = [threading.Thread(target=run.work, daemon=True) for _ in range(SHARDS)]
    for shard in shards:
        shard.start()
    try:
        for shard in shards:
            shard.join()
    finally:
        limit.cancel()
        end_wine()
    reports = [run.reports[name] for name in names]
    sys.stdout.write(table(reports))
    total = sum((report.counts() for report in reports), Counts())
    return 0 if total.failed == 0 and all(report.ended for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
