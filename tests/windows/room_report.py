"""What the tests of a room came to, read from the reports and the output of pytest."""

from __future__ import annotations

import collections
import re
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element

import defusedxml.ElementTree

_STARTED = re.compile(
    r"^(tests/\S+::.+?) (?=PASSED|FAILED|ERROR|SKIPPED|XFAIL|\+\+\+|$)", re.MULTILINE
)
_ENDED = re.compile(r"^(tests/\S+::.+?) (?:PASSED|FAILED|ERROR|SKIPPED|XFAIL)\b", re.MULTILINE)
_PASSED = re.compile(r"^(tests/\S+::.+?) PASSED\b", re.MULTILINE)
_FAILED = re.compile(r"^(tests/\S+::.+?) (?:FAILED|ERROR)\b", re.MULTILINE)


SHOWN_LINES = 12  # of a failure: the place, and what was expected
MAX_SHOWN = 12  # failures; more have few causes
FAULTS = ("failure", "error")


@dataclass(frozen=True)
class Counts:
    """Numbers of tests."""

    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.passed + other.passed,
            self.failed + other.failed,
            self.errors + other.errors,
            self.skipped + other.skipped,
        )

    @property
    def is_good(self) -> bool:
        """Whether nothing failed."""
        return not self.failed and not self.errors

    def mended(self, count: int) -> Counts:
        """The numbers when this many of those that did not pass have passed at a second try."""
        failed = max(0, self.failed - count)
        errors = self.errors - (count - (self.failed - failed))
        return Counts(self.passed + count, failed, errors, self.skipped)


@dataclass
class Part:
    """One process of pytest: where its report and its output are."""

    path: Path
    log: Path

    @property
    def ended(self) -> bool:
        """Whether pytest came to its end; else it was killed, or it killed itself at a hang."""
        return self.path.exists()

    @property
    def last(self) -> str:
        """The test that ran when pytest was killed; empty if it came to its end."""
        if self.ended:
            return ""
        told = self._told()
        ended = set(_ENDED.findall(told))
        running = [test for test in _STARTED.findall(told) if test not in ended]
        return running[-1] if running else ""

    def failed(self) -> list[str]:
        """The tests that failed, or that pytest was killed at."""
        failed = _FAILED.findall(self._told())
        return list(dict.fromkeys([*failed, *([self.last] if self.last else [])]))

    def passed(self) -> list[str]:
        """The tests that passed."""
        return _PASSED.findall(self._told())

    def counts(self) -> Counts:
        """How its tests ended; if pytest did not come to its end, as far as its output tells."""
        if not self.ended:
            told = self._told()
            return Counts(
                passed=len(re.findall(r" PASSED +\[", told)),
                failed=len(re.findall(r" FAILED +\[", told)) + bool(self.last),
                errors=len(re.findall(r" ERROR +\[", told)),
                skipped=len(re.findall(r" SKIPPED .*\[", told)),
            )
        cases = [_outcome(case) for case in self._cases()]
        return Counts(*(cases.count(each) for each in ("passed", "failed", "error", "skipped")))

    def reasons(self) -> collections.Counter[str]:
        """Why tests were skipped, and how many for each reason."""
        if not self.ended:
            return collections.Counter()
        told = [skip.get("message", "") for case in self._cases() for skip in case.iter("skipped")]
        return collections.Counter(told)

    def complaints(self) -> dict[str, str]:
        """What pytest says last of each test that failed; nothing if it did not come to its end."""
        if not self.ended:
            return {}
        return {
            case.get("name", ""): "\n".join(text.splitlines()[-SHOWN_LINES:])
            for case in self._cases()
            for text in (fault.text or "" for kind in FAULTS for fault in case.iter(kind))
        }

    def _told(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _cases(self) -> list[Element]:
        return list(defusedxml.ElementTree.parse(self.path).iter("testcase"))


@dataclass
class RoomReport:
    """One room, or one file of it: its processes, and how long they took.

    Attributes:
        name: The room's.
        parts: A test that hangs ends its process, and another one continues behind it.
        duration_s: Of all of them.
        is_complete: Whether every test was begun.
        second_tries: Processes that ran once more what had failed, alone.
    """

    name: str
    parts: list[Part] = field(default_factory=list)
    duration_s: float = 0.0
    is_complete: bool = False
    second_tries: list[Part] = field(default_factory=list)

    def __add__(self, other: RoomReport) -> RoomReport:
        return RoomReport(
            self.name,
            self.parts + other.parts,
            self.duration_s + other.duration_s,
            self.is_complete and other.is_complete,
            self.second_tries + other.second_tries,
        )

    @property
    def is_good(self) -> bool:
        """Whether everything ran, and nothing failed."""
        return self.is_complete and self.counts().is_good

    def counts(self) -> Counts:
        """How its tests ended. One that hung has failed; one that passed in the end has not."""
        first = sum((part.counts() for part in self.parts), Counts())
        return first.mended(len(self.mended()))

    def failed(self) -> list[str]:
        """The tests that did not pass at the first try."""
        return [test for part in self.parts for test in part.failed()]

    def mended(self) -> list[str]:
        """Those of them that passed at the second one."""
        failed = set(self.failed())
        return [test for part in self.second_tries for test in part.passed() if test in failed]

    def unmended(self) -> dict[str, str]:
        """The tests that failed for good, and what pytest said last of each."""
        said: dict[str, str] = {}
        for part in (*self.parts, *self.second_tries):
            said |= part.complaints()
        lost = [test for test in dict.fromkeys(self.failed()) if test not in self.mended()]
        return {test: said.get(test.rpartition("::")[2], "it hung") for test in lost}

    def reasons(self) -> collections.Counter[str]:
        """Why tests were skipped, and how many for each reason."""
        return sum((part.reasons() for part in self.parts), collections.Counter())

    def hung(self) -> list[str]:
        """The tests that ran when their process was killed, or killed itself."""
        return [part.last for part in self.parts if part.last]

    def summary(self, name: str) -> str:
        """One line about it, and one for each test that hung."""
        counts = self.counts()
        lines = [
            f"{name}: {counts.passed} passed, {counts.failed} failed, {counts.errors} errors, "
            f"{counts.skipped} skipped in {self.duration_s:.0f} s"
            + ("" if self.is_complete else ", did not come to its end")
        ]
        lines += [f"  hung, or ended its process: {test}" for test in self.hung()]
        lines += [f"  passed at a second try: {test}" for test in self.mended()]
        if not self.is_good and self.parts:
            lines.append(f"  see {self.parts[-1].log}")
        return "\n".join(lines)


def _outcome(case: Element) -> str:
    kinds = {child.tag for child in case}
    return next((kind for kind in ("error", "skipped") if kind in kinds), "") or (
        "failed" if "failure" in kinds else "passed"
    )


def table(reports: list[RoomReport]) -> str:
    """A table in Markdown: rooms, numbers, seconds, reasons; all reports of a room are added."""
    rooms: dict[str, RoomReport] = {}
    for report in reports:
        rooms[report.name] = rooms[report.name] + report if report.name in rooms else report
    lines = [
        "",
        "| Room | Passed | Failed | Errors | Skipped | Seconds | Why skipped |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [_row(*room) for room in sorted(rooms.items())]
    total = sum((report.counts() for report in reports), Counts())
    lines.append(_cells("**all**", total, sum(report.duration_s for report in reports), ""))
    mended = [test for report in reports for test in report.mended()]
    lines += ["", "Passed at a second try, alone:", *mended] if mended else []
    return "\n".join(lines) + "\n"


def failures(reports: list[RoomReport]) -> str:
    """The tests that failed for good, each with the end of what pytest said of it."""
    lost = [item for report in reports for item in report.unmended().items()]
    shown = [f"\nFAILED {test}\n{said}\n" for test, said in lost[:MAX_SHOWN]]
    names = [f"FAILED {test}\n" for test, _ in lost]
    return "".join([*shown, "\n", *names] if lost else [])


def _row(name: str, report: RoomReport) -> str:
    shown = name if report.is_complete else f"{name} (ended early)"
    why = "; ".join(f"{reason} ({count})" for reason, count in report.reasons().most_common())
    return _cells(shown, report.counts(), report.duration_s, why)


def _cells(name: str, counts: Counts, duration_s: float, why: str) -> str:
    numbers = f"{counts.passed} | {counts.failed} | {counts.errors} | {counts.skipped}"
    return f"| {name} | {numbers} | {duration_s:.0f} | {why} |"
