"""Reads ``<variable name="...">`` lists: the parameters of steps and expressions.

Guarantees: every parameter is kept under its variable name; of two with one name the last counts.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from dlcore.tasksequence.variables import FrozenVariables


def variables_in(holder: Element | None) -> FrozenVariables:
    """The ``<variable>`` children of an element."""
    if holder is None:
        return FrozenVariables()
    return FrozenVariables(
        {item.get("name", ""): text_of(item) for item in holder.iterfind("variable")}
    )


def text_of(element: Element) -> str:
    """An element's text; a line break with nothing else is indentation, not a value."""
    text = element.text or ""
    return text if text.strip() or "\n" not in text else ""
