"""Which paths of a package a pattern means. Pure.

A pattern is a path of a package in which ``*``, ``?`` and ``[...]`` stand for characters of a name
and ``**`` for any number of folders. One without a slash means that name in every folder; one that
matches a folder means all that is below it. Case does not count, as in Windows' file systems, which
the content of packages is made for.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

_ANY_FOLDERS = "**"


class Patterns(NamedTuple):
    """Which files are wanted.

    Attributes:
        include: Patterns of what is wanted; none: everything.
        exclude: Patterns of what is not wanted, although it is included.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def select(self, path: str) -> bool:
        """Whether a path is wanted."""
        is_included = not self.include or any(matches(path, each) for each in self.include)
        return is_included and not any(matches(path, each) for each in self.exclude)


def matches(path: str, pattern: str) -> bool:
    """Whether a pattern means a path, or a folder that it is in.

    Args:
        path: Relative to the package, with slashes.
        pattern: As the module says; backslashes count as slashes.
    """
    names = path.casefold().split("/")
    parts = [part for part in pattern.casefold().replace("\\", "/").split("/") if part]
    if len(parts) == 1 and not pattern.startswith(("/", "\\")):
        parts = [_ANY_FOLDERS, *parts]
    if parts[-1:] == [_ANY_FOLDERS]:
        parts[-1] = "*"  # all that is below: a match of a folder means that too
    return bool(parts) and _match(names, parts)


def _match(names: Sequence[str], parts: Sequence[str]) -> bool:
    """Match by names; ``reached`` are the numbers of parts that may be used up so far."""
    reached = _skip({0}, parts)
    for name in names:
        if len(parts) in reached:
            return True  # a folder matched
        stay = {at for at in reached if parts[at] == _ANY_FOLDERS}
        step = {at + 1 for at in reached - stay if fnmatchcase(name, parts[at])}
        reached = _skip(stay | step, parts)
    return len(parts) in reached


def _skip(reached: set[int], parts: Sequence[str]) -> set[int]:
    """Also the parts behind each ``**`` that is reached: it may stand for no folder at all."""
    found = set(reached)
    for at in range(len(parts)):
        if at in found and parts[at] == _ANY_FOLDERS:
            found.add(at + 1)
    return found
