"""Checks as people read them: a table of what was found, then what to do about it."""

from __future__ import annotations

from collections.abc import Iterable

from dlcore.cli.output import say, show_table
from dlcore.deployment import Check, CheckOutcome

_OUTCOMES = {
    CheckOutcome.PASSED: "passed",
    CheckOutcome.FAILED: "FAILED",
    CheckOutcome.WARNING: "warning",
    CheckOutcome.NOT_EXAMINED: "not examined",
    CheckOutcome.DOES_NOT_APPLY: "does not apply",
}


def show_checks(checks: Iterable[Check]) -> None:
    """Print checks in their order, and each remedy below them.

    Raises:
        OutputClosed: As `say`.
        StorageError: As `say`.
    """
    checks = tuple(checks)
    rows = ((check.name, _OUTCOMES[check.outcome], check.detail) for check in checks)
    show_table(("check", "", "found"), rows)
    for check in checks:
        if check.remedy:
            say(f"{check.name}: {check.remedy}")
