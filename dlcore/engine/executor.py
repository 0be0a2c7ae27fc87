"""What runs a step: the interface of executors, and the two that come with dlcore.

`SimulatingExecutor` waits for a given time at each step and changes nothing else. The one that runs
command lines and scripts for real is in `commands`. An agent brings its own for the actions of
Windows setup.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from dlcore.tasksequence import Step, Variables

CANNOT_RUN = 0x80004005  # E_FAIL, which the task sequence engine reports for such steps


class Outcome(msgspec.Struct, frozen=True):
    """How an execution ended.

    Attributes:
        exit_code: Compared with the step's success codes.
        restart: Whether the machine must restart before the next step.
        message: What went wrong, if the executor can say more than the code does.
    """

    exit_code: int = 0
    restart: bool = False
    message: str = ""


class Executor(Protocol):
    """Runs one step.

    An implementation may set task sequence variables. It raises only for faults of its own; a
    step's failure is an `Outcome`.
    """

    async def run(self, step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        """Run a step whose packages lie complete in the folders of ``content``, by package id."""
        ...


class SimulatingExecutor:
    """Spends time instead of doing anything.

    Args:
        durations_s: Seconds by step name.
        default_s: Seconds for the others.
        exit_codes: By step name; 0 for the others.
        sets: Variables that a step sets at its end, by step name.
        sleep: How time passes.
    """

    def __init__(
        self,
        durations_s: Mapping[str, float] | None = None,
        *,
        default_s: float = 0.0,
        exit_codes: Mapping[str, int] | None = None,
        sets: Mapping[str, Mapping[str, str]] | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._durations_s = durations_s or {}
        self._default_s = default_s
        self._exit_codes = exit_codes or {}
        self._sets = sets or {}
        self._sleep = sleep

    async def run(self, step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        """Spend the step's time."""
        await self._sleep(self._durations_s.get(step.name, self._default_s))
        variables.update(self._sets.get(step.name, {}))
        return Outcome(self._exit_codes.get(step.name, 0))
