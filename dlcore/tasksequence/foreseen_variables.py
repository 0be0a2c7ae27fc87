"""The variables as they will be when a later step's turn comes, as far as that can be told now.

Guarantees: `ForeseenVariables.certain` holds only values that no step between now and then changes,
as far as the parameters of those steps tell. A program that a step runs may set any variable; that
does not make a value uncertain, but `commands_may_change` tells of it. Programs cannot set names
that begin with an underscore: those are the engine's.

Each call costs as much as the names that it is given, however many variables there are.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Set

from dlcore.tasksequence.dataflow import names_read
from dlcore.tasksequence.step_types import ANY
from dlcore.tasksequence.variables import Variables

MAX_ALTERNATIVES = 64  # for one name: packages by model are chosen among that many, hardly more

_INPUTS = frozenset({"_OSDMIGRATEUSMTPACKAGEID", "_OSDMIGRATEUSMTRESTOREPACKAGEID"})  # documented

_ANY = frozenset({ANY})


class _Scope(enum.IntEnum):
    """Which variables may change, apart from those that are named."""

    NONE = 0
    CUSTOM = 1  # those that do not belong to the engine
    ALL = 2


class _Changes:
    """The names of variables that may have another value by then."""

    def __init__(self, scope: _Scope = _Scope.NONE) -> None:
        self.names: set[str] = set()
        self._scope = scope
        self._excepted: set[str] = set()

    def add(self, names: Set[str]) -> None:
        if names <= self.names:
            return
        self.names.update(names)
        self._excepted.difference_update(names)
        if ANY in names:
            self.names.discard(ANY)
            self._scope = max(self._scope, _Scope.CUSTOM)
            self._excepted = set(filter(_is_engines, self._excepted))

    def remove(self, name: str) -> None:
        self.names.discard(name)
        if self._scope:
            self._excepted.add(name)

    def concern(self, names: frozenset[str]) -> bool:
        return not names.isdisjoint(self.names) or any(map(self._is_open, names))

    def _is_open(self, name: str) -> bool:
        if self._scope is _Scope.NONE or name == ANY or name in self._excepted:
            return False
        return self._scope is _Scope.ALL or not _is_engines(name)


class ForeseenVariables:
    """What is known of the variables at one place of a walk over the steps to come.

    Args:
        variables: As they are now.
        is_all: Whether other variables than these may be set already.

    Attributes:
        expected: Their values if nothing sets them that only may.
        certain: Those of them that are certain.
    """

    def __init__(self, variables: Mapping[str, str], *, is_all: bool = True) -> None:
        self.expected = Variables(variables)
        self.certain = Variables(variables)
        scope = _Scope.NONE if is_all else _Scope.ALL
        self._by_steps = _Changes(scope)
        self._by_commands = _Changes(scope)
        self._alternatives: dict[str, list[str]] = {}
        for name in variables if not is_all else ():
            self._now_known(name.upper())

    def may_change(self, names: frozenset[str]) -> bool:
        """Whether a step may give one of the variables another value, as its parameters tell.

        Args:
            names: In upper case, as ``dataflow`` gives them.
        """
        return self._by_steps.concern(names)

    def commands_may_change(self, names: frozenset[str]) -> bool:
        """Whether a step, or a program that a step runs, may give one of them another value."""
        return self._by_commands.concern(names)

    def is_written(self, name: str) -> bool:
        """Whether a step that may run has a parameter that names the variable as one it sets."""
        return name.upper() in self._by_steps.names

    def is_settled(self, name: str) -> bool:
        """Whether the variable has a certain value, or is certainly not set, by the parameters."""
        return not self.is_written(name) and (name in self.expected) == (name in self.certain)

    def is_untouched(self, name: str) -> bool:
        """Whether the variable is not set, and no parameter of a step says that it may be set."""
        return not self.is_written(name) and name not in self.expected

    def alternatives(self, name: str) -> tuple[str, ...]:
        """The values that steps which may run give a variable; `expected` has one more."""
        return tuple(self._alternatives.get(name.upper(), ()))

    def assign(self, name: str, value: str, *, is_certain: bool, is_sure: bool) -> None:
        """A step sets a variable.

        Args:
            name: May quote variables, as the value may.
            value: Not expanded.
            is_certain: Whether the step certainly runs, as the parameters of steps tell.
            is_sure: Whether it runs whatever programs set.

        Raises:
            TaskSequenceError: The value becomes too long.
        """
        if self.may_change(names_read(name)):
            self.write(_ANY)
            return
        if self.commands_may_change(names_read(name)):
            self._by_commands.add(_ANY)
        is_sure = is_sure and not self.commands_may_change(names_read(name) | names_read(value))
        name = self.expected.expand(name).strip()
        if _is_engines(name) and name.upper() not in _INPUTS:
            return  # the step fails
        if self.may_change(names_read(value)):
            self.write({name.upper()})
            return
        value = self.expected.expand(value)
        if not is_certain:
            self.write({name.upper()})
            others = self._alternatives.setdefault(name.upper(), [])
            if value not in others and len(others) < MAX_ALTERNATIVES:
                others.append(value)
            return
        for known in (self.expected, self.certain):
            if value:
                known[name] = value
            else:
                known.pop(name, None)
        self._alternatives.pop(name.upper(), None)
        self._now_known(name.upper())
        if not is_sure:
            self._by_commands.add({name.upper()})

    def write(self, names: Set[str]) -> None:
        """A step that may run sets variables to values that cannot be told.

        Args:
            names: In upper case; `ANY` for an open list.
        """
        if ANY in names:
            self._forget_custom()
        for name in names - self._by_steps.names:  # the others are not certain any more
            self.certain.pop(name, None)
        self._by_steps.add(names)
        self._by_commands.add(names)

    def write_perhaps(self, names: Set[str]) -> None:
        """A step sets variables that only runs if a program sets other variables before."""
        self._by_commands.add(names)

    def run_commands(self) -> None:
        """A step that may run runs programs."""
        self._by_commands.add(_ANY)

    def _now_known(self, name: str) -> None:
        self._by_steps.remove(name)
        self._by_commands.remove(name)

    def _forget_custom(self) -> None:
        for name in [name for name in self.certain if not _is_engines(name)]:
            del self.certain[name]


def _is_engines(name: str) -> bool:
    """Whether only the engine sets a variable.

    Source: Microsoft Learn, "How to use task sequence variables": read-only names begin with an
    underscore.
    """
    return name.startswith("_")
