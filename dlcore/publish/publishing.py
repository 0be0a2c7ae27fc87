"""Publishes a folder as a package.

Guarantees: a catalog never names content that is not stored. Objects are written first, then the
manifest, then the catalog; each is durable before the next begins. If publishing is interrupted,
the catalog is valid, and either the old or the new one. Publishing again sends only what is
missing.
"""

from __future__ import annotations

import enum
import logging
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
from dlcore.publish.policy import DEFAULT_POLICY, PublishPolicy
from dlcore.publish.reading import Advance, check_files, digest_objects, verified_spans
from dlcore.publish.source import Source, list_source

log = logging.getLogger("dlcore.publish")


class Stage(enum.StrEnum):
    """The stages of publishing, in order; `CHECK` only for a content library."""

    CHECK = "check"
    HASH = "hash"
    WRITE = "write"


class Progress(msgspec.Struct, frozen=True):
    """How many bytes of one stage are done."""

    stage: Stage
    done_bytes: int
    total_bytes: int


class Published(msgspec.Struct, frozen=True):
    """The result of publishing.

    Attributes:
        package_id: Id of the package.
        version: Its source version.
        manifest: SHA-256 digest of the manifest document, in hex.
        files: Number of files.
        content_bytes: Length of all files together.
        objects_written: Number of objects that were written.
        objects_present: Number of objects that were already stored.
        written_bytes: Length of the objects that were written.
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
        folder: The folder to publish.
        package_id: Id of the package, such as ``ABC00012``.
        version: Source version, 1 or more. None for the version that the content library states,
            or 1 for a folder.
        destination: A folder, or an object store URL such as ``az://container/prefix``; its
            credentials come from the environment.
        block_bytes: Length of a block: a power of two from 4 KiB to 16 MiB.
        pack: Whether files shorter than a block share objects.
        replace: Whether other content of the same version, or a later version, may be replaced.
        content_library: Whether the folder is a distribution point's content library that holds
            the package.
        progress: Called with the progress; from several threads, but never at the same time.

    After an error the catalog is unchanged. Objects that were stored stay, and are not sent again.

    Raises:
        ConfigError: An argument, a name in the folder or the catalog forbids it; the user's fault.
        ManifestError: The catalog at the destination, or the content library, is malformed.
        NotFoundError: The package, or one of its files, is not in the content library.
        IntegrityError: A file of the content library does not have the digest that is stated.
        StorageError: The disk failed, or a file changed while it was being published.
        TransferError: The object store failed.
    """
    return publish_to(
        open_destination(destination),
        folder,
        PublishOptions(package_id, version, block_bytes, pack, replace, content_library),
        progress or (lambda _: None),
    )


class PublishOptions(msgspec.Struct, frozen=True):
    """How to publish a folder; the arguments of `publish`."""

    package_id: str
    version: int | None = None
    block_bytes: int = DEFAULT_BLOCK_BYTES
    pack: bool = True
    replace: bool = False
    content_library: bool = False


def publish_to(
    target: Destination,
    folder: Path,
    options: PublishOptions,
    progress: Callable[[Progress], None],
    policy: PublishPolicy = DEFAULT_POLICY,
) -> Published:
    """Publish to a destination that is already open; otherwise like `publish`."""
    _check_options(options)
    _refuse_own_source(target, folder)
    catalog_name = f"{target.name}/{CATALOG_KEY}"
    source = _listed(folder, options, policy)
    version = options.version or source.version
    if not options.replace:
        refuse_older(target.read_catalog(), options.package_id, version, source=catalog_name)
    manifest = _digested(source, version, options, progress, policy)
    document = encode(manifest)
    digest = digest_of(document)
    entry = CatalogEntry(version, digest, len(document), manifest.content_bytes)

    def change(current: bytes | None) -> bytes | None:
        return with_entry(
            current, options.package_id, entry, replace=options.replace, source=catalog_name
        )

    log.info(
        "%s version %d to %s: %d bytes",
        options.package_id,
        version,
        target.name,
        entry.content_bytes,
    )
    change(target.read_catalog())  # so that a refusal comes before hours of writing
    written = _write_objects(target, source, manifest, progress, policy)
    target.sync()
    target.write(manifest_key(digest), [memoryview(document)], len(document))
    target.sync()
    target.change_catalog(change)
    log.info("%s version %d is published as manifest %s", options.package_id, version, digest)
    return _summary(manifest, digest, written)


def _check_options(options: PublishOptions) -> None:
    try:
        check_package_id(options.package_id)
    except ManifestError as error:
        raise ConfigError(error.message, remedy=error.remedy) from error
    if options.version is not None and not 1 <= options.version < 1 << 31:
        raise ConfigError(
            f"version {options.version} cannot be used",
            remedy="Choose a version from 1 to 2147483647.",
        )
    if not is_block_length(options.block_bytes):
        raise ConfigError(
            f"blocks of {options.block_bytes} bytes cannot be used",
            remedy="Choose a power of two from 4096 to 16777216.",
        )


def _refuse_own_source(target: Destination, folder: Path) -> None:
    inside = isinstance(target, FolderDestination)
    if inside and Path(target.name).resolve().is_relative_to(folder.resolve()):
        raise ConfigError(
            f"{target.name} lies in {folder}, the folder to be published",
            remedy="Publish to a folder outside it.",
        )


def _listed(folder: Path, options: PublishOptions, policy: PublishPolicy) -> Source:
    if options.content_library:
        return list_library(folder, options.package_id, policy.library_readers)
    return list_source(folder)


def _digested(
    source: Source,
    version: int,
    options: PublishOptions,
    progress: Callable[[Progress], None],
    policy: PublishPolicy,
) -> Manifest:
    workers, span_bytes = os.cpu_count() or 1, policy.span_bytes
    if options.content_library:
        lengths = {file.location: file.length_bytes for file in source.files}
        advance = _meter(Stage.CHECK, sum(lengths.values()), progress)
        check_files(source, workers, span_bytes, advance)
    layout = lay_out(
        source,
        package_id=options.package_id,
        version=version,
        block_bytes=options.block_bytes,
        pack=options.pack,
    )
    advance = _meter(Stage.HASH, layout.content_bytes, progress)
    return digest_objects(source, layout, workers, span_bytes, advance)


def _write_objects(
    target: Destination,
    source: Source,
    manifest: Manifest,
    progress: Callable[[Progress], None],
    policy: PublishPolicy,
) -> dict[str, int]:
    """Write the objects that are missing; returns the bytes written for each object, by name."""
    distinct = {item.name: index for index, item in enumerate(manifest.objects)}
    advance = _meter(
        Stage.WRITE, sum(manifest.objects[i].length_bytes for i in distinct.values()), progress
    )
    stop = threading.Event()

    def write(name: str, index: int) -> tuple[str, int]:
        length = manifest.objects[index].length_bytes
        if target.length_of(object_key(name)) == length:
            log.debug("object %s is already stored", name)
            advance(length)
            return name, 0
        content = verified_spans(source, manifest, index, policy.span_bytes)
        target.write(object_key(name), _until_stopped(content, stop, advance), length)
        log.debug("object %s is written: %d bytes", name, length)
        return name, length

    with ThreadPoolExecutor(target.writers) as pool:
        try:
            in_flight = [pool.submit(write, name, index) for name, index in distinct.items()]
            return dict(future.result() for future in as_completed(in_flight))
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _until_stopped(
    content: Iterator[memoryview], stop: threading.Event, advance: Advance
) -> Iterator[memoryview]:
    for data in content:
        if stop.is_set():
            raise CancelledError
        yield data
        advance(len(data))


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
