"""Runs the tests by the Python for Windows that ``set_up.sh`` made, and prints a table by room.

``python -m tests.windows [ROOM ...]``: the names of folders and files in ``tests``; without any,
all of them. Other options than ``--help`` are passed on to pytest.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

from tests.windows.after import VARIABLE
from tests.windows.prefix import WINDOWS, Prefix, prefixes
from tests.windows.room_report import Part, RoomReport, failures, table

TESTS = Path(__file__).parents[1]
PYTHON = WINDOWS / "python" / "python.exe"
REPORTS = WINDOWS / "reports"
SHARDS = int(os.environ.get("WINDOWS_SHARDS", "0")) or os.cpu_count() or 1
MAX_S = float(os.environ.get("WINDOWS_MINUTES", "33")) * 60
MAX_TEST_S = 300  # for one test; the slowest ones take a minute or two
MAX_HANGS = 5  # of a room or file; more is not the fault of single tests
MAX_TRIED_AGAIN = 5
"""A test that fails is tried once more, alone, because Wine on a busy machine can stand still for
seconds. The table names it. More that fail at once are not the fault of the machine.
"""
LAST_LINE = re.compile(rb"^=+ .* in [\d.]+s|^\++ Timeout \++\s*$")
"""The summary of pytest; or the end of the stacks of pytest-timeout, whose beginning is on the line
of the test that hangs."""
END_S = 10  # for what pytest does after its summary
SPLIT = ("law", "trust", "engine", "cli", "transfer", "publish", "store", "steps", "native")
"""Rooms that take long: several processes share their files, and begin first."""
MAX_FILES = 20  # in one process of them; each process takes five seconds to start
BESIDE = "the files beside the rooms"
"""They are short: one process tests them all."""

SLOW = ("PYTHONDONTWRITEBYTECODE", "SSL_CERT_FILE", "SSL_CERT_DIR")  # as in wine.sh
SERVERS_OF_LINUX = ("DLCORE_REQUIRE_SERVERS", "DLCORE_AZURITE", "DLCORE_NGINX")
ENVIRONMENT = {
    **{
        name: value
        for name, value in os.environ.items()
        if name not in SLOW and name not in SERVERS_OF_LINUX
    },
    "WINEDEBUG": "-all",
    "PYTHONPYCACHEPREFIX": r"C:\pycache",  # as in wine.sh
    # A process takes seconds to start there, and each kill costs one; `make torture` kills more.
    "DLCORE_KILLS": os.environ.get("DLCORE_KILLS", "1"),
}


class Unit(NamedTuple):
    """What one process tests.

    Attributes:
        name: That of its reports.
        room: What it is a part of: a folder of tests, or the test files beside these.
        paths: What it tests, relative to ``tests``.
    """

    name: str
    room: str
    paths: tuple[str, ...]


def rooms() -> list[str]:
    """Every folder of tests and every test file beside them."""
    return sorted({path.relative_to(TESTS).parts[0] for path in TESTS.rglob("test_*.py")})


def units(names: list[str]) -> list[Unit]:
    """The rooms and files of these names, with shares of the rooms that take long; those first."""
    shares = [share for name in SPLIT if name in names for share in _shares(name)]
    beside = tuple(name for name in names if name.startswith("test_"))
    whole = [name for name in names if name not in (*SPLIT, *beside)]
    return [
        *shares,
        *(Unit(name.replace("/", "."), name.partition("/")[0], (name,)) for name in whole),
        *([Unit("beside", BESIDE, beside)] if beside else []),
    ]


def _shares(room: str) -> list[Unit]:
    paths = sorted((TESTS / room).rglob("test_*.py"))
    files = [path.relative_to(TESTS).as_posix() for path in paths]
    count = -(-len(files) // MAX_FILES)
    return [Unit(f"{room}.{at + 1}", room, tuple(files[at::count])) for at in range(count)]


class Run:
    """Rooms under test, in several processes at once, until one moment at the latest."""

    def __init__(self, tested: list[Unit], options: list[str], until_s: float) -> None:
        self._waiting: queue.SimpleQueue[Unit] = queue.SimpleQueue()
        for unit in tested:
            self._waiting.put(unit)
        self._options = options
        self._until_s = until_s
        self._printing = threading.Lock()
        self.reports = {unit: RoomReport(unit.room) for unit in tested}

    def work(self, prefix: Prefix) -> None:
        """Test one unit after the other; what is left at the end of the time is not begun."""
        prefix.use()
        with contextlib.suppress(queue.Empty):
            while True:
                unit = self._waiting.get_nowait()
                self._test(unit, prefix)
                with self._printing:
                    sys.stdout.write(f"{self.reports[unit].summary(unit.name)}\n")
                    sys.stdout.flush()

    def _test(self, unit: Unit, prefix: Prefix) -> None:
        report = self.reports[unit]
        started_s = time.monotonic()
        after = ""
        while time.monotonic() < self._until_s and len(report.parts) <= MAX_HANGS:
            stem = f"{unit.name}.{len(report.parts)}"
            part = _part(stem)
            self._run([f"tests/{path}" for path in unit.paths], part, prefix, after)
            report.parts.append(part)
            after = part.last
            if not after:
                report.is_complete = part.ended
                break
        failed = report.failed()
        if 0 < len(failed) <= MAX_TRIED_AGAIN and time.monotonic() < self._until_s:
            part = _part(f"{unit.name}.again")
            self._run(failed, part, prefix)
            report.second_tries.append(part)
        report.duration_s = time.monotonic() - started_s

    def _run(self, tests: list[str], part: Part, prefix: Prefix, after: str = "") -> None:
        command = [
            *("wine", str(PYTHON), "-m", "pytest", "-v", "-rs", "--color=no"),
            *("-ojunit_family=xunit1", f"--timeout={MAX_TEST_S}", "-ptests.windows.after"),
            *self._options,
            f"--junitxml={part.path.relative_to(TESTS.parent).as_posix()}",
            *tests,
        ]
        # Through a pipe: Wine 8 cannot write to a regular file that is its standard output.
        with (
            part.log.open("wb") as log,
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=TESTS.parent,
                env={**ENVIRONMENT, **prefix.environment, VARIABLE: after},
            ) as child,
        ):
            assert child.stdout
            for line in child.stdout:
                log.write(line)
                log.flush()
                if LAST_LINE.search(line):
                    break
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(END_S)
            child.kill()  # under Wine, a process with threads does not always end itself


def _part(stem: str) -> Part:
    return Part(REPORTS / f"{stem}.xml", REPORTS / f"{stem}.log")


def main() -> int:
    """Test what the command line names. Returns 0 if everything ran and passed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.windows", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("names", metavar="ROOM", nargs="*")
    arguments, options = parser.parse_known_args()
    tested = units(arguments.names or rooms())
    REPORTS.mkdir(parents=True, exist_ok=True)
    for old in REPORTS.iterdir():
        old.unlink()
    used = prefixes(SHARDS)

    def end_wine() -> None:
        for prefix in used:
            prefix.end()

    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # not without end_wine
    run = Run(tested, options, time.monotonic() + MAX_S)
    limit = threading.Timer(MAX_S, end_wine)
    limit.daemon = True
    limit.start()
    shards = [threading.Thread(target=run.work, args=(prefix,), daemon=True) for prefix in used]
    for shard in shards:
        shard.start()
    try:
        for shard in shards:
            shard.join()
    finally:
        limit.cancel()
        end_wine()
    reports = list(run.reports.values())
    sys.stdout.write(table(reports))
    sys.stdout.write(failures(reports))
    return 0 if all(report.is_good for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
