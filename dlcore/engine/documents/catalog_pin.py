"""The catalog that a run began with, kept on disk, so that it goes on without a network."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from dlcore import manifest as documents
from dlcore.engine.documents import pinned_documents
from dlcore.engine.documents.catalog import ReadCatalog
from dlcore.engine.documents.pinned_documents import CatalogPin
from dlcore.engine.documents.trusted import TrustedRoot
from dlcore.engine.state_file import START_OVER_REMEDY
from dlcore.errors import DlcoreError, RunStateError, RunStateFault, TrustError
from dlcore.waiting import in_thread


def keep_catalog(state: Path, read: ReadCatalog) -> CatalogPin:
    """Put a catalog on disk, with what proves its signatures.

    Raises:
        StorageError: The disk failed.
    """
    evidence = pinned_documents.keep(state, read.evidence) if read.evidence else ""
    return CatalogPin(pinned_documents.keep(state, read.document), evidence)


async def pinned_catalog(
    state: Path,
    pin: CatalogPin,
    trust: TrustedRoot | None,
    read_current: Callable[[], Awaitable[ReadCatalog]] | None,
) -> ReadCatalog:
    """Read the catalog that a run began with: from disk, or again if it was damaged there.

    Args:
        state: The state directory.
        pin: What the run began with.
        trust: The pinned root; None if there is none.
        read_current: Reads the current catalog, in case it is still the same one; None: what is not
            on disk is lost.

    Raises:
        RunStateError: It is lost, and the current one differs from it or cannot be read.
        TrustError: The root that is trusted now does not prove it.
        StorageError: The disk failed.
    """
    document = await in_thread(pinned_documents.read, state, pin.catalog)
    evidence = await in_thread(pinned_documents.read, state, pin.evidence) if pin.evidence else b""
    if document is None or evidence is None:
        if read_current is None:
            raise _lost(state, "nothing takes its place")
        return await _read_again(state, pin, read_current)
    source = "the catalog that the run began with"
    if trust:
        trust.prove(evidence, document, source)
    return ReadCatalog(
        documents.decode_catalog(document, source=source), document, pin.catalog, evidence
    )


async def _read_again(
    state: Path, pin: CatalogPin, read_current: Callable[[], Awaitable[ReadCatalog]]
) -> ReadCatalog:
    try:
        read = await read_current()
    except TrustError:
        raise
    except DlcoreError as error:
        raise _lost(state, f"the current one cannot be read: {error.message}") from error
    if read.sha256 != pin.catalog:
        raise _lost(state, "the current one differs from it")
    await in_thread(keep_catalog, state, read)
    return read


def _lost(state: Path, why: str) -> RunStateError:
    return RunStateError(
        "the catalog that the run began with is damaged or missing in"
        f" {state / pinned_documents.FOLDER}, and {why}: it is not known which package versions the"
        " run uses",
        fault=RunStateFault.CATALOG,
        remedy=f"Run again when the endpoints can be reached. {START_OVER_REMEDY}",
    )
