"""What comes before anything is written: the options, the list of files, the manifest."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from dlcore.errors import ConfigError, ManifestError
from dlcore.long_path import long_path
from dlcore.manifest import (
    ContentFile,
    check_package_id,
    check_programs,
    is_block_length,
    manifest_of_library,
    with_programs,
)
from dlcore.model import DEFAULT_BLOCK_BYTES, Manifest
from dlcore.publish.destination import Destination
from dlcore.publish.folder import FolderDestination
from dlcore.publish.layout import lay_out
from dlcore.publish.library.content_files import list_library
from dlcore.publish.policy import PublishPolicy
from dlcore.publish.progress import Progress, Stage, meter
from dlcore.publish.reading import check_files, check_unchanged, digest_objects
from dlcore.publish.source import Source, list_source
from dlcore.publish.writing_back import write_back


class PublishOptions(msgspec.Struct, frozen=True):
    """How to publish a folder; the arguments of `publish`."""

    package_id: str
    version: int | None = None
    block_bytes: int = DEFAULT_BLOCK_BYTES
    pack: bool = True
    replace: bool = False
    content_library: bool = False
    programs: Mapping[str, str] = {}
    patch_from: tuple[str, ...] = ()
    documents_only: bool = False


def check_options(options: PublishOptions) -> None:
    """Check what the options alone can tell.

    Raises:
        ConfigError: One of them cannot be used; the user's fault.
    """
    try:
        check_package_id(options.package_id)
        check_programs(options.programs)
    except ManifestError as error:
        raise ConfigError(error.message, remedy=error.remedy) from error
    if options.version is not None and not 1 <= options.version < 1 << 31:
        raise ConfigError(
            f"version {options.version} cannot be used",
            remedy="Choose a version from 1 to 2147483647.",
        )
    check_block_bytes(options.block_bytes)
    if options.documents_only and not options.content_library:
        raise ConfigError(
            "only a content library has digests to publish documents of without content",
            remedy="Add --content-library (content_library), or leave --documents-only"
            " (documents_only) out.",
        )
    if options.documents_only and options.patch_from:
        raise ConfigError(
            "documents without content have no patches",
            remedy="Leave --patch-from (patch_from) or --documents-only (documents_only) out.",
        )


def check_block_bytes(block_bytes: int) -> None:
    """Refuse a length that blocks cannot have.

    Raises:
        ConfigError: Blocks cannot have that length; the user's fault.
    """
    if not is_block_length(block_bytes):
        raise ConfigError(
            f"blocks of {block_bytes} bytes cannot be used",
            remedy="Choose a power of two from 4096 to 16777216.",
        )


def refuse_own_source(target: Destination, folder: Path) -> None:
    """Refuse a destination that lies in the folder to be published.

    Raises:
        ConfigError: It does; the user's fault.
    """
    if not isinstance(target, FolderDestination):
        return
    if target.root.resolve().is_relative_to(long_path(folder).resolve()):
        raise ConfigError(
            f"{target.name} lies in {folder}, the folder to be published",
            remedy="Publish to a folder outside it.",
        )


def list_files(folder: Path, options: PublishOptions, policy: PublishPolicy) -> Source:
    """The files to publish, not yet read; raises as `publish`."""
    folder = long_path(folder)
    if options.content_library:
        looks = not options.documents_only  # the files may be on other drives
        return list_library(folder, options.package_id, policy.library_readers, looks=looks)
    return list_source(folder)


def described(source: Source, version: int, options: PublishOptions) -> Manifest:
    """The manifest of what a content library states, of which nothing is read.

    Raises:
        ManifestError: A path breaks a rule of ``docs/formats.md``, or the package is too large.
    """
    files = {file.path: ContentFile(file.length_bytes, file.sha256) for file in source.files}
    manifest = manifest_of_library(
        options.package_id,
        version,
        files,
        source.folders,
        source=f"content of {options.package_id} version {version}",
    )
    return with_programs(manifest, options.programs)


def hash_files(
    source: Source,
    version: int,
    options: PublishOptions,
    progress: Callable[[Progress], None],
    policy: PublishPolicy,
) -> Manifest:
    """The manifest of what is to be published, all of which is read; raises as `publish`."""
    workers, span_bytes = os.cpu_count() or 1, policy.span_bytes
    write_back(source)
    if options.content_library:
        lengths = {file.location: file.length_bytes for file in source.files}
        advance = meter(Stage.CHECK, sum(lengths.values()), progress)
        check_files(source, workers, span_bytes, advance)
    layout = lay_out(
        source,
        package_id=options.package_id,
        version=version,
        block_bytes=options.block_bytes,
        pack=options.pack,
    )
    advance = meter(Stage.HASH, layout.content_bytes, progress)
    manifest = digest_objects(source, layout, workers, span_bytes, advance)
    check_unchanged(source)
    return with_programs(manifest, options.programs)
