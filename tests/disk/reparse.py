"""What Windows says about entries that have a reparse tag, on any system."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

from dlcore.engine.delivery.target import Disk

# Source: winnt.h
JUNCTION: Final = 0xA0000003  # IO_REPARSE_TAG_MOUNT_POINT
SYMBOLIC_LINK: Final = 0xA000000C
LINUX_LINK: Final = 0xA000001D  # IO_REPARSE_TAG_LX_SYMLINK
LINKS: Final = {JUNCTION, SYMBOLIC_LINK, LINUX_LINK}

ONEDRIVE: Final = 0x9000001A  # IO_REPARSE_TAG_CLOUD
COMPRESSED: Final = 0x80000017  # IO_REPARSE_TAG_WOF
DEDUPLICATED: Final = 0x80000013
CONTENT: Final = {ONEDRIVE, COMPRESSED, DEDUPLICATED}


def with_tag(status: os.stat_result, tag: int) -> os.stat_result:
    """The status with a tag; the mode stays that of a folder or file, as Windows has it."""
    fields: dict[str, Any] = {
        name: getattr(status, name) for name in dir(status) if name.startswith("st_")
    }
    return cast("os.stat_result", SimpleNamespace(**{**fields, "st_reparse_tag": tag}))


class TaggedDisk(Disk):
    """A disk where one entry has a reparse tag.

    Args:
        path: The entry.
        tag: The tag.
    """

    def __init__(self, path: Path, tag: int) -> None:
        super().__init__()
        self._path = path
        self._tag = tag
        self.listed: list[Path] = []

    def status(self, path: Path) -> os.stat_result | None:
        status = super().status(path)
        return with_tag(status, self._tag) if status and path == self._path else status

    def entries(self, path: Path) -> Iterator[tuple[str, os.stat_result]]:
        self.listed.append(path)
        for name, status in super().entries(path):
            is_it = path / name == self._path
            yield name, with_tag(status, self._tag) if is_it else status

    def remove_tree(self, path: Path) -> None:
        assert path != self._path, "the content behind a link is not dlcore's to delete"
        super().remove_tree(path)

    def remove(self, path: Path) -> None:
        if path != self._path:
            super().remove(path)

    def list_folder(self, folder: Path) -> list[tuple[Path, os.stat_result]]:
        """As publishing lists a folder."""
        return [(folder / name, status) for name, status in self.entries(folder)]
