"""What preflight looks at and what it answers: plain values, gathered elsewhere.

Guarantees: nothing here does I/O or decides anything. Assumes that the caller has
redacted the error texts among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from dlcore.deployment.settings import Deployment

Answer = frozenset[str] | str  # package ids, or the text of the error that asking gave


class Need(msgspec.Struct, frozen=True):
    """A package that an enabled step needs, whether or not its condition will hold.

    Attributes:
        package_id: ``ABC00012``.
        step: Name of the step.
    """

    package_id: str
    step: str


class UnresolvedNeed(msgspec.Struct, frozen=True):
    """A need whose package is not known before the sequence runs.

    Attributes:
        step: Name of the step.
        reference: What stands in place of a package id: ``%IMAGE%``, ``/basevar:DRIVERS``.
    """

    step: str
    reference: str


class Facts(msgspec.Struct, frozen=True):
    """Everything the checks look at.

    Attributes:
        deployment: The settings.
        upgrade_steps: Names of the enabled Upgrade Operating System steps.
        needs: In order of the steps.
        unresolved: In order of the steps.
        catalog: Package ids in the catalog, or why it could not be read.
        holdings: Per endpoint this client may use the ids of the needed packages that it holds,
            or why it could not be asked.
        fetch_bytes: Content still to be fetched.
        free_bytes: Free space of the file system that holds the state directory.
        reserve_bytes: Free space to be left over there.
        state_path: The state directory.
    """

    deployment: Deployment
    upgrade_steps: tuple[str, ...]
    needs: tuple[Need, ...]
    unresolved: tuple[UnresolvedNeed, ...]
    catalog: Answer
    holdings: Mapping[str, Answer]
    fetch_bytes: int
    free_bytes: int
    reserve_bytes: int
    state_path: Path


class Check(msgspec.Struct, frozen=True):
    """The answer to one prerequisite.

    Attributes:
        name: Stable, for programs.
        passed: Whether it is met, or does not apply.
        detail: What was found.
        remedy: What to do about it; empty if passed.
    """

    name: str
    passed: bool
    detail: str
    remedy: str = ""
