"""Reads an exported task sequence, whatever its form.

Guarantees: the result is complete or a `TaskSequenceError` names the file and the place; nothing
is written. Not for deployments: who may run a sequence, and how, is not in its export.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from dlcore.errors import NotFoundError, StorageError, TaskSequenceError
from dlcore.tasksequence.builder import Builder, child_ids, references_of
from dlcore.tasksequence.forms import Export, exports_in
from dlcore.tasksequence.parameters import variables_in
from dlcore.tasksequence.tree import TaskSequence

FILE_BYTES = 64 << 20


def load(path: Path, *, package_id: str | None = None) -> TaskSequence:
    """Read a task sequence from a file.

    Args:
        path: An exported zip file, an ``object.xml`` or a bare ``<sequence>``.
        package_id: Which one, if the file holds several that are not children of another.

    Raises:
        NotFoundError: There is no such file.
        StorageError: The file cannot be read.
        TaskSequenceError: The file is malformed or hostile, or leaves open which one is meant.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(FILE_BYTES + 1)
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such task sequence", remedy="Check the path.") from None
    except OSError as error:
        raise StorageError(f"{path}: cannot be read: {error.strerror}", path=path) from error
    if len(data) > FILE_BYTES:
        raise TaskSequenceError(
            f"{path}: over {FILE_BYTES >> 20} MiB",
            remedy="Export the task sequence without content.",
        )
    return read(data, source=str(path), package_id=package_id)


def read(data: bytes, *, source: str, package_id: str | None = None) -> TaskSequence:
    """Read a task sequence from bytes.

    Args:
        data: As a file that `load` reads.
        source: What to call it in errors.
        package_id: As for `load`.

    Raises:
        TaskSequenceError: As `load`.
    """
    exports = exports_in(data, source)
    chosen = _choose(exports, package_id, source)
    builder = Builder(_by_id(exports, source))
    root = builder.build(chosen)
    return TaskSequence(
        name=chosen.name,
        version=chosen.sequence.get("version", ""),
        package_id=chosen.package_id,
        root=root,
        references=references_of(chosen.sequence),
        boot_image_id=chosen.boot_image_id,
        steps=builder.steps,
        groups=builder.groups,
        variables=variables_in(chosen.sequence.find("globalVarList")),
        digest=hashlib.sha256(data).hexdigest(),
    )


def _by_id(exports: list[Export], source: str) -> dict[str, Export]:
    found: dict[str, Export] = {}
    for export in exports:
        if export.package_id in found:
            raise TaskSequenceError(f"{source}: task sequence {export.package_id} is there twice")
        if export.package_id:
            found[export.package_id] = export
    return found


def _choose(exports: list[Export], package_id: str | None, source: str) -> Export:
    """The export that is named, or else the only one that no other runs as a child."""
    ids = ", ".join(sorted(export.package_id or "(no id)" for export in exports))
    if package_id is not None:
        wanted = package_id.upper()
        named = [export for export in exports if export.package_id == wanted]
        if not named and len(exports) == 1 and not exports[0].package_id:
            return exports[0]._replace(package_id=wanted)
        if not named:
            raise TaskSequenceError(
                f"{source}: no task sequence {wanted}", remedy=f"It holds {ids}."
            )
        return named[0]
    children = frozenset[str]().union(*(_children_of(export) for export in exports))
    parents = [export for export in exports if export.package_id not in children]
    if len(parents) != 1:
        raise TaskSequenceError(
            f"{source}: several task sequences, and more than one, or none, is not a child: {ids}",
            remedy="Say which one by its package id.",
        )
    return parents[0]


def _children_of(export: Export) -> frozenset[str]:
    listed = {entry.package for entry in references_of(export.sequence)}
    return (child_ids(export.sequence) | listed) - {export.package_id}
