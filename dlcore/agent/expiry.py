"""Which wants are over, so that the agent forgets them when no client does.

Pure. A want is over when it is a background want, all its packages are there, and its time passed
long ago: what it was for has happened by now, or never will. A want without a time is never over,
nor is one with missing packages: somebody may still look for the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from dlcore.agent.interface import Priority, Want
from dlcore.agent.wants import NOTHING_AHEAD
from dlcore.engine.running.lookahead import Lookahead


def wants_over(
    wants: Iterable[Want],
    ahead: Mapping[str, Lookahead],
    is_ready: Callable[[str], bool],
    before_s: float,
) -> tuple[str, ...]:
    """The names of the wants that are over.

    Args:
        wants: All of them.
        ahead: What the next steps of a want's sequence need, by the want's name.
        is_ready: Whether a package is complete.
        before_s: A want is over if its time was earlier, in seconds since 1970.
    """
    return tuple(
        each.name
        for each in wants
        if each.priority is Priority.BACKGROUND
        and each.by_s is not None
        and each.by_s < before_s
        and all(map(is_ready, _wanted(each, ahead.get(each.name, NOTHING_AHEAD))))
    )


def _wanted(want: Want, ahead: Lookahead) -> tuple[str, ...]:
    return (*want.packages, *want.maybe_packages, *ahead.needed, *ahead.maybe_needed)
