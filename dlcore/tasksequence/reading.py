"""Reads an exported task sequence, whatever its form.

Guarantees: the result is complete or a `TaskSequenceError` names the file and the place; nothing
is written. Not for deployments: who may run a sequence, and how, is not in its export.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from dlcore.errors import NotFoundError, StorageError, TaskSequenceError
from dlcore.plain_files import read_plain
from dlcore.tasksequence.builder import Builder, references_of
from dlcore.tasksequence.choosing import choose
from dlcore.tasksequence.forms import Export, exports_in
from dlcore.tasksequence.parameters import variables_in
from dlcore.tasksequence.tree import TaskSequence

FILE_BYTES = 64 << 20


def load(path: Path, *, which: str | None = None) -> TaskSequence:
    """Read a task sequence from a file.

    Args:
        path: An exported zip file, an ``object.xml`` or a bare ``<sequence>``.
        which: Package id, name or number (from 1) of the task sequence to take, if the file holds
            several. A single one that has no package id gets the id that is given here.

    Raises:
        NotFoundError: There is no such file.
        StorageError: The file cannot be read.
        TaskSequenceError: The file is malformed or hostile, or leaves open which one is meant.
    """
    try:
        data = read_plain(path, FILE_BYTES + 1)
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such task sequence", remedy="Check the path.") from None
    except OSError as error:
        raise StorageError(f"{path}: cannot be read: {error.strerror}", path=path) from error
    if len(data) > FILE_BYTES:
        raise TaskSequenceError(
            f"{path}: over {FILE_BYTES >> 20} MiB",
            remedy="Export the task sequence without content.",
        )
    return read(data, source=str(path), which=which)


def read(data: bytes, *, source: str, which: str | None = None) -> TaskSequence:
    """Read a task sequence from bytes.

    Args:
        data: As a file that `load` reads.
        source: What to call it in errors.
        which: As for `load`.

    Raises:
        TaskSequenceError: As `load`.
    """
    exports = exports_in(data, source)
    chosen = choose(exports, which, source)
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
            raise TaskSequenceError(
                f"{source}: task sequence {export.package_id} is listed twice",
                remedy="Export each task sequence once.",
            )
        if export.package_id:
            found[export.package_id] = export
    return found
