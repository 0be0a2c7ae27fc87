"""The page about events, made of the events' own types and docstrings."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import get_args, get_origin, get_type_hints

import msgspec

from dlcore.engine.listeners.lines import EVENTS, Stamp

INTRODUCTION = Path(__file__).with_name("introduction.md")
_NAMES = {str: "text", int: "whole number", float: "number", bool: "true or false"}
_ATTRIBUTE = re.compile(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)


def document() -> str:
    """The whole page."""
    parts = _parts()
    sections = [_section(kind) for kind in EVENTS]
    of_parts = [_section(kind) for kind in parts]
    return "\n".join(
        [
            INTRODUCTION.read_text("utf-8"),
            "## Members of each line\n\n" + _table(Stamp),
            "## Events\n",
            "\n".join(sections),
            "## What some members consist of\n",
            "\n".join(of_parts),
        ]
    )


def attributes(kind: type) -> dict[str, str]:
    """What the docstring says of each member."""
    told = inspect.getdoc(kind) or ""
    listed = told.partition("Attributes:\n")[2]
    return {name: _text(text) for name, text in _ATTRIBUTE.findall(listed)}


def _parts() -> list[type]:
    """The structs that are members of events, in the order of their first use."""
    found = dict[type, None]()
    for kind in EVENTS:
        for hint in get_type_hints(kind).values():
            for part in getattr(hint, "__args__", ()):
                if isinstance(part, type) and issubclass(part, msgspec.Struct):
                    found[part] = None
    return list(found)


def _section(kind: type) -> str:
    summary = _text((inspect.getdoc(kind) or "").partition("Attributes:")[0].strip())
    return f"### {kind.__name__}\n{summary}\n\n{_table(kind)}"


def _table(kind: type) -> str:
    hints, told = get_type_hints(kind), attributes(kind)
    names = [field.name for field in msgspec.structs.fields(kind)]
    if not names:
        return "No members.\n"
    rows = [f"| `{name}` | {_type(hints[name])} | {told[name]} |\n" for name in names]
    return "| Member | Is | Means |\n|---|---|---|\n" + "".join(rows)


def _type(hint: object) -> str:
    if hint in _NAMES:
        return _NAMES[hint]
    arguments: tuple[object, ...] = get_args(hint)
    origin = get_origin(hint)
    if origin is dict:
        return f"object: {_type(arguments[0])} to {_type(arguments[1])}"
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if type(None) in arguments:
        return f"{_type(arguments[0])}, or null"
    assert isinstance(hint, type)
    return f"[{hint.__name__}](#{hint.__name__.lower()})"


def _text(text: str) -> str:
    """A docstring's text as Markdown: on one line, with one backquote around code."""
    return re.sub(r"`+", "`", " ".join(text.split())).replace("|", "\\|")
