"""What people do with the packages that a state directory keeps: look, verify, pin, prune."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from dlcore import manifest as documents
from dlcore.disk.faults import guarded
from dlcore.engine.documents import pinned_documents
from dlcore.engine.state_file import START_OVER_REMEDY, STATE_FILE, load
from dlcore.errors import NotFoundError, RunStateError, RunStateFault
from dlcore.long_path import rooted
from dlcore.spelling import IDS, hint
from dlcore.store import Bad, CacheLimit, Holding, Stay, Store
from dlcore.store.files import Files
from dlcore.store.keys import package_key
from dlcore.store.lock import StateLock
from dlcore.store.state_directory import PACKAGES


class Pruned(NamedTuple):
    """What a pruning came to, or would come to.

    Attributes:
        removed: What gave way.
        kept: What stays, each with the reason.
    """

    removed: tuple[Holding, ...]
    kept: tuple[tuple[Holding, Stay], ...]


def check_there(state: Path) -> None:
    """Refuse a place where no state directory is.

    Raises:
        NotFoundError: There is nothing, or a folder in which dlcore has never kept packages.
        StorageError: It cannot be found out.
    """
    with guarded("look for the state directory", state):
        try:
            (rooted(state) / PACKAGES).lstat()
        except (FileNotFoundError, NotADirectoryError):
            raise NotFoundError(
                f"there is no state directory at {state}",
                remedy="Check --state. A state directory is made when something is fetched.",
            ) from None


def cached(state: Path) -> list[Holding]:
    """All packages of a state directory, which another process may hold, by key.

    Raises:
        NotFoundError: There is no state directory.
        StorageError: The disk failed.
    """
    check_there(state)
    return Store.look(state).holdings()


def chosen(found: Sequence[Holding], names: Sequence[str]) -> list[Holding]:
    """The packages that people name: by id, by id and version (``ABC00012.3``), or by key.

    Args:
        found: All packages.
        names: What people write; none for all packages.

    Raises:
        NotFoundError: No package has such a name.
    """
    if not names:
        return list(found)
    for name in names:
        if not any(_is_called(each, name) for each in found):
            known = {each.key.rpartition("-")[0].rpartition(".")[0] for each in found}
            raise NotFoundError(
                f"no package called {name} is in the state directory"
                + hint(name.upper(), known, alike=IDS),
                remedy="`dlcore cache list` shows what is there.",
            )
    return [each for each in found if any(_is_called(each, name) for name in names)]


def _is_called(holding: Holding, name: str) -> bool:
    version, _, _ = holding.key.rpartition("-")
    package_id, _, _ = version.rpartition(".")
    return name.upper() in {package_id.upper(), version.upper(), holding.key.upper()}


def pin(state: Path, names: Sequence[str], *, is_pinned: bool) -> list[Holding]:
    """Have packages stay, however full the cache is; or not any more.

    Returns:
        The packages.

    Raises:
        LockedError: Another process holds the state directory.
        NotFoundError: No package has such a name, or there is no state directory.
        StorageError: The disk failed.
    """
    check_there(state)
    with Store.open(state) as store:
        packages = chosen(store.holdings(), names)
        for each in packages:
            store.pin(each.key, is_pinned=is_pinned)
        return packages


def prune(
    state: Path, limit: CacheLimit, *, is_dry_run: bool = False, wanted: Collection[str] = ()
) -> Pruned:
    """Remove packages, the longest unused first, until the rest is small enough.

    What is pinned stays, and what the run needs that is under way.

    Args:
        state: The state directory.
        limit: How large the rest may be.
        is_dry_run: Whether nothing is changed; the result says what would be.
        wanted: Keys of the packages that an agent wants: they stay as well.

    Raises:
        LockedError: Another process holds the state directory.
        NotFoundError: There is no state directory.
        RunStateError: It cannot be told what the run needs that is under way.
        StorageError: The disk failed.
    """
    check_there(state)
    with _held_unchanged(state) if is_dry_run else Store.open(state) as store:
        store.evictor.need(needed_by_run(state))
        store.evictor.want(wanted)
        found = store.holdings()
        removed = store.prune(limit, is_dry_run=is_dry_run)
        gone = {each.key for each in removed}
        kept = ((each, store.evictor.reason(each)) for each in found if each.key not in gone)
        return Pruned(tuple(removed), tuple(kept))


@contextlib.contextmanager
def _held_unchanged(state: Path) -> Iterator[Store]:
    """Hold a state directory that is there; nothing in it is changed."""
    state = rooted(state)
    with guarded("open the state directory", state):
        lock = StateLock(state, 0.0, to_look=True)
    with Store(state, Files(lock.folder), lock) as store:
        yield store


def needed_by_run(state: Path) -> frozenset[str]:
    """Keys of the packages that a run under way may need: all that its catalog names.

    Raises:
        RunStateError: Its state or its catalog is damaged.
        StorageError: The disk failed.
    """
    run = load(state)
    if run is None:
        return frozenset()
    document = pinned_documents.read(state, run.pin.catalog)
    if document is None:
        raise RunStateError(
            f"{state / STATE_FILE} says that a run is under way, and the catalog that it began with"
            " is damaged or missing: it is not known what it needs",
            fault=RunStateFault.CATALOG,
            remedy=f"Let the run end. {START_OVER_REMEDY}",
        )
    catalog = documents.decode_catalog(document, source="the catalog that the run began with")
    return frozenset(
        package_key(package_id, entry.version, entry.manifest)
        for package_id, entry in catalog.packages.items()
    )


def verify(state: Path, holding: Holding) -> list[Bad] | None:
    """Compare a finished package with its manifest; nothing is changed.

    Returns:
        What differs; None if its manifest is damaged or missing.

    Raises:
        StorageError: The disk failed, or the package was removed meanwhile.
    """
    return Store.look(state).verify(holding.key)
