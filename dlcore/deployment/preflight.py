"""May this task sequence run on demand here? Every prerequisite as one named check.

Guarantees: all checks are made, always in the same order, so one run of
them lists all that must be corrected. A check that could not look says so, and never passes.
Does no I/O: facts come in, answers go out; the caller gathers the facts (the sequence, the catalog,
what each endpoint holds, the disk).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dlcore.deployment import boundary_checks as boundary
from dlcore.deployment import content_checks as content
from dlcore.deployment import settings_checks as settings
from dlcore.deployment import step_checks as steps
from dlcore.deployment.facts import Check, CheckOutcome, Facts
from dlcore.printable import printable

_CHECKS: tuple[Callable[[Facts], Check], ...] = (
    settings.upgrade_sequence,
    settings.download_setting,
    settings.internet_allowed,
    settings.cmg_client_setting,
    settings.cloud_dp_client_setting,
    settings.cmg_serves_content,
    settings.launch,
    settings.endpoints,
    boundary.boundary_groups,
    steps.unrunnable_steps,
    steps.children_present,
    steps.content_foreseen,
    steps.references_explained,
    content.references_resolved,
    content.catalog,
    content.content_distributed,
    content.disk_space,
    content.path_lengths,
)


def checks(facts: Facts) -> tuple[Check, ...]:
    """Check every prerequisite."""
    return tuple(check(facts) for check in _CHECKS)


def failed(results: Iterable[Check]) -> tuple[Check, ...]:
    """The checks that keep the sequence from being run, in their order."""
    return tuple(check for check in results if check.outcome is CheckOutcome.FAILED)


def render(results: Iterable[Check]) -> str:
    """Checks as plain text, one line each, whatever foreign text their details quote."""
    return "\n".join(_line(check) for check in results)


def _line(check: Check) -> str:
    text = f"{check.outcome}  {check.name}: {check.detail}. {check.remedy}"
    return printable(text.rstrip())
