"""From a folder to a published package.

Guarantees: a catalog never names what is not there. Objects come first, then the manifest, then
the catalog, each made durable before the next. Whatever interrupts a publisher, the catalog is
valid, either the old or the new one; publishing again sends only what is missing.
"""

from __future__ import annotations

import enum
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from pathlib import Path

import msgspec

from dlcore.errors import ConfigError, ManifestError
from dlcore.manifest import check_package_id, digest_of, encode, is_block_length
from dlcore.model import (
    CATALOG_KEY,
    DEFAULT_BLOCK_BYTES,
    CatalogEntry,
    Manifest,
    manifest_key,
    object_key,
)
from dlcore.publish.admission import refuse_older, with_entry
from dlcore.publish.destination import Destination
from dlcore.publish.folder import FolderDestination
from dlcore.publish.layout import lay_out
from dlcore.publish.library import list_library
from dlcore.publish.opening import open_destination
from dlcore.publish.reading import Advance, check_files, digest_objects, verified_windows
from dlcore.publish.source import Source, list_source


class Stage(enum.StrEnum):
    """What a publisher is doing."""

    CHECK = "check"
    HASH = "hash"
    WRITE = "write"


class Progress(msgspec.Struct, frozen=True):
    """How far a publisher has come with one stage."""

    stage: Stage
    done_bytes: int
    total_bytes: int


class Published(msgspec.Struct, frozen=True):
    """What was published.

    Attributes:
        package_id: Which package.
        version: Its source version.
        manifest: SHA-256 of the manifest document, hex.
        files: Number of files.
        content_bytes: Length of all files together.
        objects_written: Number of objects written now.
        objects_present: Number of objects that were there already.
        written_bytes: Length of the objects written now.
    """

    package_id: str
    version: int
    manifest: str
    files: int
    content_bytes: int
    objects_written: int
    objects_present: int
    written_bytes: int


def publish(
    folder: Path,
    *,
    package_id: str,
    version: int | None = None,
    destination: str,
    block_bytes: int = DEFAULT_BLOCK_BYTES,
    pack: bool = True,
    replace: bool = False,
    content_library: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Published:
    """Publish a folder as a version of a package.

    Args:
        folder: What to publish.
        package_id: Id of the package, ``ABC00012``.
        version: Source version, 1 or more; None for that of the content library, else 1.
        destination: A folder, or an object store URL such as ``az://container/prefix``; its
            credentials come from the environment.
        block_bytes: Length of a block: a power of two from 4 KiB to 16 MiB.
        pack: Whether files shorter than a block share objects.
        replace: Whether other content of the same version, or a later version, may be replaced.
        content_library: Whether the folder is a distribution point's content library, to publish
            the package from.
        progress: Told how far it is; from several threads, one at a time.

    Raises:
        ConfigError: An argument, a name in the folder or the catalog forbids it.
        ManifestError: The catalog at the destination is malformed, or the content library is.
        NotFoundError: The content library does not hold the package whole.
        IntegrityError: A file of the content library does not have the digest that it states.
        StorageError: The disk failed, or a file changed meanwhile. The catalog is as it was.
        TransferError: The object store failed. The catalog is as it was.
    """
    return publish_to(
        open_destination(destination),
        folder,
        Terms(package_id, version, block_bytes, pack, replace, content_library),
        progress or (lambda _: None),
    )


class Terms(msgspec.Struct, frozen=True):
    """How a folder is to be published; see `publish`."""

    package_id: str
    version: int | None = None
    block_bytes: int = DEFAULT_BLOCK_BYTES
    pack: bool = True
    replace: bool = False
    content_library: bool = False


def publish_to(
    target: Destination, folder: Path, terms: Terms, progress: Callable[[Progress], None]
) -> Published:
    """Publish to a destination that is open; otherwise as `publish`."""
    _check_terms(terms)
    _refuse_own_source(target, folder)
    catalog_name = f"{target.name}/{CATALOG_KEY}"
    source = _listed(folder, terms)
    version = terms.version or source.version
    if not terms.replace:
        refuse_older(target.read_catalog(), terms.package_id, version, source=catalog_name)
    manifest = _digested(source, version, terms, progress)
    document = encode(manifest)
    digest = digest_of(document)
    entry = CatalogEntry(version, digest, len(document), manifest.content_bytes)

    def change(current: bytes | None) -> bytes | None:
        return with_entry(
            current, terms.package_id, entry, replace=terms.replace, source=catalog_name
        )

    change(target.read_catalog())  # to be refused before hours of writing, not after
    written = _write_objects(target, source, manifest, progress)
    target.settle()
    target.write(manifest_key(digest), [memoryview(document)], len(document))
    target.settle()
    target.change_catalog(change)
    return _summary(manifest, digest, written)


def _check_terms(terms: Terms) -> None:
    try:
        check_package_id(terms.package_id)
    except ManifestError as error:
        raise ConfigError(error.message, remedy=error.remedy) from error
    if terms.version is not None and not 1 <= terms.version < 1 << 31:
        raise ConfigError(
            f"version {terms.version} cannot be used", remedy="Count versions from 1 upwards."
        )
    if not is_block_length(terms.block_bytes):
        raise ConfigError(
            f"blocks of {terms.block_bytes} bytes cannot be used",
            remedy="Choose a power of two from 4096 to 16777216.",
        )


def _refuse_own_source(target: Destination, folder: Path) -> None:
    inside = isinstance(target, FolderDestination)
    if inside and Path(target.name).resolve().is_relative_to(folder.resolve()):
        raise ConfigError(
            f"{target.name} lies in {folder}, the folder to be published",
            remedy="Publish to a folder outside of it.",
        )


def _listed(folder: Path, terms: Terms) -> Source:
    return list_library(folder, terms.package_id) if terms.content_library else list_source(folder)


def _digested(
    source: Source, version: int, terms: Terms, progress: Callable[[Progress], None]
) -> Manifest:
    if terms.content_library:
        lengths = {file.location: file.length_bytes for file in source.files}
        advance = _meter(Stage.CHECK, sum(lengths.values()), progress)
        check_files(source, os.cpu_count() or 1, advance)
    layout = lay_out(
        source,
        package_id=terms.package_id,
        version=version,
        block_bytes=terms.block_bytes,
        pack=terms.pack,
    )
    advance = _meter(Stage.HASH, layout.content_bytes, progress)
    return digest_objects(source, layout, os.cpu_count() or 1, advance)


def _write_objects(
    target: Destination, source: Source, manifest: Manifest, progress: Callable[[Progress], None]
) -> dict[str, int]:
    """Write the objects that are missing; returns the length of each one written, by name."""
    distinct = {item.name: index for index, item in enumerate(manifest.objects)}
    advance = _meter(
        Stage.WRITE, sum(manifest.objects[i].length_bytes for i in distinct.values()), progress
    )
    stop = threading.Event()

    def write(name: str, index: int) -> tuple[str, int]:
        length = manifest.objects[index].length_bytes
        if target.length_of(object_key(name)) == length:
            advance(length)
            return name, 0
        target.write(object_key(name), _content(source, manifest, index, stop, advance), length)
        return name, length

    with ThreadPoolExecutor(target.writers) as pool:
        try:
            under_way = [pool.submit(write, name, index) for name, index in distinct.items()]
            return dict(future.result() for future in as_completed(under_way))
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _content(
    source: Source, manifest: Manifest, index: int, stop: threading.Event, advance: Advance
) -> Iterator[memoryview]:
    for window in verified_windows(source, manifest, index):
        if stop.is_set():
            raise CancelledError
        yield window
        advance(len(window))


def _meter(stage: Stage, total_bytes: int, progress: Callable[[Progress], None]) -> Advance:
    lock = threading.Lock()
    done_bytes = 0

    def advance(count: int) -> None:
        nonlocal done_bytes
        with lock:
            done_bytes += count
            progress(Progress(stage, done_bytes, total_bytes))

    return advance


def _summary(manifest: Manifest, digest: str, written: dict[str, int]) -> Published:
    lengths = [length for length in written.values() if length]
    return Published(
        package_id=manifest.package_id,
        version=manifest.version,
        manifest=digest,
        files=len(manifest.files),
        content_bytes=manifest.content_bytes,
        objects_written=len(lengths),
        objects_present=len(written) - len(lengths),
        written_bytes=sum(lengths),
    )
