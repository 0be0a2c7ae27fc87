"""Which task sequence variables the agent is told: only those that decide what content is needed.

A task sequence has tokens, passwords and credentials among its variables, and the agent keeps what
it is told on disk. So it gets only the variables that the sequence's conditions and package
parameters read, without those that are secret or that Windows' engine keeps for itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from dlcore.engine.running.documented_variables import DOCUMENTED_VARIABLES
from dlcore.hook.environment import TaskSequenceEnvironment
from dlcore.package_ids import package_id
from dlcore.tasksequence import (
    ANY,
    STEP_TYPES,
    Step,
    TaskSequence,
    assignment,
    is_hidden,
    names_read,
    variables_read,
)
from dlcore.tasksequence.variables import SECRET_NAMES

MAX_VALUE_CHARACTERS: Final = 4096
"""Of one value: the longest that Windows' engine is said to take is shorter than this."""

MAX_TOTAL_CHARACTERS: Final = 64 << 10
"""Of all values. The engine's whole environment is documented as 8 KB, without the sequence."""

_SECRET = re.compile(
    "PASSWORD|PASSWD|PWD|TOKEN|AUTHENTICATOR|CREDENTIAL|SECRET|PRODUCTKEY|RECOVERYKEY|ACCOUNT"
    "|CERTIFICATE|RESERVED"
)
_OF_THE_ENGINE = ("_SMSTS", "SMSTS", "_TS", "_OSD")
_PATH_OF_PACKAGE = ("_SMSTSPACKAGECACHELOCATION", "_SMSTS")
_DOCUMENTED: Final = frozenset(row.name.upper() for row in DOCUMENTED_VARIABLES)
_PACKAGE_PARAMETERS: Final = frozenset(
    parameter.name.upper() for known in STEP_TYPES for parameter in known.packages
)


def handed_variables(
    environment: TaskSequenceEnvironment, sequence: TaskSequence
) -> dict[str, str]:
    """The variables that the agent is told, with their values.

    Args:
        environment: The running task sequence's.
        sequence: The task sequence.
    """
    hidden = frozenset(assignment(step)[0].upper() for step in sequence.steps if is_hidden(step))
    names = {name.upper(): name for name in environment.names()}
    found: dict[str, str] = {}
    left = MAX_TOTAL_CHARACTERS
    waiting = sorted(_read_by(sequence, names))
    seen: set[str] = set()
    while waiting:
        name = waiting.pop(0)
        if name in seen or name not in names or name in hidden or not may_be_told(name):
            continue
        seen.add(name)
        value = environment.get(names[name])
        if not value or len(value) > min(MAX_VALUE_CHARACTERS, left):
            continue
        left -= len(value)
        found[names[name]] = value
        waiting += sorted(names_read(value) - {ANY})  # a value may quote other variables
    return found


def may_be_told(name: str) -> bool:
    """Whether a variable of this name, in upper case, may be known to another process."""
    if is_secret(name):
        return False
    if not name.startswith(_OF_THE_ENGINE) or name in _DOCUMENTED:
        return True
    return any(
        package_id(name.removeprefix(prefix)) is not None
        for prefix in _PATH_OF_PACKAGE
        if name.startswith(prefix)
    )


def is_secret(name: str) -> bool:
    """Whether a variable or parameter of this name, in upper case, holds a secret."""
    return name in SECRET_NAMES or _SECRET.search(name) is not None


def _read_by(sequence: TaskSequence, names: Iterable[str]) -> set[str]:
    """Names, in upper case, that conditions and package parameters may read."""
    read = {name for name in names if name in _PACKAGE_PARAMETERS}
    for group in sequence.groups:
        read |= variables_read(group.condition)
    for step in sequence.steps:
        read |= variables_read(step.condition)
        for text in _texts_about_content(step):
            read |= names_read(text)
    return read - {ANY}


def _texts_about_content(step: Step) -> Iterator[str]:
    yield step.action
    for name, value in step.variables.items():
        if name.upper() in _PACKAGE_PARAMETERS or "%" in value:
            yield value
