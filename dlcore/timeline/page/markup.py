"""HTML that is well-formed and safe by construction.

Guarantees: a text becomes markup only through `element` or `text`, which escape it. So a name from
a foreign document can neither end an attribute nor begin a tag, nor turn the order of what is read.
"""

from __future__ import annotations

import html

from dlcore.printable import printable

_EMPTY_ELEMENTS = frozenset({"meta", "rect", "line", "path", "circle"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(foreign: str) -> Markup:
    """A text, whatever is in it."""
    return Markup(html.escape(printable(foreign)))


def element(name: str, /, *children: str, **attributes: str | float | None) -> Markup:
    """An element.

    Args:
        name: Of the element.
        children: Markup, and texts.
        attributes: ``class_`` is ``class``, and ``_`` in a name is ``-``. None: it has none.
    """
    told = "".join(
        f' {_name(key)}="{text(_value(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _EMPTY_ELEMENTS and not children:
        return Markup(f"<{name}{told}>" if name == "meta" else f"<{name}{told}/>")
    return Markup(f"<{name}{told}>{joined(*children)}</{name}>")


def joined(*children: str) -> Markup:
    """Markup and texts, one after the other."""
    return Markup("".join(c if isinstance(c, Markup) else text(c) for c in children))


def _name(key: str) -> str:
    return key.removesuffix("_").replace("_", "-")


def _value(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
