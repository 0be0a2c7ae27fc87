"""The packages of a step whose turn is still to come, as far as they can be told now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dlcore.package_ids import package_id
from dlcore.tasksequence.dataflow import names_read
from dlcore.tasksequence.foreseen_variables import ForeseenVariables
from dlcore.tasksequence.package_needs import (
    UnresolvedNeed,
    missing_list,
    packages_of,
    unresolved_of,
)
from dlcore.tasksequence.package_references import (
    MAX_LIST_MEMBERS,
    PackageReference,
    list_base,
    list_members,
    package_references,
)
from dlcore.tasksequence.step_parameters import StepParameters
from dlcore.tasksequence.step_types import INSTALL_SOFTWARE, LIST_BASE, step_type
from dlcore.tasksequence.tree import Step
from dlcore.tasksequence.variables import FrozenVariables, names_quoted


class ForeseenContent(NamedTuple):
    """What a step needs if it runs.

    Attributes:
        packages: Ids of the packages that it needs for certain, in the order of their use.
        maybe_packages: Ids of others that it may need.
        unresolved: What it names in place of a package id, and what is missing.
    """

    packages: tuple[str, ...] = ()
    maybe_packages: tuple[str, ...] = ()
    unresolved: tuple[UnresolvedNeed, ...] = ()


_NOTHING = ForeseenContent()


def foresee_content(step: Step, variables: ForeseenVariables) -> ForeseenContent:
    """Tell what a step will need.

    Args:
        step: Enabled or not.
        variables: What is known of the variables when its turn comes.

    Raises:
        TaskSequenceError: A text becomes too long when it is expanded.
    """
    expected = tuple(package_references(step, variables.expected))
    base = list_base(step, variables.expected)
    bases = (base, *_alternative_bases(step, variables))
    perhaps = tuple(_perhaps_named(step, expected, variables))
    if not (expected or perhaps or any(bases)):
        return _NOTHING
    is_told = all(_is_literal(reference, variables) for reference in expected)
    if is_told and not (perhaps or any(bases)):
        return _literal(expected, variables.expected)
    certain = tuple(package_references(step, variables.certain))
    packages = dict.fromkeys(_certain_packages(certain, variables))
    if _is_certain_base(step, variables):
        packages.update(dict.fromkeys(_members(base, variables.certain)))
    maybe = dict.fromkeys(_possible_packages(certain, (*expected, *perhaps), variables))
    for each in bases:
        maybe.update(dict.fromkeys(_possible_members(each, variables)))
    unresolved = dict.fromkeys(
        need for reference in expected for need in unresolved_of(reference, variables.expected)
    )
    if base and not _members(base, variables.expected) and _may_fill(base, variables):
        unresolved[missing_list(base)] = None
    return ForeseenContent(
        tuple(packages), tuple(p for p in maybe if p not in packages), tuple(unresolved)
    )


def _is_literal(reference: PackageReference, variables: ForeseenVariables) -> bool:
    """Whether no variable has a say in a reference, as in nearly all steps."""
    return "%" not in reference.text and variables.is_untouched(reference.parameter)


def _literal(references: tuple[PackageReference, ...], known: FrozenVariables) -> ForeseenContent:
    packages: dict[str, None] = {}
    maybe: dict[str, None] = {}
    unresolved: dict[UnresolvedNeed, None] = {}
    for reference in references:
        found = packages_of(reference, known)
        (maybe if reference.is_possible else packages).update(dict.fromkeys(found))
        if reference.is_list or not found:
            unresolved.update(dict.fromkeys(unresolved_of(reference, known)))
    return ForeseenContent(
        tuple(packages), tuple(p for p in maybe if p not in packages), tuple(unresolved)
    )


def _perhaps_named(
    step: Step, expected: tuple[PackageReference, ...], variables: ForeseenVariables
) -> Iterator[PackageReference]:
    """References that a step has only if an earlier one sets a variable, and that may not run."""
    known = step_type(step.type)
    named = {reference.parameter for reference in expected}
    for parameter in known.packages if known else ():
        if parameter.name not in named and variables.alternatives(parameter.name):
            yield PackageReference(parameter.name, "", parameter.is_list, parameter.is_possible)


def _alternative_bases(step: Step, variables: ForeseenVariables) -> Iterator[str]:
    if step.type == INSTALL_SOFTWARE:
        for value in variables.alternatives(LIST_BASE):
            yield variables.expected.expand(value).strip()


def _is_certain_base(step: Step, variables: ForeseenVariables) -> bool:
    """Whether no earlier step may make it another list."""
    text = StepParameters(step, variables.expected).written(LIST_BASE)
    return variables.is_settled(LIST_BASE) and not variables.may_change(names_read(text))


def _certain_packages(
    references: tuple[PackageReference, ...], variables: ForeseenVariables
) -> Iterator[str]:
    for reference in references:
        if variables.is_settled(reference.parameter) and not reference.is_possible:
            yield from packages_of(reference, variables.certain)


def _possible_packages(
    certain: tuple[PackageReference, ...],
    expected: tuple[PackageReference, ...],
    variables: ForeseenVariables,
) -> Iterator[str]:
    for reference in expected:
        yield from packages_of(reference, variables.expected)
        for name in (reference.parameter, *sorted(names_quoted(reference.text))):
            for value in variables.alternatives(name):
                yield from packages_of(reference._replace(text=value), variables.expected)
    for reference in certain:
        yield from packages_of(reference, variables.expected)


def _members(base: str, known: FrozenVariables) -> tuple[str, ...]:
    found = map(package_id, list_members(base, known) if base else ())
    return tuple(wanted for wanted in found if wanted)


def _possible_members(base: str, variables: ForeseenVariables) -> Iterator[str]:
    """What a list may have: it ends at the first place that nothing is given to, and none may be.

    A value that is removed perhaps still counts: then the list is only shorter.
    """
    known = variables.expected
    for number in range(1, MAX_LIST_MEMBERS + 1 if base else 0):
        names = (f"{base}{number:03}", f"{base}{number:02}")
        values = [known.get(name, "") for name in names]
        values += [value for name in names for value in variables.alternatives(name)]
        if not any(values):
            return
        for value in values:
            wanted = package_id(known.expand(value).partition(":")[0])
            if wanted:
                yield wanted


def _may_fill(base: str, variables: ForeseenVariables) -> bool:
    """Whether an earlier step, or a program that it runs, may give the list its first member."""
    first = frozenset({f"{base}001".upper(), f"{base}01".upper()})
    return variables.commands_may_change(first)
