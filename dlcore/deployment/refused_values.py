"""What is wrong with the value of a setting, and what may be written in its place, in words."""

from __future__ import annotations

import enum
import re
from typing import Any, Final, get_args

import msgspec

from dlcore.spelling import hint

_CALLED: Final = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}
_TYPE = re.compile(
    r"Expected `(?P<wanted>[^`]*)`, got `(?P<got>[^`]*)`(?: - at `\$\[(?P<at>\d+)\])?"
)
_BOUND = re.compile(r"Expected `(?:int|float)` (?P<bound>[<>]=?) (?P<limit>[^ ]*)")
_BOUNDS: Final = {">=": "{} or more", ">": "more than {}", "<=": "{} or less", "<": "less than {}"}


def what_is_wrong(kind: Any, value: object, error: msgspec.ValidationError) -> str:
    """Describe what is wrong with a value that msgspec refused; the value is not repeated.

    Args:
        kind: The type that it should have.
        value: The value.
        error: The refusal.
    """
    text = str(error)
    if isinstance(value, str) and isinstance(kind, type) and issubclass(kind, enum.Enum):
        return f"not an allowed value{hint(value, [member.value for member in kind])}"
    if found := _TYPE.match(text):
        wanted = [
            _CALLED.get(name, name) for name in found["wanted"].split(" | ") if name != "null"
        ]
        item = f"item {int(found['at']) + 1} " if found["at"] else ""
        got = "a decimal number" if found["got"] == "float" else _CALLED.get(found["got"], "that")
        return f"{item}must be {' or '.join(wanted)}, not {got}"
    if found := _BOUND.match(text):
        return f"must be {_BOUNDS[found['bound']].format(found['limit'])}"
    return text.replace("`", "")


def what_is_allowed(kind: Any) -> str:
    """What may be written for a value of this type."""
    if kind is bool:
        return "Allowed: true, false (without quotes)."
    if getattr(kind, "__origin__", None) is tuple:
        return 'Write strings between brackets: ["...", "..."].'
    if kind is str:
        return 'Write it between quotes: "...".'
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return "Allowed: " + ", ".join(f'"{member.value}"' for member in kind) + "."
    limits = _limits(kind)
    number = "a number" if _is_fraction(kind) else "a whole number"
    unit = f" of {limits.description}" if limits.description else ""
    ands = [
        _BOUNDS[sign].format(limit)
        for sign, limit in (
            (">=", limits.ge),
            (">", limits.gt),
            ("<=", limits.le),
            ("<", limits.lt),
        )
        if limit is not None
    ]
    bounds = f", {' and '.join(ands)}" if ands else ""
    if limits.ge is not None and limits.le is not None:
        bounds = f", {limits.ge} to {limits.le}"
    return f"Allowed: {number}{unit}{bounds}, without quotes{' or unit' if unit else ''}."


def _limits(kind: Any) -> msgspec.Meta:
    """What an annotated type says of its values; that of an optional one too."""
    for each in (kind, *get_args(kind)):
        for told in getattr(each, "__metadata__", ()):
            if isinstance(told, msgspec.Meta):
                return told
    return msgspec.Meta()


def _is_fraction(kind: Any) -> bool:
    return any(getattr(each, "__origin__", each) is float for each in (kind, *get_args(kind)))
