"""A disk in memory that fails on request and forgets what was not synced.

It holds two states: what programs see, and what survives a loss of power. The second follows the
first only by a sync. In between, any subset of the changes may have reached the medium, writes torn
at sectors of 512 bytes. Two kinds of file system are simulated: `ordered` (a journal: changes of
names reach the medium in order, and syncing a file commits them all, as ext4 and xfs do), and not
(each folder's names are durable only once that folder was synced, in any order, as POSIX has it).

A failed sync marks the bytes clean without having written them, as Linux does: the next sync
succeeds, and they are gone after a loss of power.
"""

from __future__ import annotations

import errno
import os
import random
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path

from dlcore.native import Run, Written, portable
from dlcore.store.files import Files

SECTOR_BYTES = 512
SECOND_NS = 1_000_000_000


class PowerCutError(BaseException):
    """The machine is off. Not an Exception: no handler is meant to survive it."""


class Inode:
    """A file: its bytes as on the medium, and the changes since its last sync."""

    def __init__(self, durable: bytes = b"") -> None:
        self.durable = durable
        self.data = bytearray(durable)
        self.log: list[tuple[int, bytes | None]] = []  # (offset, bytes), or (length, None)
        self.number = next(_numbers)
        self.is_sparse = False
        self.changed_ns = 0

    def change(self, at: int, data: bytes | None, now_ns: int) -> None:
        self.changed_ns = now_ns
        self.log.append((at, data))
        apply(self.data, at, data)

    def clean(self, *, lost: bool = False) -> None:
        if not lost:
            self.durable = bytes(self.data)
        self.log.clear()

    def reread(self) -> None:
        """What a program sees once clean pages were dropped from memory."""
        self.data = bytearray(self.durable)
        for at, data in self.log:
            apply(self.data, at, data)

    def after_power_loss(self, chance: random.Random) -> Inode:
        found = bytearray(self.durable)
        for at, data in self.log:
            if data is None:
                if chance.random() < 0.5:
                    apply(found, at, None)
                continue
            for start in range(0, len(data), SECTOR_BYTES):
                if chance.random() < 0.5:
                    apply(found, at + start, data[start : start + SECTOR_BYTES])
        survivor = Inode(bytes(found))
        survivor.is_sparse = self.is_sparse  # metadata, in the order of the changes of names
        return survivor


class Folder:
    """A folder: its entries as programs see them, and as on the medium."""

    def __init__(self) -> None:
        self.names: dict[str, Node] = {}
        self.durable: dict[str, Node] = {}


_numbers = count(1)
Node = Inode | Folder
Place = tuple[Folder, str]
Change = tuple[Place | None, Place | None, Node]  # from, to, what: None is nowhere


def apply(data: bytearray, at: int, new: bytes | None) -> None:
    if new is None:
        del data[at:]
        data.extend(bytes(at - len(data)))
    else:
        data.extend(bytes(max(0, at - len(data))))
        data[at : at + len(new)] = new


def places(change: Change) -> set[tuple[int, str]]:
    return {(id(place[0]), place[1]) for place in change[:2] if place}


class SimDisk(Files):
    """The disk. Counts every call in `calls`; `before` may raise instead of any of them.

    Args:
        ordered: Which kind of file system.
    """

    is_sparse = True

    def __init__(self, *, ordered: bool = True) -> None:
        self.root = Folder()
        self.ordered = ordered
        self.calls = 0
        self.before: Callable[[SimDisk, str], None] = lambda disk, call: None
        self.longest_write = 1 << 30
        self.clock_ns = 0  # goes on by a second with each change of a file
        self._changes: list[Change] = []
        self._open: dict[int, Inode] = {}
        self._next_fd = 1000
        self._lock = threading.RLock()

    def __getattribute__(self, name: str) -> object:
        value = super().__getattribute__(name)
        return self._counted(name, value) if name in CALLS else value

    def _counted(self, name: str, call: Callable[..., object]) -> Callable[..., object]:
        def counted(*arguments: object, **options: object) -> object:
            with self._lock:
                self.calls += 1
                self.before(self, name)
                return call(*arguments, **options)

        return counted

    # Names

    def make_folder(self, path: Path) -> None:
        if self._find(path):
            raise FileExistsError(errno.EEXIST, "exists", str(path))
        self._change_name(None, self._place(path), Folder())

    def status(self, path: Path) -> os.stat_result | None:
        node = self._find(path)
        return None if node is None else status_of(node)

    def hides_writes(self, path: Path) -> bool:
        return False

    def is_in_memory(self, folder: Path) -> bool:
        return False

    def check_owner(self, path: Path, status: os.stat_result) -> None:
        """Everything is this user's."""

    def entries(self, path: Path) -> Iterator[tuple[str, os.stat_result]]:
        return iter([(n, status_of(node)) for n, node in self._folder(path).names.items()])

    def names(self, path: Path) -> list[str]:
        return sorted(self._folder(path).names)

    def move(self, source: Path, target: Path) -> None:
        node = self._find(source)
        assert node
        assert not isinstance(self._find(target), Folder), "a folder is never replaced"
        self._change_name(self._place(source), self._place(target), node)

    def touch(self, path: Path, time_ns: int | None = None) -> None:
        self._folder(path)

    def link(self, source: Path, target: Path) -> None:
        node = self._find(source)
        assert isinstance(node, Inode)
        self._change_name(None, self._place(target), node)

    def remove(self, path: Path) -> None:
        node = self._find(path)
        assert isinstance(node, Inode)
        self._change_name(self._place(path), None, node)

    def remove_tree(self, path: Path) -> None:
        node = self._find(path)
        assert isinstance(node, Folder)
        self._change_name(self._place(path), None, node)

    # Files

    def open(self, path: Path, *, create: bool = False) -> int:
        node = self._find(path)
        if node is None and create:
            node = Inode()
            self._change_name(None, self._place(path), node)
        return self._open_file(path, node)

    def _open_file(self, path: Path, node: Node | None) -> int:
        if not isinstance(node, Inode):
            raise FileNotFoundError(errno.ENOENT, "missing", str(path))
        self._next_fd += 1
        self._open[self._next_fd] = node
        return self._next_fd

    def open_to_read(self, path: Path) -> int:
        return self._open_file(path, self._find(path))

    def watch(self, folder: Path) -> int:
        self._folder(folder)
        return 1

    def close(self, fd: int) -> None:
        self._open.pop(fd, None)

    def size(self, fd: int) -> int:
        return len(self._open[fd].data)

    def write_at(self, fd: int, data: memoryview, offset: int) -> int:
        data = data[: self.longest_write]
        self._open[fd].change(offset, bytes(data), self._tick())
        return len(data)

    def open_direct(self, path: Path) -> None:
        return None

    def verify_and_write(self, runs: Sequence[Run]) -> Iterator[Written]:
        return portable.verify_and_write(runs, self.write_at)

    def read_at(self, fd: int, view: memoryview, offset: int) -> int:
        data = self._open[fd].data[offset : offset + len(view)]
        view[: len(data)] = data
        return len(data)

    def truncate(self, fd: int, length_bytes: int) -> None:
        self._open[fd].change(length_bytes, None, self._tick())

    def allocate(self, fd: int, length_bytes: int) -> None:
        self._open[fd].is_sparse = True
        self._open[fd].change(length_bytes, None, self._tick())

    def make_ordinary(self, fd: int) -> None:
        assert not self._open[fd].log, "all of it was synced"
        self._open[fd].is_sparse = False

    def has_data(self, fd: int, offset: int, length_bytes: int) -> bool:
        return any(self._open[fd].data[offset : offset + length_bytes])

    def read_again(self, fd: int, offset: int, length_bytes: int) -> None:
        self._open[fd].reread()

    def free_bytes(self, path: Path) -> int:
        return 0

    def now_ns(self) -> int:
        return self.clock_ns + SECOND_NS

    def pause(self, seconds: float) -> None:
        """Nothing is ever so fresh that it is waited for."""

    def _tick(self) -> int:
        self.clock_ns += SECOND_NS
        return self.clock_ns

    # What survives

    def sync(self, fd: int) -> None:
        self._make_durable(fd)

    def sync_data(self, fd: int) -> None:
        self._make_durable(fd)

    def _make_durable(self, fd: int) -> None:
        self._open[fd].clean()
        if self.ordered:
            self._commit(set(range(len(self._changes))))

    def sync_folder(self, path: Path) -> None:
        folder = self._folder(path)
        wanted = {
            at
            for at, change in enumerate(self._changes)
            if self.ordered or any(place and place[0] is folder for place in change[:2])
        }
        self._commit(wanted)

    def sync_filesystem(self, fd: int) -> bool:
        self._commit(set(range(len(self._changes))))
        for inode in inodes(self.root):
            inode.clean()
        return True

    def write_back(self, fd: int) -> None:
        """No file is mapped; and it promises nothing of what survives."""

    def lose_dirty_bytes(self) -> None:
        """What a failed sync does: all is clean now, nothing of it was written."""
        for inode in inodes(self.root):
            inode.clean(lost=True)

    def after_power_loss(self, chance: random.Random) -> SimDisk:
        """The disk as the machine finds it when power returns."""
        count = len(self._changes)
        if self.ordered:
            self._commit(set(range(chance.randint(0, count))))
        else:
            self._commit({at for at in range(count) if chance.random() < 0.5})
        found = SimDisk(ordered=self.ordered)
        found.root = survivor(self.root, chance, {})
        return found

    def read_tree(self, path: Path) -> dict[str, bytes]:
        """All files below a folder, by relative path."""
        return dict(contents(self._folder(path), ""))

    def sparse_files(self) -> int:
        """How many files have the mark of `allocate`."""
        return sum(inode.is_sparse for inode in inodes(self.root))

    def holds_folder(self, path: Path) -> bool:
        return isinstance(self._find(path), Folder)

    def _commit(self, wanted: set[int]) -> None:
        """Make changes of names durable, with those earlier ones that they build on."""
        needed: set[tuple[int, str]] = set()
        for at in reversed(range(len(self._changes))):
            if at in wanted or places(self._changes[at]) & needed:
                wanted.add(at)
                needed |= places(self._changes[at])
        for at in sorted(wanted):
            source, target, node = self._changes[at]
            if source:
                del source[0].durable[source[1]]
            if target:
                target[0].durable[target[1]] = node
        self._changes = [c for at, c in enumerate(self._changes) if at not in wanted]

    def _change_name(self, source: Place | None, target: Place | None, node: Node) -> None:
        if source:
            del source[0].names[source[1]]
        if target:
            target[0].names[target[1]] = node
        self._changes.append((source, target, node))

    def _find(self, path: Path) -> Node | None:
        node: Node | None = self.root
        for name in path.parts[1:]:
            node = node.names.get(name) if isinstance(node, Folder) else None
        return node

    def _folder(self, path: Path) -> Folder:
        node = self._find(path)
        if not isinstance(node, Folder):
            raise FileNotFoundError(errno.ENOENT, "missing", str(path))
        return node

    def _place(self, path: Path) -> Place:
        return self._folder(path.parent), path.name


NO_LINK = {"st_reparse_tag": 0}  # Windows asks for it; other systems ignore it


def status_of(node: Node) -> os.stat_result:
    owner = getattr(os, "geteuid", int)()
    if isinstance(node, Folder):
        return os.stat_result((stat.S_IFDIR | 0o700, 0, 0, 2, owner, 0, 0, 0, 0, 0), NO_LINK)
    row = (stat.S_IFREG | 0o600, node.number, 0, 1, owner, 0, len(node.data), 0, 0, 0)
    times = {"st_mtime_ns": node.changed_ns, "st_ctime_ns": node.changed_ns}
    return os.stat_result(row, times | NO_LINK)


CALLS = frozenset(name for name in vars(Files) if not name.startswith("_"))


def inodes(folder: Folder) -> Iterator[Inode]:
    for node in folder.names.values():
        if isinstance(node, Folder):
            yield from inodes(node)
        else:
            yield node


def contents(folder: Folder, prefix: str) -> Iterator[tuple[str, bytes]]:
    for name, node in folder.names.items():
        if isinstance(node, Folder):
            yield from contents(node, f"{prefix}{name}/")
        else:
            yield prefix + name, bytes(node.data)


def survivor(folder: Folder, chance: random.Random, made: dict[int, Inode]) -> Folder:
    found = Folder()
    for name, node in folder.durable.items():
        if isinstance(node, Folder):
            found.names[name] = survivor(node, chance, made)
        else:
            found.names[name] = made.setdefault(id(node), node.after_power_loss(chance))
    found.durable = dict(found.names)
    return found
