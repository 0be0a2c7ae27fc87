"""The known name that somebody probably meant who wrote an unknown one."""

from __future__ import annotations

from collections.abc import Iterable

WORDS = 0.6
"""How alike words must be: `difflib`'s own measure, 1.0 for the same."""

IDS = 0.85
"""How alike package ids must be. Their beginnings are alike anyway, so at most one character may
differ, or two be exchanged."""


def nearest(given: str, known: Iterable[str], *, alike: float = WORDS) -> str:
    """The known name most like the given one; empty if none is alike."""
    import difflib  # a millisecond that only a misspelling should take

    return next(iter(difflib.get_close_matches(given, known, n=1, cutoff=alike)), "")


def hint(given: str, known: Iterable[str], *, alike: float = WORDS) -> str:
    """What to write behind an unknown name: `` (did you mean default_s?)``, or nothing."""
    near = nearest(given, known, alike=alike)
    return f" (did you mean {near}?)" if near else ""
