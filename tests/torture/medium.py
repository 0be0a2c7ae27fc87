"""A disk that remembers what a program did, and every tree that a loss of power may leave of it.

Contents and names become durable by a sync. Between two syncs, any subset of the changes may have
reached the medium, writes torn at sectors. Two kinds of file system, as in `tests.store.simdisk`:
`ordered` (names reach the medium in order, and syncing anything commits all earlier ones), and not
(a folder's names are durable once that folder was synced).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.store.simdisk import SECTOR_BYTES, apply


class Entry(NamedTuple):
    """A name in a folder is given to a node, or (None) taken away."""

    folder: int
    name: str
    node: int | None


class Names(NamedTuple):
    """Names that change in one step; a node that is new is a folder or a file."""

    entries: tuple[Entry, ...]
    new: tuple[int, bool] | None = None  # node, whether it is a folder


class Data(NamedTuple):
    """Bytes of a file change, or (None) its length."""

    node: int
    at: int
    data: bytes | None


class Sync(NamedTuple):
    """A node becomes durable; None: everything does."""

    node: int | None


Event = Names | Data | Sync


class Leaf(NamedTuple):
    """A file, and the number of the inode that it was."""

    node: int
    data: bytes


class Tree(NamedTuple):
    """A folder, and the number of the inode that it was."""

    node: int
    below: dict[str, Tree | Leaf]


@dataclass
class File:
    """A file: its bytes on the medium, and the changes since its last sync."""

    durable: bytes = b""
    log: list[tuple[int, bytes | None]] = field(default_factory=list)

    def clean(self) -> None:
        """Make it durable."""
        self.durable = apply_all(self.durable, self.log)
        self.log = []

    def survivor(self, dice: random.Random, chance: float) -> bytes:
        """The bytes after a loss of power."""
        kept: list[tuple[int, bytes | None]] = []
        for at, data in self.log:
            if data is None:
                kept += [(at, None)] if dice.random() < chance else []
                continue
            for start in range(0, len(data), SECTOR_BYTES):
                if dice.random() < chance:
                    kept.append((at + start, data[start : start + SECTOR_BYTES]))
        return apply_all(self.durable, kept)


def apply_all(durable: bytes, log: list[tuple[int, bytes | None]]) -> bytes:
    """Bytes after some changes."""
    data = bytearray(durable)
    for at, new in log:
        apply(data, at, new)
    return bytes(data)


class Medium:
    """What is durable, and what is not yet.

    Args:
        root: Number of the topmost folder.
        ordered: Which kind of file system.
    """

    def __init__(self, root: int, *, ordered: bool) -> None:
        self.root = root
        self.folders: dict[int, dict[str, int]] = {root: {}}
        self.files: dict[int, File] = {}
        self._ordered = ordered
        self._pending: list[Names] = []

    def happen(self, event: Event) -> None:
        """Take an event in."""
        match event:
            case Names():
                if event.new and event.new[1]:
                    self.folders[event.new[0]] = {}
                elif event.new:
                    self.files[event.new[0]] = File()
                self._pending.append(event)
            case Data():
                self.files[event.node].log.append((event.at, event.data))
            case Sync(None):
                self._sync_all()
            case Sync(node):
                self._sync(node)

    def _sync_all(self) -> None:
        self._commit(set(range(len(self._pending))))
        for file in self.files.values():
            file.clean()

    def _sync(self, node: int | None) -> None:
        if node in self.files:
            self.files[node].clean()
        self._commit(
            {
                at
                for at, change in enumerate(self._pending)
                if self._ordered or any(entry.folder == node for entry in change.entries)
            }
        )

    def _commit(self, wanted: set[int]) -> None:
        chosen = with_causes(self._pending, wanted)
        for at in sorted(chosen):
            put(self.folders, self._pending[at])
        self._pending = [c for at, c in enumerate(self._pending) if at not in chosen]

    def survivor(self, dice: random.Random) -> Tree:
        """A tree that a loss of power may leave now; or that a kill leaves: all has survived."""
        chance = dice.choice((0.0, 0.5, 0.9, 1.0))
        count = len(self._pending)
        if chance == 1.0:
            wanted = set(range(count))
        elif self._ordered:
            wanted = set(range(dice.randint(0, count)))
        else:
            wanted = {at for at in range(count) if dice.random() < chance}
        folders = {node: dict(names) for node, names in self.folders.items()}
        for at in sorted(with_causes(self._pending, wanted)):
            put(folders, self._pending[at])
        return self._tree(folders, self.root, dice, chance)

    def durable_tree(self) -> Tree:
        """The tree that is left if nothing has reached the medium but what was synced."""
        return self._tree(self.folders, self.root, random.Random(0), 0.0)

    def _tree(
        self, folders: dict[int, dict[str, int]], node: int, dice: random.Random, chance: float
    ) -> Tree:
        found = Tree(node, {})
        for name, below in folders[node].items():
            if below in folders:
                found.below[name] = self._tree(folders, below, dice, chance)
            else:
                found.below[name] = Leaf(below, self.files[below].survivor(dice, chance))
        return found


def put(folders: dict[int, dict[str, int]], change: Names) -> None:
    """Change names."""
    for folder, name, node in change.entries:
        folders[folder].pop(name, None)
        if node is not None:
            folders[folder][name] = node


def with_causes(changes: list[Names], wanted: set[int]) -> set[int]:
    """Some changes of names, with the earlier ones of the same names: they build on those."""
    chosen: set[int] = set()
    needed: set[tuple[int, str]] = set()
    for at in reversed(range(len(changes))):
        places = {(entry.folder, entry.name) for entry in changes[at].entries}
        if at in wanted or places & needed:
            chosen.add(at)
            needed |= places
    return chosen
