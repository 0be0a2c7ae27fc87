"""Sees every change that a program in this process makes below a folder, and may let calls fail.

The functions of `os` are replaced for a while. So nothing that reaches the disk by another way than
the store's `Files` is missed. Bytes are not seen as they are written, by Python or by C, but
before the next event: the files that were opened to write are compared with what is known of them.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dlcore.disk import renames, system
from tests.torture.medium import Data, Entry, Event, Names, Sync

WRITING = os.O_WRONLY | os.O_RDWR
CALLS = ("open", "mkdir", "rename", "replace", "unlink", "remove", "rmdir", "fsync", "fdatasync")
ONLY_FAILING = ("stat", "lstat", "scandir", "listdir", "ftruncate", "chmod", "fchmod", "write")
Before = Callable[[str], None]


class Recorder:
    """The changes below a folder, from now on.

    Args:
        root: The folder.
        before: Is told the name of each call and may raise in its place.

    Attributes:
        events: What has happened, what was there at first included.
        first: How many of the events are what was there.
    """

    def __init__(self, root: Path, before: Before = lambda name: None) -> None:
        self.root = str(root)
        self.number = root.stat().st_ino
        self.events: list[Event] = []
        self._before = before
        self._lock = threading.RLock()
        self._known: dict[int, bytearray] = {}
        self._readers: dict[int, int] = {}
        self._real: dict[str, Callable[..., Any]] = {}
        self._take_in(self.root, self.number)
        self.events.append(Sync(None))
        self.first = len(self.events)

    def _take_in(self, folder: str, node: int) -> None:
        with os.scandir(folder) as entries:
            for entry in entries:
                below = entry.stat(follow_symlinks=False).st_ino
                is_folder = entry.is_dir(follow_symlinks=False)
                self._name(Entry(node, entry.name, below), new=(below, is_folder))
                if is_folder:
                    self._take_in(entry.path, below)
                else:
                    self._known[below] = bytearray()
                    self._compare(below, Path(entry.path).read_bytes())

    @contextlib.contextmanager
    def watching(self) -> Iterator[Recorder]:
        """Replace the functions of `os` inside a ``with``."""
        names = [*CALLS, *ONLY_FAILING]
        self._real = {name: getattr(os, name) for name in names}
        renamed, call = renames._renamed, system._call
        try:
            for name in names:
                setattr(os, name, self._hook(name))
            renames._renamed = self._hook_of_renamed(renamed)
            system._call = self._hook_of_call(call)
            yield self
        finally:
            for name, real in self._real.items():
                setattr(os, name, real)
            renames._renamed, system._call = renamed, call
            self._look()
            for fd in self._readers.values():
                os.close(fd)
            self._readers.clear()

    # Hooks

    def _hook(self, name: str) -> Callable[..., Any]:
        real = self._real[name]

        def hooked(*arguments: Any, **options: Any) -> Any:
            with self._lock:
                path = self._path_of(arguments, options)
                if path is None:
                    return real(*arguments, **options)
                self._before(name)
                if name in ONLY_FAILING:
                    return real(*arguments, **options)
                self._look()
                return getattr(self, f"_do_{name}")(path, real, arguments, options)

        return hooked

    def _do_open(self, path: str, real: Any, arguments: Any, options: Any) -> int:
        flags = arguments[1] if len(arguments) > 1 else options["flags"]
        is_new = not self._exists(path)
        fd: int = real(*arguments, **options)
        status = os.fstat(fd)
        if not flags & WRITING or not stat.S_ISREG(status.st_mode):
            return fd
        node = status.st_ino
        if is_new:
            self._name(self._entry(path, node), new=(node, False))
            self._known[node] = bytearray()
        if node not in self._readers:
            self._readers[node] = real(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
        self._look()
        return fd

    def _do_mkdir(self, path: str, real: Any, arguments: Any, options: Any) -> None:
        real(*arguments, **options)
        node = self._real["lstat"](path).st_ino
        self._name(self._entry(path, node), new=(node, True))

    def _do_unlink(self, path: str, real: Any, arguments: Any, options: Any) -> None:
        entry = self._entry(path, None)
        real(*arguments, **options)
        self._name(entry)

    _do_remove = _do_rmdir = _do_unlink

    def _do_rename(self, path: str, real: Any, arguments: Any, options: Any) -> None:
        target = self._absolute(arguments[1], options.get("dst_dir_fd"))
        node = self._real["lstat"](path).st_ino
        real(*arguments, **options)
        self._name(self._entry(path, None), self._entry(target, node))

    _do_replace = _do_rename

    def _do_fsync(self, path: str, real: Any, arguments: Any, options: Any) -> None:
        real(*arguments, **options)
        self.events.append(Sync(os.fstat(arguments[0]).st_ino))

    _do_fdatasync = _do_fsync

    def _hook_of_renamed(self, real: Callable[..., bool]) -> Callable[..., bool]:
        def renamed(source: Path, target: Path, flags: int) -> bool:
            with self._lock:
                self._before("renameat2")
                self._look()
                lstat = self._real["lstat"]
                moved = lstat(source).st_ino if self._exists(str(source)) else 0
                replaced = lstat(target).st_ino if self._exists(str(target)) else None
                if not real(source, target, flags):
                    return False
                self._name(self._entry(str(source), replaced), self._entry(str(target), moved))
                return True

        return renamed

    def _hook_of_call(self, real: Callable[..., None]) -> Callable[..., None]:
        def call(name: str, *arguments: Any) -> None:
            with self._lock:
                self._before(name)
                self._look()
                real(name, *arguments)
                if name == "syncfs":
                    self.events.append(Sync(None))

        return call

    # What is seen

    def _look(self) -> None:
        """Notice bytes that were written since the last event."""
        for node, fd in self._readers.items():
            length = os.fstat(fd).st_size
            self._compare(node, os.pread(fd, length, 0))

    def _compare(self, node: int, now: bytes) -> None:
        known = self._known[node]
        if known == now:
            return
        if len(now) != len(known):
            self._change(node, len(now), None)
        first = next(at for at in range(len(now) + 1) if at == len(now) or now[at] != known[at])
        last = next(at for at in range(len(now), -1, -1) if not at or now[at - 1] != known[at - 1])
        if first < last:
            self._change(node, first, now[first:last])

    def _change(self, node: int, at: int, data: bytes | None) -> None:
        known = self._known[node]
        if data is None:
            del known[at:]
            known.extend(bytes(at - len(known)))
        else:
            known[at : at + len(data)] = data
        self.events.append(Data(node, at, data))

    def _name(self, *entries: Entry, new: tuple[int, bool] | None = None) -> None:
        self.events.append(Names(entries, new))

    def _entry(self, path: str, node: int | None) -> Entry:
        parent, _, name = path.rpartition("/")
        return Entry(self._of("stat")(parent).st_ino, name, node)

    def _exists(self, path: str) -> bool:
        try:
            self._of("lstat")(path)
        except OSError:
            return False
        return True

    def _of(self, name: str) -> Callable[..., Any]:
        return self._real.get(name) or getattr(os, name)

    def _path_of(self, arguments: Any, options: Any) -> str | None:
        """The path that a call is about, if it lies below the folder."""
        if not arguments:
            return None
        folder = options.get("dir_fd", options.get("src_dir_fd"))
        path = self._absolute(arguments[0], folder)
        return path if path.startswith(self.root + "/") or path == self.root else None

    def _absolute(self, path: Any, folder: int | None) -> str:
        if isinstance(path, int):
            return str(_opened(path))
        text = os.fsdecode(path)
        return os.path.normpath(Path.cwd() / text if folder is None else _opened(folder) / text)


def _opened(fd: int) -> Path:
    return Path(f"/proc/self/fd/{fd}").readlink()
