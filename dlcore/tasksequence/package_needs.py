"""Which packages a step needs.

Guarantees: ids come in upper case, in the order in which the step uses them, each once. A text that
names packages is expanded first, and split into ids then. Assumes that the caller looks at
``enabled`` and at conditions: a disabled step's needs are listed as well.

`unresolved_needs` lists what is left open, and `content_note` says what no sequence can tell.
Not for boot images: no step of a running upgrade needs one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from dlcore.package_ids import package_id
from dlcore.tasksequence import step_types as types
from dlcore.tasksequence.package_references import (
    PackageReference,
    is_download,
    list_base,
    list_members,
    package_references,
)
from dlcore.tasksequence.step_types import step_type
from dlcore.tasksequence.tree import Step, TaskSequence
from dlcore.tasksequence.variables import FrozenVariables, frozen

_QUOTED = re.compile(r"%([^%\s]+)%")


class UnresolvedNeed(msgspec.Struct, frozen=True):
    """A package that a step names in a way that does not lead to a package id.

    Attributes:
        reference: What stands in place of the id, as its author wrote it: ``%IMAGE%``,
            ``DRIVERS001``.
        variables: Names of the variables in it that are not set, or empty.
    """

    reference: str
    variables: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """Why it is not resolved: a clause without a full stop."""
        if not self.variables:
            return "it is not a package id"
        if len(self.variables) == 1:
            return f"the variable {self.variables[0]} is not set"
        return f"the variables {', '.join(self.variables)} are not set"


def needs(step: Step, variables: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The packages that a step needs, in the order in which it uses them.

    Args:
        step: Enabled or not.
        variables: Current values: they override the step's parameters, are quoted in them, and
            hold dynamic lists (``/basevar:``).
    """
    known = frozen(variables)
    found = _named(step, known, is_possible=False)
    listed = map(package_id, list_members(list_base(step, known), known))
    return tuple(dict.fromkeys((*found, *(wanted for wanted in listed if wanted))))


def possible_needs(step: Step, variables: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The packages that a step may need: those of a child sequence that the export lacks."""
    return _named(step, frozen(variables), is_possible=True)


def unresolved_needs(
    step: Step, variables: Mapping[str, str] | None = None
) -> tuple[UnresolvedNeed, ...]:
    """What a step names in place of a package id, and why no package is known by it.

    Args:
        step: Enabled or not.
        variables: As for `needs`. Without them a dynamic list counts too, as ``BASE001``; with
            them, a list without members is empty, not unresolved. A member that is not a package
            id is the executor's business: the step may go on behind it.
    """
    known = frozen(variables)
    left = [
        unresolved
        for reference in package_references(step, known)
        for unresolved in unresolved_of(reference, known)
    ]
    base = list_base(step, known)
    if base and variables is None:
        left.append(missing_list(base))
    return tuple(dict.fromkeys(left))


def packages_in_order(sequence: TaskSequence) -> tuple[str, ...]:
    """Every package that some step needs, in order of first need.

    Steps that are disabled or for Windows PE never run. Conditions are not looked at, and ids that
    depend on variables are left out: this is what the export alone tells.
    """
    steps = (step for step in sequence.steps if step.enabled and not step.is_for_windows_pe)
    return tuple(dict.fromkeys(wanted for step in steps for wanted in needs(step)))


def downloads(step: Step, variables: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The packages of a Download Package Content step, in the order of its numbered variables."""
    return needs(step, variables) if is_download(step) else ()


def packages_of(reference: PackageReference, known: FrozenVariables) -> tuple[str, ...]:
    """The package ids that a reference becomes with the variables given."""
    found = map(package_id, reference.members(known))
    return tuple(dict.fromkeys(wanted for wanted in found if wanted))


def unresolved_of(reference: PackageReference, known: FrozenVariables) -> list[UnresolvedNeed]:
    """What is left of a reference, with the variables given, that does not lead to a package id."""
    text = reference.text.strip()
    parts = reference.members(known)
    wrong = [part for part in parts if package_id(part) is None]
    if known.get(reference.parameter):
        return [UnresolvedNeed(f"%{reference.parameter}%", _not_set(text, known))] if wrong else []
    if "%" not in text:
        return [UnresolvedNeed(part) for part in wrong]
    return [UnresolvedNeed(text, _not_set(text, known))] if wrong or not parts else []


def missing_list(base: str) -> UnresolvedNeed:
    """A dynamic list of which no member is known."""
    return UnresolvedNeed(f"{base}001", (f"{base}001",))


def content_note(step: Step) -> str:
    """Why a step's content cannot be told from the sequence, and what would be needed.

    Returns:
        A clause without a full stop; empty if the content can be told.
    """
    known = step_type(step.type)
    if known is None and step.listed_packages:
        return ""
    if known is None:
        return (
            f"steps of the type {step.type} are not known: a package counts only if the step"
            " and the reference list name it"
        )
    if step.type == types.SUBSEQUENCE:
        child = step.variables.get(types.SUBSEQUENCE_ID, "").strip()
        return f"{child or 'the step'}: {known.content_note}"
    if not known.content_note:
        return ""
    has_it = not known.noted_if or list_base(step, {}) != ""
    has_it = has_it or any(step.variables.get(name, "").strip() for name in known.noted_if)
    return known.content_note if has_it else ""


def _named(step: Step, known: FrozenVariables, *, is_possible: bool) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            package
            for reference in package_references(step, known)
            if reference.is_possible == is_possible
            for package in packages_of(reference, known)
        )
    )


def _not_set(text: str, known: FrozenVariables) -> tuple[str, ...]:
    """Names of the variables, as the text spells them, that leave nothing or themselves in it."""
    names: list[str] = []
    for part in known.parts(text):
        if part.name and not part.text:
            names.append(part.name)
        names += _QUOTED.findall(part.text)
    return tuple(dict.fromkeys(names))
