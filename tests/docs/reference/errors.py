"""The page about errors: every public class, its code, its exit status and its members."""

from __future__ import annotations

import dlcore
from dlcore import errors
from tests.docs.reference import markdown
from tests.docs.reference.docstrings import arguments, members_of, summary

_INTRODUCTION = """\
What the library raises. All are subclasses of `dlcore.DlcoreError`, and have a `message`, a
`remedy`, which may be empty, and a stable `code`. The command line ends with the [exit
status](../exit-codes.md) of the error."""


def page() -> str:
    """The whole page."""
    classes = list(_tree(errors.DlcoreError, 0))
    rows = (
        [
            f"{'&nbsp;' * 4 * depth}[`{error.__name__}`](#{error.__name__.lower()})",
            f"`{error.code}`",
            str(error.exit_status),
        ]
        for error, depth in classes
    )
    faults = (errors.Fault, errors.TrustFault, errors.RunStateFault)
    return markdown.page(
        "# Errors",
        f"{_INTRODUCTION} {markdown.GENERATED}",
        markdown.table(["Class", "`code`", "Exit status"], rows),
        *(_section(error) for error, _ in classes),
        "## Faults",
        "The member `fault` of some errors.",
        *(f"### {kind.__name__}\n{summary(kind)}\n\n{members_of(kind)}" for kind in faults),
    )


def _tree(
    error: type[errors.DlcoreError], depth: int
) -> list[tuple[type[errors.DlcoreError], int]]:
    """The public classes, each before those that are derived from it."""
    below = [
        item
        for child in error.__subclasses__()
        if getattr(dlcore, child.__name__, None) is child
        for item in _tree(child, depth + 1)
    ]
    return [(error, depth), *below]


def _section(error: type[errors.DlcoreError]) -> str:
    base = error.__mro__[1]
    article = "an" if base.__name__[0] in "AEIOU" else "a"
    derived = f", {article} `{base.__name__}`" if issubclass(base, errors.DlcoreError) else ""
    return markdown.page(
        f"## {error.__name__}",
        f"Code `{error.code}`, exit status {error.exit_status}{derived}. {summary(error)}",
        arguments(error, leave_out={"message", "remedy"}, head="Member"),
    ).rstrip()
