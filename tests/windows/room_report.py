"""What the tests of a room came to, read from the report that pytest writes."""

from __future__ import annotations

import collections
import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import defusedxml.ElementTree


@dataclass(frozen=True)
class Counts:
    """Numbers of tests."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped
        )


@dataclass
class RoomReport:
    """One room: where its report and its output are, and how long it took."""

    name: str
    path: Path
    log: Path
    duration_s: float = 0.0

    @property
    def ended(self) -> bool:
        """Whether pytest came to its end; else it was killed, or it killed itself at a hang."""
        return self.path.exists()

    def counts(self) -> Counts:
        """How its tests ended; if pytest did not come to its end, as far as its output tells."""
        if not self.ended:
            told = self.log.read_text(errors="replace") if self.log.exists() else ""
            return Counts(
                passed=len(re.findall(r" PASSED +\[", told)),
                failed=len(re.findall(r" (?:FAILED|ERROR) +\[", told)),
                skipped=len(re.findall(r" SKIPPED .*\[", told)),
            )
        cases = [_outcome(case) for case in self._cases()]
        return Counts(*(cases.count(each) for each in ("passed", "failed", "skipped")))

    def reasons(self) -> dict[str, int]:
        """Why tests were skipped, and how many for each reason."""
        if not self.ended:
            return {}
        told = [skip.get("message", "") for case in self._cases() for skip in case.iter("skipped")]
        return dict(collections.Counter(told).most_common())

    def summary(self) -> str:
        """One line about the room."""
        counts = self.counts()
        end = "" if self.ended else f", did not come to its end: see {self.log}"
        return (
            f"{self.name}: {counts.passed} passed, {counts.failed} failed, "
            f"{counts.skipped} skipped in {self.duration_s:.0f} s{end}"
        )

    def _cases(self) -> list[Element]:
        return list(defusedxml.ElementTree.parse(self.path).iter("testcase"))


def _outcome(case: Element) -> str:
    kinds = {child.tag for child in case}
    if kinds & {"failure", "error"}:
        return "failed"
    return "skipped" if "skipped" in kinds else "passed"


def table(reports: list[RoomReport]) -> str:
    """A table in Markdown: rooms, numbers, reasons."""
    lines = [
        "",
        "| Room | Passed | Failed | Skipped | Why skipped |",
        "|---|---|---|---|---|",
    ]
    for report in reports:
        counts = report.counts()
        name = report.name if report.ended else f"{report.name} (ended early)"
        why = "; ".join(f"{reason} ({count})" for reason, count in report.reasons().items())
        lines.append(f"| {name} | {counts.passed} | {counts.failed} | {counts.skipped} | {why} |")
    total = sum((report.counts() for report in reports), Counts())
    lines.append(f"| **all** | {total.passed} | {total.failed} | {total.skipped} | |")
    return "\n".join(lines) + "\n"
