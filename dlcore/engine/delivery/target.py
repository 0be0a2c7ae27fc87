"""Where content that was fetched or copied by itself goes, and what is there already.

Guarantees: what is there is replaced in one step, by complete content, or stays as it was. Only
what is dlcore's is replaced: anything that neither this manifest nor a record of an earlier
delivery knows is refused by name, before anything is fetched.
"""

from __future__ import annotations

import enum
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from dlcore.disk import renames
from dlcore.disk.clearing import clear, left_in
from dlcore.disk.faults import guarded
from dlcore.disk.file_system import is_mount_point
from dlcore.disk.links import is_folder
from dlcore.disk.ownership import followed
from dlcore.disk.rights import Rights
from dlcore.engine.delivery.apart import check_outside
from dlcore.engine.delivery.state_folder import state_folder
from dlcore.errors import ConfigError
from dlcore.long_path import long_path
from dlcore.model import Manifest
from dlcore.store import Bad, Reason
from dlcore.store.files import Files
from dlcore.store.handover import hand_over

MAX_TOLD = 10  # names in one message


class Disk(Files):
    """The disk, with what a delivery needs besides what the store does."""

    def exchange(self, first: Path, second: Path) -> bool:
        """Swap two names in one step; False where the system cannot."""
        return renames.exchange(first, second)

    def move_to_free_name(self, source: Path, target: Path) -> None:
        """Rename; raise `FileExistsError` if something is at the target."""
        renames.move_to_free_name(source, target)

    def is_mount_point(self, path: Path) -> bool:
        """Whether something is mounted there, so that nothing can take its place."""
        return is_mount_point(path)

    def clear(self, folder: Path) -> Path | None:
        """Delete a folder as far as that is possible; the first thing that is left, if any."""
        clear(folder)
        return left_in(folder)

    def hand_over(self, content: Path, manifest: Manifest, rights: Rights) -> None:
        """Check the names of finished content, give it its rights and sync it."""
        hand_over(content, manifest, rights)

    def set_modified(self, path: Path, modified_ns: int) -> None:
        """Set a file's time of modification; a link gets it itself, where the system can do that.

        Args:
            path: The file.
            modified_ns: Nanoseconds since 1970.
        """
        follows = os.utime not in os.supports_follow_symlinks
        os.utime(path, ns=(time.time_ns(), modified_ns), follow_symlinks=follows)

    def tree_entries(self, folder: Path) -> Iterator[tuple[str, os.stat_result]]:
        """Everything below a folder: relative path and status; links are not followed."""
        waiting = [""]
        while waiting:
            parent = waiting.pop()
            for name, status in self.entries(folder / parent):
                path = f"{parent}/{name}" if parent else name
                yield path, status
                if is_folder(status):
                    waiting.append(path)


class Standing(enum.Enum):
    """What is at a target."""

    NOTHING = enum.auto()  # or an empty folder
    RIGHT = enum.auto()  # exactly the content, hashed just now
    REPAIRABLE = enum.auto()  # dlcore may replace it


class Look(NamedTuple):
    """What was found at a target.

    Attributes:
        standing: What it is.
        bad: What differs from the manifest, if it is repairable; without what an
            earlier delivery of the same version left out.
    """

    standing: Standing
    bad: tuple[Bad, ...] = ()


class Target(Protocol):
    """Where content goes.

    Attributes:
        path: The final name.
        state: The state folder, on the same file system. Its name tells its owner, so a later call
            finds it again.
        source: The folder that has what is to be repaired.
    """

    path: Path
    state: Path
    source: Path

    def look(self, manifest: Manifest) -> Look:
        """Hash what is there.

        Raises:
            ConfigError: Something is there that is not dlcore's; the message names it.
            StorageError: It cannot be read.
        """
        ...

    def recover(self, manifest: Manifest) -> None:
        """Put back what an interrupted delivery has moved away. Holds the state folder.

        Raises:
            StorageError: The disk refused.
        """
        ...

    def deliver(self, content: Path, manifest: Manifest) -> None:
        """Give a finished content folder, or the file in it, the final name.

        Args:
            content: Verified, in the state folder.
            manifest: What it holds.

        Raises:
            IntegrityError: The content folder was altered after it was verified.
            StorageError: The disk refused. What was there is there still; if it had to be moved
                away and could not be moved back, `recover` does that.
        """
        ...

    def end(self, manifest: Manifest) -> None:
        """Delete the state folder, with what was replaced, and note what is delivered.

        Raises:
            StorageError: The disk refused; the content is delivered nevertheless.
        """
        ...

    def discard(self, manifest: Manifest) -> None:
        """Delete the state folder after a failure, unless it has what is not dlcore's."""
        ...


def place_of_delivery(folder: Path) -> Path:
    """The real path of a folder that the user names to deliver to: links are followed.

    Raises:
        ConfigError: The folder cannot have this name, or is in a state directory.
        OwnershipError: Another user has planted one of the links.
        StorageError: The disk failed.
    """
    state_folder(folder)  # before the disk refuses a long name in words of its own
    with guarded(f"look at {folder}", folder):
        place = followed(long_path(folder))
    check_outside(place)
    return place


def format_names(names: Iterable[str]) -> str:
    """Some names for a message, and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - MAX_TOLD} more" if len(listed) > MAX_TOLD else ""
    return ", ".join(listed[:MAX_TOLD]) + more


def foreign_files_error(folder: Path, manifest: Manifest, names: Iterable[str]) -> ConfigError:
    """The error for what is not dlcore's."""
    return ConfigError(
        f"{folder} holds what is not part of package {manifest.package_id} version"
        f" {manifest.version}: {format_names(names)}",
        remedy="Move that away, or name a folder that does not exist or is empty.",
    )


def is_unrelated(manifest: Manifest, bad: Iterable[Bad]) -> bool:
    """Whether not one block of a package was found, as far as it can be told.

    Args:
        manifest: The package.
        bad: Everything that differs from it.
    """
    wrong: dict[str, int] = {}
    for item in bad:
        is_one_block = item.reason is Reason.MISMATCH
        blocks = 1 if is_one_block else manifest.first_blocks[-1] + 1
        wrong[item.path] = wrong.get(item.path, 0) + blocks
    for file in manifest.files:
        if file.is_empty:
            continue
        has_digests = bool(manifest.objects[file.object].digests)
        blocks = -(-file.length_bytes // manifest.block_bytes) if has_digests else 1
        if wrong.get(file.path, 0) < blocks:
            return False
    return True
