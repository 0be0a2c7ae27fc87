"""Chooses one task sequence of an export that holds several.

Guarantees: the one that is meant is named by its package id, its name or its number, whatever the
export has of these. An error lists the task sequences that there are, and its remedy names only
ways that lead to one of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from dlcore.errors import TaskSequenceError
from dlcore.package_ids import package_id
from dlcore.printable import quoted
from dlcore.tasksequence.builder import child_ids, references_of
from dlcore.tasksequence.forms import Export

MAX_LISTED = 20  # in one message; a person reads no more
MAX_NAME_CHARACTERS = 60

Numbered = tuple[int, Export]
"""An export and its number in the file, from 1."""


def choose(exports: Sequence[Export], which: str | None, source: str) -> Export:
    """The export that is meant, or else the only one that no other runs as a child.

    Args:
        exports: All that the file holds.
        which: Package id, name or number of the one that is meant. A single export that has no
            package id gets the one that is given.
        source: What to call the file in errors.

    Raises:
        TaskSequenceError: There is no such export, or it is open which one is meant.
    """
    numbered = list(enumerate(exports, 1))
    if which is None:
        return _without_parent(numbered, source)
    found = _named(numbered, which)
    if len(found) == 1:
        return found[0][1]
    given_id = package_id(which)
    if not found and given_id and len(exports) == 1 and not exports[0].package_id:
        return exports[0]._replace(package_id=given_id)
    if found:
        raise TaskSequenceError(
            f"{source}: {len(found)} task sequences have the name {quoted(_cut(which))}:"
            f" {_listed(found, source)}",
            remedy=_ways(found),
        )
    raise TaskSequenceError(
        f"{source}: holds no task sequence {quoted(_cut(which))}."
        f" It holds: {_listed(numbered, source)}",
        remedy=_ways(numbered) if len(numbered) > 1 else "Leave --sequence (which) out.",
    )


def _without_parent(numbered: list[Numbered], source: str) -> Export:
    children = frozenset[str]().union(*(_children_of(export) for _, export in numbered))
    parents = [item for item in numbered if item[1].package_id not in children]
    if len(parents) == 1:
        return parents[0][1]
    why = "none is run by another" if parents else "each is run by another"
    candidates = parents or numbered
    raise TaskSequenceError(
        f"{source}: holds several task sequences, and {why}: {_listed(candidates, source)}",
        remedy=_ways(candidates),
    )


def _named(numbered: list[Numbered], which: str) -> list[Numbered]:
    """Those that a text means: by id, else by name, else by number."""
    wanted = which.strip()
    by_id = [item for item in numbered if item[1].package_id == wanted.upper()]
    by_name = [item for item in numbered if _same(item[1].name, wanted)]
    by_number = [item for item in numbered if str(item[0]) == wanted]
    return (by_id[:1] if wanted else []) or by_name or by_number  # an id twice is refused later


def _same(name: str, wanted: str) -> bool:
    return bool(wanted) and name.strip().casefold() == wanted.casefold()


def _children_of(export: Export) -> frozenset[str]:
    listed = {entry.package for entry in references_of(export.sequence)}
    return (child_ids(export.sequence) | listed) - {export.package_id}


def _listed(numbered: list[Numbered], source: str) -> str:
    told = [f"{number}. {_label(export, source)}" for number, export in numbered[:MAX_LISTED]]
    if len(numbered) > MAX_LISTED:
        told.append(f"{len(numbered) - MAX_LISTED} more")
    return "; ".join(told)


def _label(export: Export, source: str) -> str:
    """Name and id, or where it is if it has neither."""
    name = f'"{_cut(export.name.strip())}"' if export.name.strip() else ""
    place = export.where.removeprefix(source).removeprefix("!")
    return " ".join(filter(None, (name, export.package_id))) or f"(no name) {place}".strip()


def _ways(numbered: list[Numbered]) -> str:
    """How the reader can say which one is meant."""
    names = [export.name.strip().casefold() for _, export in numbered]
    ways = ["number"]
    if all(names) and len(set(names)) == len(names):
        ways.append("name")
    if all(export.package_id for _, export in numbered):
        ways.append("package id")
    number = numbered[0][0]
    return (
        f'Say which one by its {" or ".join(ways)}, as in --sequence {number} (which="{number}").'
    )


def _cut(text: str) -> str:
    return text if len(text) <= MAX_NAME_CHARACTERS else f"{text[:MAX_NAME_CHARACTERS]}..."
