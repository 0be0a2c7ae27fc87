"""What docstrings in Google's style say, as Markdown."""

from __future__ import annotations

import ast
import enum
import inspect
import textwrap

import griffe

from tests.docs.reference import markdown


def sections(thing: object) -> list[griffe.DocstringSection]:
    """The parts of a docstring."""
    text = griffe.Docstring(inspect.getdoc(thing) or "")
    return text.parse(griffe.Parser.google, warnings=False)


def summary(thing: object) -> str:
    """Everything that is not a list of arguments or the like."""
    texts = [s.value for s in sections(thing) if isinstance(s, griffe.DocstringSectionText)]
    return "\n\n".join(markdown.prose(text) for text in texts)


def arguments(
    thing: object, *, head: str, leave_out: frozenset[str] | set[str] = frozenset()
) -> str:
    """The arguments of a callable, as a table."""
    named = [
        (item.name, item.description)
        for section in sections(thing)
        if isinstance(section, griffe.DocstringSectionParameters)
        for item in section.value
        if item.name not in leave_out
    ]
    return markdown.table([head, "Meaning"], ([f"`{n}`", markdown.cell(d)] for n, d in named))


def attributes(thing: object) -> dict[str, str]:
    """What a docstring says of each attribute."""
    return {
        item.name: item.description
        for section in sections(thing)
        if isinstance(section, griffe.DocstringSectionAttributes)
        for item in section.value
    }


def members_of(kind: type[enum.Enum]) -> str:
    """The members of an enumeration and the comments behind them, as a table."""
    comments = _comments(kind)
    rows = ([f"`{kind.__name__}.{m.name}`", f"`{m.value}`", comments[m.name]] for m in kind)
    if not any(comments.values()):
        return markdown.table(["Member", "Value"], (row[:2] for row in map(list, rows)))
    return markdown.table(["Member", "Value", "Meaning"], rows)


def _comments(kind: type[enum.Enum]) -> dict[str, str]:
    """The comment at the end of each member's line."""
    source = textwrap.dedent(inspect.getsource(kind))
    lines = source.splitlines()
    found = {member.name: "" for member in kind}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            end = node.value.end_col_offset
            assert end is not None
            comment = lines[node.lineno - 1].encode()[end:].decode().strip()
            found[node.targets[0].id] = markdown.cell(comment.removeprefix("#").strip())
    return found
