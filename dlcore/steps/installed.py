"""Executors that other packages install, by the entry point group `GROUP`.

The name of an entry point is a step type, and its object a factory: it is called with an
`ExecutorContext` and returns an `Executor`. A factory is called when a step of its type is looked
at for the first time, so what a sequence does not use is not imported. One that fails makes only
its own type unrunnable, and is named in the message.

Source: Python Packaging User Guide, "Entry points specification".
"""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

import msgspec

from dlcore.errors import DlcoreError
from dlcore.printable import printable
from dlcore.steps.interface import CANNOT_RUN, Executor, Job, Outcome
from dlcore.tasksequence import Step

GROUP: Final = "dlcore.step_executors"
MAX_REASON_CHARACTERS: Final = 200

_log = logging.getLogger(__name__)


class ExecutorContext(msgspec.Struct, frozen=True):
    """What a factory may need to make an executor.

    Attributes:
        secret_variables: Names of environment variables that hold credentials: no command of a
            step may get them.
    """

    secret_variables: frozenset[str] = frozenset()


class InstalledExecutor:
    """The executor behind an entry point, made when it is first needed. Implements `Executor`.

    Args:
        source: The entry point, as messages name it.
        load: Gives the factory.
        context: What the factory is called with.
    """

    def __init__(self, source: str, load: Callable[[], Any], context: ExecutorContext) -> None:
        self._source = source
        self._load = load
        self._context = context
        self._made: Any = None  # foreign: nothing that it returns is taken for granted
        self._fault = ""

    def obstacle(self, step: Step, variables: Mapping[str, str]) -> str:
        """What the executor says, or why there is none."""
        made = self._executor()
        if made is None:
            return self._fault
        try:
            why = made.obstacle(step, variables)
        except Exception as error:
            return self._failed("obstacle", error)
        return why if isinstance(why, str) else f"{self._source}: obstacle did not return a text"

    async def run(self, job: Job) -> Outcome:
        """Run the step; a fault of the executor fails it."""
        made = self._executor()
        if made is None:
            return Outcome(CANNOT_RUN, message=self._fault)
        try:
            outcome = await made.run(job)
        except DlcoreError:
            raise
        except Exception as error:
            why = job.variables.masked(self._failed("run", error))
            return Outcome(CANNOT_RUN, message=why)
        if isinstance(outcome, Outcome):
            return outcome
        return Outcome(CANNOT_RUN, message=f"{self._source}: run did not return an Outcome")

    def _executor(self) -> Any:
        """The executor; None if there is none."""
        if self._made is None and not self._fault:
            try:
                made = self._load()(self._context)
                _check(made)
                self._made = made
            except Exception as error:
                self._fault = self._failed("factory", error)
        return self._made

    def _failed(self, what: str, error: Exception) -> str:
        _log.warning("%s: %s failed", self._source, what, exc_info=error)
        reason = printable(str(error), max_characters=MAX_REASON_CHARACTERS)
        return f"{self._source}: {what} failed: {type(error).__name__}: {reason}"


class _Ambiguous:
    """Stands for several entry points of one step type. Implements `Executor`."""

    def __init__(self, sources: Iterable[str]) -> None:
        named = ", ".join(sorted(sources))
        self._why = f"several executors are installed for it: {named}; uninstall all but one"

    def obstacle(self, step: Step, variables: Mapping[str, str]) -> str:
        del step, variables
        return self._why

    async def run(self, job: Job) -> Outcome:
        del job
        return Outcome(CANNOT_RUN, message=self._why)


def installed_executors(
    context: ExecutorContext, *, built_in: Collection[str] = ()
) -> dict[str, Executor]:
    """Find the executors that are installed on this machine.

    Args:
        context: What their factories are called with.
        built_in: Step types that have an executor already; it is logged that it is replaced.

    Returns:
        By step type. A type with several entry points is refused.
    """
    found: dict[str, dict[str, importlib.metadata.EntryPoint]] = {}
    for point in importlib.metadata.entry_points(group=GROUP):
        found.setdefault(point.name, {})[_source(point)] = point
    for kind in sorted(found.keys() & set(built_in)):
        _log.info("steps of the type %s are run by %s", kind, " ".join(found[kind]))
    return {kind: _executor(points, context) for kind, points in found.items()}


def _executor(
    points: Mapping[str, importlib.metadata.EntryPoint], context: ExecutorContext
) -> Executor:
    if len(points) > 1:
        return _Ambiguous(points)
    ((source, point),) = points.items()
    return InstalledExecutor(source, point.load, context)


def _source(point: importlib.metadata.EntryPoint) -> str:
    package = f"{point.dist.name} {point.dist.version}" if point.dist else "unknown package"
    return f"{package} ({point.value})"


def _check(made: object) -> None:
    if not all(callable(getattr(made, name, None)) for name in ("obstacle", "run")):
        raise TypeError(f"{type(made).__name__} is not an executor: it needs obstacle and run")
