"""Where content that was fetched by itself goes: a folder of its own, or a file beside others.

Guarantees: it appears by one rename, which is on disk before its state folder goes. The state
folder lies on the same file system; its name tells its owner, so a later call finds it again.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from dlcore.engine.disk import guarded
from dlcore.errors import ConfigError
from dlcore.model import Manifest
from dlcore.store import Bad, Reason, verify_tree
from dlcore.store.files import Files


class Target(Protocol):
    """Where content goes.

    Attributes:
        path: The final name.
        state: The state folder.
    """

    path: Path
    state: Path

    def is_there(self, manifest: Manifest) -> bool:
        """Whether the content is there already.

        Raises:
            ConfigError: Something else is, or it cannot be put there.
        """
        ...

    def deliver(self, content: Path) -> None:
        """Give a finished content folder, or what is in it, the final name.

        Raises:
            StorageError: The disk refused.
        """
        ...


class OwnFolder:
    """A folder that is the package and holds nothing else."""

    def __init__(self, folder: Path) -> None:
        self.path = folder.resolve()
        self.state = self.path.parent / f".{self.path.name}.dlcore"

    def is_there(self, manifest: Manifest) -> bool:
        """Whether the folder holds exactly the content; an empty one counts as none."""
        if self.path.is_mount():
            raise ConfigError(
                f"{self.path} is a file system of its own, which a package cannot become",
                remedy=f"Name a folder in it, such as {self.path / manifest.package_id}.",
            )
        if not self.path.exists() or not any(self.path.iterdir()):
            return False
        bad = verify_tree(self.path, manifest)
        if bad:
            raise _in_the_way(self.path, manifest, bad)
        return True

    def deliver(self, content: Path) -> None:
        """Rename the content folder to the final name."""
        files = Files()
        with guarded(f"put the package at {self.path}", self.path.parent):
            _permit(content, self.state)
            if self.path.is_dir():
                self.path.rmdir()  # empty: `is_there` saw to it
            files.move(content, self.path)
            files.sync_folder(self.path.parent)


class OneFile:
    """A file in a folder, beside whatever else is there."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder.resolve()
        self.path = self._folder / name
        self.state = self._folder / f".{name}.dlcore"

    def is_there(self, manifest: Manifest) -> bool:
        """Whether the folder holds exactly this file."""
        if not self.path.is_symlink() and not self.path.exists():
            return False
        bad = verify_tree(self._folder, manifest, strict=False)
        if bad:
            raise _in_the_way(self._folder, manifest, bad)
        return True

    def deliver(self, content: Path) -> None:
        """Rename the content's only file to the final name."""
        files = Files()
        with guarded(f"put the file at {self.path}", self._folder):
            _permit(content, self.state)
            files.move(content / self.path.name, self.path)
            files.sync_folder(self._folder)


def target(folder: Path, manifest: Manifest, *, beside: bool) -> Target:
    """Where a manifest's content goes.

    Args:
        folder: As the user names it.
        manifest: What is fetched.
        beside: Whether a single file may be put beside others.
    """
    names = [file.path for file in manifest.files]
    if beside and len(names) == 1 and not manifest.folders and "/" not in names[0]:
        return OneFile(folder, names[0])
    return OwnFolder(folder)


def _in_the_way(folder: Path, manifest: Manifest, bad: list[Bad]) -> ConfigError:
    first = next((item for item in bad if item.reason is not Reason.MISSING), bad[0])
    return ConfigError(
        f"{folder} does not hold what is to be fetched ({manifest.package_id}): "
        f"{first.path} is {_WORDS.get(first.reason, 'different')}",
        remedy="Name a folder that does not exist, or is empty.",
    )


_WORDS = {Reason.MISSING: "missing", Reason.UNEXPECTED: "not part of it"}


def _permit(content: Path, state: Path) -> None:
    """Give files the rights that new ones have: the store makes them for the owner alone."""
    pattern = state / "mode"
    pattern.mkdir(exist_ok=True)
    mode = pattern.stat().st_mode & 0o777
    for folder, _, names in os.walk(content):
        Path(folder).chmod(mode)
        for name in names:
            os.chmod(f"{folder}/{name}", mode & 0o666)  # noqa: PTH101  # thousands of paths: slow
