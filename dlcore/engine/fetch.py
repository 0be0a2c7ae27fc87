"""Fetches one package whose manifest is at hand, outside any task sequence, into a folder.

Guarantees: the folder appears by one rename, complete and verified; until then everything is in
a state folder beside it, from which a later call goes on. A folder that is right already costs
one look at it and no byte of the network.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from dlcore import manifest as documents
from dlcore.engine.disk import guarded
from dlcore.engine.downloads import Downloads, Retry
from dlcore.engine.events import EventBus
from dlcore.engine.library import Library
from dlcore.engine.threads import in_thread
from dlcore.errors import ConfigError
from dlcore.model import Catalog, Manifest
from dlcore.store import Reason, Store, verify_tree
from dlcore.transfer import Endpoint


class Fetched(msgspec.Struct, frozen=True):
    """What a fetch came to.

    Attributes:
        package: Id of the package.
        path: Where its files are.
        content_bytes: Length of all files.
        bytes_fetched: Payload bytes received.
        bytes_reused: Verified bytes that were on disk before.
        endpoints: Payload bytes by endpoint.
    """

    package: str
    path: str
    content_bytes: int
    bytes_fetched: int
    bytes_reused: int
    endpoints: dict[str, int]


async def fetch_into(
    folder: Path,
    manifest: Manifest,
    endpoints: Sequence[tuple[Endpoint, int]],
    bus: EventBus,
    *,
    retry: Retry | None = None,
    wait_s: float = 0.0,
) -> Fetched:
    """Fetch a package's files into a folder.

    Args:
        folder: Is made; or is empty, or holds exactly these files already. A package of one file
            may also be put beside other files.
        manifest: What to fetch; the caller vouches for it.
        endpoints: Whom to ask, and over how many connections; they stay open.
        bus: Hears what happens.
        retry: When nobody is left to serve it.
        wait_s: How long to wait while another process fetches into the same folder.

    Raises:
        ConfigError: The folder holds something else.
        ExhaustedError: Nobody is left to serve some blocks; what came is kept.
        IntegrityError: Everybody served some block wrong.
        StorageError: The local disk failed, or is full; what came is kept.
    """
    folder, state = _places(folder)
    if await in_thread(_is_there, folder, manifest):
        size = manifest.content_bytes
        return Fetched(manifest.package_id, str(folder), size, 0, size, {})
    document = documents.encode(manifest)
    async with AsyncExitStack() as stack:
        store = await in_thread(Store.open, state, wait_s=wait_s)
        stack.callback(store.close)
        library = Library(Catalog(1, {}), [endpoint for endpoint, _ in endpoints], store)
        connections = {endpoint.name: count for endpoint, count in endpoints}
        downloads = Downloads(store, connections, library.locate, bus, random.Random())  # noqa: S311
        stack.push_async_callback(downloads.aclose)
        downloads.retry = retry or downloads.retry
        downloads.order((manifest.package_id,), ())
        await downloads.begin(manifest.package_id, manifest, document)
        content = await downloads.path(manifest.package_id)
        await in_thread(_deliver, content, folder, manifest)
        fetched = Fetched(
            manifest.package_id,
            str(folder),
            manifest.content_bytes,
            downloads.meter.received_bytes.total(),
            downloads.reused_bytes,
            dict(downloads.meter.by_endpoint),
        )
    await in_thread(_clear, state)
    return fetched


def _places(folder: Path) -> tuple[Path, Path]:
    """The folder, and the state folder beside it: on the same file system, for the rename."""
    folder = folder.absolute()
    return folder, folder.with_name(f".{folder.name}.dlcore")


def _is_there(folder: Path, manifest: Manifest) -> bool:
    """Whether the files are there already.

    Raises:
        ConfigError: Something else is.
    """
    if not folder.exists():
        return False
    bad = verify_tree(folder, manifest)
    if _is_single_file(manifest):
        bad = [item for item in bad if item.reason is not Reason.UNEXPECTED]
        in_the_way = [item for item in bad if item.reason is not Reason.MISSING]
    else:
        in_the_way = bad if any(folder.iterdir()) else []
    if in_the_way:
        raise ConfigError(
            f"{folder} holds something else than package {manifest.package_id}: "
            f"{in_the_way[0].path} ({in_the_way[0].reason.value})",
            remedy="Name a folder that does not exist, or is empty.",
        )
    return not bad


def _is_single_file(manifest: Manifest) -> bool:
    return len(manifest.files) == 1 and not manifest.folders and "/" not in manifest.files[0].path


def _deliver(content: Path, folder: Path, manifest: Manifest) -> None:
    """Give the finished content its final name."""
    with guarded(f"put the package at {folder}", folder.parent):
        if _is_single_file(manifest) and folder.is_dir():
            name = manifest.files[0].path
            (content / name).replace(folder / name)
            return
        if folder.is_dir():
            folder.rmdir()  # empty: `_is_there` saw to it
        content.rename(folder)


def _clear(state: Path) -> None:
    shutil.rmtree(state, ignore_errors=True)
