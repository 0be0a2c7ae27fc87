"""What differs between two manifests of a package, file by file. Pure."""

from __future__ import annotations

import enum

import msgspec

from dlcore.model import File, Manifest


class Change(enum.StrEnum):
    """What became of a file."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class FileChange(msgspec.Struct, frozen=True):
    """A file that is not the same in both.

    Attributes:
        path: In the package.
        change: What became of it.
        old_bytes: Its length before; None if it was not there.
        new_bytes: Its length now; None if it is not there any more.
    """

    path: str
    change: Change
    old_bytes: int | None
    new_bytes: int | None


def difference(old: Manifest, new: Manifest) -> tuple[FileChange, ...]:
    """The files that are not the same in both, in the order of their paths.

    A file counts as changed if the manifests cannot tell that it is the same: if they cut it into
    blocks of different lengths, or one of them has no digest of it (schema 1).

    Args:
        old: The manifest of the version before.
        new: The manifest of the version after it.
    """
    before = {file.path: file for file in old.files}
    after = {file.path: file for file in new.files}
    changes = []
    for path in sorted(before.keys() | after.keys()):
        was, now = before.get(path), after.get(path)
        if was and now and content_identity(old, was) == content_identity(new, now):
            continue
        change = Change.CHANGED if was and now else Change.ADDED if now else Change.REMOVED
        lengths = was.length_bytes if was else None, now.length_bytes if now else None
        changes.append(FileChange(path, change, *lengths))
    return tuple(changes)


def content_identity(manifest: Manifest, file: File) -> tuple[int, object, int]:
    """A value that equal files have in common; the name of an object is made of its digests."""
    if file.is_empty or file.sha256:
        return file.length_bytes, file.sha256, 0
    item = manifest.objects[file.object]
    # Foreign manifests name objects by paths, and have digests of the whole, or of the blocks.
    return file.length_bytes, (item.name, item.digests, item.sha256), file.offset_bytes
