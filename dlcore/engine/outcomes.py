"""How steps and runs end."""

from __future__ import annotations

import enum


class StepOutcome(enum.StrEnum):
    """How a step ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


class SkipReason(enum.StrEnum):
    """Why a step does not run."""

    DISABLED = "disabled"
    WINDOWS_PE = "Windows PE"  # the step is for Windows PE only
    CONDITION = "condition"  # its own, or that of a group around it, is false
    UNDECIDED = "undecided"  # it cannot be told whether its condition holds
    GROUP_FAILED = "group failed"  # an earlier step of a group that continues on error failed


class RunOutcome(enum.StrEnum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RESTART = "restart"  # a step asked for a restart of the machine: run again to go on


class RateOrigin(enum.StrEnum):
    """Where the link's rate in a report comes from."""

    GIVEN = "given"
    MEASURED = "measured"
