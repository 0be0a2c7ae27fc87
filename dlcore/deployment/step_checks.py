"""The prerequisites that lie in the steps: each can be run, and what it needs can be told.

Guarantees: each function makes one check; a step is named with its number and its name. Steps that
certainly do not run are not among the facts.
"""

from __future__ import annotations

from dlcore.deployment.facts import Check, CheckOutcome, Facts, StepNote


def unrunnable_steps(facts: Facts) -> Check:
    """No step whose turn may come is one that cannot be run on this machine."""
    name = "unrunnable-steps"
    if facts.simulated:
        return Check(name, CheckOutcome.DOES_NOT_APPLY, "the steps are simulated")
    if facts.obstacles is None:
        return Check(name, CheckOutcome.NOT_EXAMINED, "it is not known what runs the steps")
    if not facts.obstacles:
        return Check(name, CheckOutcome.PASSED, "every step can be run on this machine")
    return Check(
        name,
        CheckOutcome.FAILED,
        f"this machine cannot run {_listed(facts.obstacles)}",
        "Correct these steps as their reasons say, disable them, or give them a condition that is"
        " false here. If only this machine cannot run them, run the sequence on another one. A type"
        " without an executor needs one (entry point dlcore.step_executors). --simulate rehearses"
        " the sequence without executing it.",
    )


def children_present(facts: Facts) -> Check:
    """The export has the task sequences that its steps run."""
    name = "children-present"
    if not facts.missing_children:
        return Check(name, CheckOutcome.PASSED, "every child task sequence is in the export")
    return Check(
        name,
        CheckOutcome.FAILED,
        f"the export lacks task sequences: {_listed(facts.missing_children)}",
        "Export the task sequence again, together with the task sequences that it runs.",
    )


def content_foreseen(facts: Facts) -> Check:
    """The content of every step can be told from the sequence."""
    name = "content-foreseen"
    if not facts.untold:
        told = "the sequence tells the content of every step"
        return Check(name, CheckOutcome.PASSED, told)
    return Check(
        name,
        CheckOutcome.WARNING,
        f"the sequence does not tell all content of {_listed(facts.untold)}",
        "dlcore fetches nothing for these steps that the sequence does not name: make sure that"
        " they find the rest by themselves.",
    )


def references_explained(facts: Facts) -> Check:
    """Every package of the sequence's reference list is named by a step."""
    name = "references-explained"
    if not facts.unexplained:
        return Check(name, CheckOutcome.PASSED, "every package of the reference list has its step")
    return Check(
        name,
        CheckOutcome.WARNING,
        f"no step names these packages of the sequence's reference list:"
        f" {', '.join(facts.unexplained)}",
        "They are fetched last. If a step needs them, name them in that step.",
    )


def _listed(notes: tuple[StepNote, ...]) -> str:
    return "; ".join(f'step {note.index} "{note.step}": {note.text}' for note in notes)
