"""Which packages of a state directory its agent wants, told while no agent runs there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dlcore import manifest as documents
from dlcore.agent.interface import Want
from dlcore.agent.memory import FOLDER, NAME, MemoryFile
from dlcore.engine.documents import pinned_documents
from dlcore.errors import ManifestError, TaskSequenceError
from dlcore.long_path import rooted
from dlcore.store.keys import package_key
from dlcore.tasksequence import packages_in_order, read


def wanted_keys(state: Path) -> frozenset[str]:
    """Keys of the packages that the wants name, by the catalog that the agent used last.

    If a want names a task sequence, its document's packages count, whatever its conditions say.
    Nothing is changed, and nothing is wanted if the agent has never used a catalog.

    Raises:
        StorageError: The disk failed.
    """
    if not (rooted(state) / FOLDER / NAME).exists():
        return frozenset()
    file = MemoryFile(state)
    try:
        memory = file.look()
    finally:
        file.close()
    document = pinned_documents.read(state / FOLDER, memory.pin.catalog) if memory.pin else None
    if document is None:
        return frozenset()
    try:
        catalog = documents.decode_catalog(document, source="the catalog that the agent used last")
    except ManifestError:
        return frozenset()
    wanted = {package_id for want in memory.wants for package_id in _named(want)}
    return frozenset(
        package_key(package_id, entry.version, entry.manifest)
        for package_id, entry in catalog.packages.items()
        if package_id in wanted
    )


def _named(want: Want) -> Iterator[str]:
    yield from want.packages
    if want.sequence:
        document = want.sequence.document.encode("utf-8", "surrogatepass")
        try:
            yield from packages_in_order(read(document, source=f"the want {want.name}"))
        except TaskSequenceError:  # the agent will drop it, too
            return
