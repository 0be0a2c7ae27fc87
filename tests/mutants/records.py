"""Which test runs which lines: ``python -m tests.mutants.records OUT ARGUMENTS`` notes it.

The arguments are those of pytest.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import coverage
import pytest


class Recorder:
    """A pytest plugin that notes the lines that each test runs, and how long it takes."""

    def __init__(self) -> None:
        self._coverage = coverage.Coverage(data_file=None, include=["dlcore/*"], config_file=False)
        self.seconds: dict[str, float] = defaultdict(float)
        self._coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Ascribe the lines that run from here on to the test `item`."""
        self._coverage.switch_context(item.nodeid)
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up the seconds; a test that fails or skips without a mutant is not usable."""
        self.seconds[report.nodeid] += report.duration if report.passed else float("inf")

    def lines(self) -> dict[str, dict[int, list[str]]]:
        """For each file and line the tests that run it."""
        self._coverage.stop()
        data = self._coverage.get_data()
        return {
            Path(file).relative_to(Path.cwd()).as_posix(): data.contexts_by_lineno(file)
            for file in data.measured_files()
        }


class Records:
    """What recorders wrote to the files in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._seconds: dict[str, float] = {}
        self._tests: dict[str, set[str]] = defaultdict(set)  # of a line, a file and a folder
        for path in folder.glob("*.json"):
            seconds, files = json.loads(path.read_text(encoding="utf-8"))
            self._seconds |= seconds
            for file, lines in files.items():
                for line, ran in lines.items():
                    for place in (f"{file}:{line}", file, file.rpartition("/")[0]):
                        self._tests[place] |= seconds.keys() & ran

    def tests_of(self, file: str, lines: Iterable[int], limit_s: float) -> list[str]:
        """The tests that run `lines`, or any of `file`, or of its folder: the quickest ones.

        Together they took up to `limit_s`.
        """
        tests = set().union(*(self._tests[f"{file}:{line}"] for line in lines))
        tests = tests or self._tests[file] or self._tests[file.rpartition("/")[0]]
        chosen = []
        for test in sorted(tests, key=lambda name: (self._seconds[name], name)):
            limit_s -= self._seconds[test]
            if limit_s < 0:
                break
            chosen.append(test)
        return chosen


if __name__ == "__main__":
    recorder = Recorder()
    pytest.main(["-q", *sys.argv[2:]], plugins=[recorder])
    Path(sys.argv[1]).write_text(json.dumps([recorder.seconds, recorder.lines()]), encoding="utf-8")
