"""What preflight looks at and what it answers: plain values, gathered elsewhere.

Guarantees: nothing here does I/O or decides anything. Assumes that the caller has
redacted the error texts among them.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

from dlcore.deployment.boundary_groups import Place
from dlcore.deployment.settings import Deployment

Answer = frozenset[str] | str  # package ids, or the text of the error that asking gave


class Need(msgspec.Struct, frozen=True):
    """A package that an enabled step needs, whether or not its condition will hold.

    Attributes:
        package_id: ``ABC00012``.
        step: Name of the step; empty if only the sequence's reference list has the package.
        is_certain: Whether the step needs it if it runs; else it may, which a variable decides.
    """

    package_id: str
    step: str
    is_certain: bool = True


class StepNote(msgspec.Struct, frozen=True):
    """Something to be said of a step whose turn may come.

    Attributes:
        index: Of the step.
        step: Name of the step.
        text: A clause without a full stop.
    """

    index: int
    step: str
    text: str


class TooLong(msgspec.Struct, frozen=True):
    """A package with paths that most programs on this system cannot open.

    Attributes:
        package_id: Its id.
        count: Number of its files and folders that they cannot open.
        longest_characters: Length of the longest path, the folder of the content included.
    """

    package_id: str
    count: int
    longest_characters: int


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
        holdings: Per endpoint this client may use the ids of the needed packages that it holds, or
            parts of which it holds while others hold the rest; or why it could not be asked,
            without its name.
        fetch_bytes: Content still to be fetched, of the packages that the catalog has.
        free_bytes: Free space of the file system that holds the state directory.
        reserve_bytes: Free space that is to stay there.
        state_path: The state directory.
        obstacles: Why steps cannot be run on this machine; None if it is not known what would run
            them.
        simulated: Whether the steps are simulated.
        missing_children: Steps that run a task sequence which the export lacks.
        untold: Why the content of steps cannot be told from the sequence.
        unexplained: Ids in the sequence's reference list that no step names.
        too_long: Packages with paths that programs cannot open; None where paths have no limit.
        catalog_remedy: What helps if the catalog could not be read; empty if that is not known.
        holding_remedies: Per endpoint what helps if it could not be asked; empty if that is not
            known.
        place: Where the machine is; None if no boundary groups are set.
        undescribed: Why packages are not known whose content hash is stated, by package id.
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
    obstacles: tuple[StepNote, ...] | None = None
    simulated: bool = False
    missing_children: tuple[StepNote, ...] = ()
    untold: tuple[StepNote, ...] = ()
    unexplained: tuple[str, ...] = ()
    too_long: tuple[TooLong, ...] | None = None
    catalog_remedy: str = ""
    holding_remedies: Mapping[str, str] = msgspec.field(default_factory=dict)
    place: Place | None = None
    undescribed: Mapping[str, str] = MappingProxyType({})


class CheckOutcome(enum.StrEnum):
    """What a check came to. Only a failed one keeps a sequence from being run."""

    PASSED = "passed"  # it was examined, and is met
    FAILED = "failed"  # it was examined, and is not met
    WARNING = "warning"  # the run may begin, but something may be missing when its turn comes
    NOT_EXAMINED = "not-examined"  # nothing is known: something else is needed first
    DOES_NOT_APPLY = "does-not-apply"  # this client, or this sequence, does not need it


class Check(msgspec.Struct, frozen=True):
    """The answer to one prerequisite.

    Attributes:
        name: Stable, for programs.
        outcome: What it came to.
        detail: What was found.
        remedy: What to do about it; empty unless it failed or warns.
    """

    name: str
    outcome: CheckOutcome
    detail: str
    remedy: str = ""
