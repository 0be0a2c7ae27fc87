"""What a content folder holds, compared with its manifest by names, kinds and lengths.

Each file's *identity* is taken on the way: its inode, length and times. While it stays the same,
nobody has changed the file, provided that its dirty pages were written back since it was taken
(`proof`). The times of a file advance in steps of the system's clock. So an identity counts only if
the file's last change is older than one step (`Inventory.wait_for_clock_step`); otherwise a change
right behind it might not show.

Links are not followed. Nothing is changed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from os import stat_result
from pathlib import Path

from dlcore.disk.links import is_file, is_folder
from dlcore.model import Manifest
from dlcore.store.files import Files
from dlcore.store.tree import folders_of, path_of

FILE_TIME_STEP_S = 0.02  # of file times: 10 ms on Linux at 100 Hz, 15.6 ms on Windows
_IDENTITY = struct.Struct("<4Q")
_TIME_BYTES = 8  # at the end of an identity: the time of the last change, of names too
_NUMBERS = 1 << 64  # ReFS has inodes of 128 bits, and a file may be dated to any year


class Inventory:
    """What a content folder holds.

    Attributes:
        identities: Of each file in the manifest's order; None for one that is missing, misplaced or
            of another length. Of 100,000 files they take 7 MB.
        unexpected: Paths that the manifest does not know, whatever is there; of a folder only its
            own path.
        misplaced: Paths that the manifest knows, but where something else is: a link, a special
            file, a folder in place of a file or the reverse, or a file that has a second name.
        missing_folders: Paths of folders that are not there.
    """

    def __init__(self, manifest: Manifest, names: Callable[[], Mapping[int, int]] = dict) -> None:
        self.identities: list[bytes | None] = [None] * len(manifest.files)
        self.unexpected: list[str] = []
        self.misplaced: list[str] = []
        self.missing_folders: set[str] = set()
        self._manifest = manifest
        self._fresh: list[int] = []
        self._find_names = names
        self._names: Mapping[int, int] | None = None

    @classmethod
    def take(
        cls,
        files: Files,
        folder: Path,
        manifest: Manifest,
        names: Callable[[], Mapping[int, int]] = dict,
    ) -> Inventory:
        """Look at everything below ``folder``.

        Args:
            files: The disk.
            folder: The content folder.
            manifest: What it should hold.
            names: How many names files have in the store that have several, by inode; asked only
                if there is such a file. One that has more names than these is misplaced.

        Raises:
            OSError: The disk failed, or the folder is not there.
        """
        found = cls(manifest, names)
        fresh_after_ns = files.now_ns() - int(FILE_TIME_STEP_S * 1e9)
        numbers = {file.path: number for number, file in enumerate(manifest.files)}
        found.missing_folders = set(folders_of(manifest))
        waiting = [""]
        while waiting:
            parent = waiting.pop()
            prefix = f"{parent}/" if parent else ""
            for name, status in files.entries(folder / parent):
                path = prefix + name
                number = numbers.get(path)
                if number is not None:
                    found._note_file(number, status, fresh_after_ns)
                elif path not in found.missing_folders:
                    found.unexpected.append(path)
                elif is_folder(status):
                    found.missing_folders.remove(path)
                    waiting.append(path)
                else:
                    found.misplaced.append(path)
        return found

    def _note_file(self, number: int, status: stat_result, fresh_after_ns: int) -> None:
        if not (is_plain(status) or self._is_shared_in_store(status)):
            self.misplaced.append(self._manifest.files[number].path)
        elif status.st_size == self._manifest.files[number].length_bytes:
            self.identities[number] = identity(status)
            if status.st_ctime_ns > fresh_after_ns or status.st_mtime_ns > fresh_after_ns:
                self._fresh.append(number)

    def _is_shared_in_store(self, status: stat_result) -> bool:
        """Whether it is a file whose names all lie in packages."""
        if not is_file(status):
            return False
        if self._names is None:
            self._names = self._find_names()
        return self._names.get(status.st_ino) == status.st_nlink

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing or has another length."""
        return not self.missing_folders and None not in self.identities

    def wait_for_clock_step(self, files: Files, folder: Path) -> None:
        """Wait until a change from now on would show in the identities; at most one clock step.

        Args:
            files: The disk.
            folder: Where the content is now.

        Raises:
            OSError: The disk failed.
        """
        if not self._fresh:
            return
        files.pause(FILE_TIME_STEP_S)
        for number in self._fresh:
            if not self.is_as_before(files, folder, number):
                self.identities[number] = None
        self._fresh.clear()

    def is_as_before(self, files: Files, folder: Path, number: int) -> bool:
        """Whether one file is the one that was found, now that some time has passed."""
        return self.identity_now(files, folder, number) == self.identities[number]

    def renew(self, files: Files, folder: Path, number: int) -> bool:
        """Look again at a file that is not as before: it may only have got or lost a name.

        So it is when a package that shares it is finished or removed meanwhile.

        Returns:
            Whether that may be so. Its bytes are to be compared again.
        """
        before, now = self.identities[number], self.identity_now(files, folder, number)
        if before is None or now is None or before[:-_TIME_BYTES] != now[:-_TIME_BYTES]:
            return False
        self.identities[number] = now
        return True

    def identity_now(self, files: Files, folder: Path, number: int) -> bytes | None:
        """Look at one file again; None if it is not there."""
        status = files.status(path_of(folder, self._manifest.files[number].path))
        return None if status is None else identity(status)


def is_plain(status: stat_result) -> bool:
    """Whether it is a file that nothing else shares: a regular one, with one name."""
    return is_file(status) and status.st_nlink == 1


def identity(status: stat_result) -> bytes:
    """What changes whenever a file does; ``st_ctime_ns`` is its last change, on Windows too."""
    told = status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    return _IDENTITY.pack(*(number % _NUMBERS for number in told))
