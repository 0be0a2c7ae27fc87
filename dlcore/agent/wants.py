"""Which packages the agent fetches, and in which order, from everything that its clients want.

A package is named as it is among the downloads (`dlcore.engine.download.version_names`).

Pure. What is wanted in the foreground comes before what is wanted in the background; within both,
the earlier deadline comes first. What has no deadline comes before those in the foreground (it is
needed now), and after them in the background (it cannot be late). Wants of the same rank take
turns: the first package of each is needed first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from dlcore.agent.interface import Priority, Want
from dlcore.engine.running.lookahead import Lookahead

NOTHING_AHEAD = Lookahead((), ())
WHENEVER = float("inf")


class FetchOrder(NamedTuple):
    """Names of packages, the earliest needed in front; none is in two of the first three lists.

    Attributes:
        foreground: Somebody waits for them, or soon will.
        background: They may use what other traffic leaves unused.
        maybe_needed: Needed only if an open condition turns out so; fetched when all else is there.
        due: Deadlines of the background, in seconds since 1970, and all that is fetched until what
            has this deadline is there.
        kept: What stays on disk once it is there, in files of its own.
        in_use: What steps work in: it is fetched for nobody, and left alone.
    """

    foreground: tuple[str, ...] = ()
    background: tuple[str, ...] = ()
    maybe_needed: tuple[str, ...] = ()
    due: Mapping[float, tuple[str, ...]] = MappingProxyType({})
    kept: tuple[str, ...] = ()
    in_use: frozenset[str] = frozenset()

    @property
    def needed(self) -> tuple[str, ...]:
        """What is fetched first."""
        return self.foreground + self.background

    @property
    def packages(self) -> tuple[str, ...]:
        """All of them, in the order in which they are fetched."""
        return self.needed + self.maybe_needed

    def priority(self, is_there: Callable[[str], bool]) -> Priority:
        """How much of the link what is missing may use.

        Args:
            is_there: Whether a package is complete.
        """
        if all(map(is_there, self.foreground)) and not all(map(is_there, self.background)):
            return Priority.BACKGROUND
        return Priority.FOREGROUND


def order_of(
    wants: Iterable[Want],
    ahead: Mapping[str, Lookahead],
    name_of: Callable[[str, str], str] = lambda package_id, want: package_id,
) -> FetchOrder:
    """Put all wants together.

    Args:
        wants: The oldest first.
        ahead: What the next steps of a want's sequence need, by the want's name.
        name_of: What the version of a package is called that the want of a name means.
    """
    wants = tuple(wants)
    in_use = frozenset(_names(wants, lambda want: want.in_use, name_of))
    needed: list[_Ranked] = []
    maybe_needed: list[_Ranked] = []
    for age, want in enumerate(wants):
        next_steps = ahead.get(want.name, NOTHING_AHEAD)
        lists = (
            (needed, (*want.packages, *next_steps.needed)),
            (maybe_needed, (*want.maybe_packages, *next_steps.maybe_needed)),
        )
        for ranked, package_ids in lists:
            names = (name_of(each, want.name) for each in package_ids)
            ranked += _ranked(want, age, [name for name in names if name not in in_use])
    first = dict[str, Priority]()
    for each in sorted(needed):
        first.setdefault(each.package, each.priority)
    maybe = (each.package for each in sorted(maybe_needed) if each.package not in first)
    order = FetchOrder(
        tuple(p for p, priority in first.items() if priority is Priority.FOREGROUND),
        tuple(p for p, priority in first.items() if priority is Priority.BACKGROUND),
        tuple(dict.fromkeys(maybe)),
        kept=tuple(dict.fromkeys(_names(wants, lambda want: want.kept, name_of))),
        in_use=in_use,
    )
    return order._replace(due=_due(order.packages, [*needed, *maybe_needed]))


def _names(
    wants: Iterable[Want],
    packages_of: Callable[[Want], Iterable[str]],
    name_of: Callable[[str, str], str],
) -> Iterator[str]:
    return (name_of(each, want.name) for want in wants for each in packages_of(want))


def _due(packages: Sequence[str], ranked: Sequence[_Ranked]) -> dict[float, tuple[str, ...]]:
    """By deadline of the background: the packages up to the last one that has this deadline."""
    place = {package: i for i, package in enumerate(packages)}
    ends = dict[float, int]()
    for each in ranked:
        if each.is_background and each.by_s < WHENEVER:
            ends[each.by_s] = max(ends.get(each.by_s, 0), place[each.package] + 1)
    return {by_s: tuple(packages[:end]) for by_s, end in ends.items()}


class _Ranked(NamedTuple):
    """A package of one want; they sort by when they are needed."""

    is_background: bool
    by_s: float
    place: int
    age: int
    package: str

    @property
    def priority(self) -> Priority:
        return Priority.BACKGROUND if self.is_background else Priority.FOREGROUND


def _ranked(want: Want, age: int, packages: Sequence[str]) -> list[_Ranked]:
    is_background = want.priority is Priority.BACKGROUND
    without = WHENEVER if is_background else 0.0
    by_s = without if want.by_s is None else want.by_s
    return [_Ranked(is_background, by_s, i, age, package) for i, package in enumerate(packages)]
