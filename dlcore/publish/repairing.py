"""Rewrites what is wrong with a published package, from the folder that it was published from.

Guarantees: what is published is never changed, and nothing that is right is written. What a signed
site should hold is what was signed last, and not what its ``catalog.json`` says. An object is
replaced by one rename, and only by content that matches the manifest. If repairing is interrupted,
every object is as it was or right. Damaged patches are removed, since clients can do without them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from dlcore.errors import ConfigError, IntegrityError, NotFoundError, StorageError
from dlcore.manifest import decode_catalog, digest_of, encode
from dlcore.model import (
    CATALOG_KEY,
    DEFAULT_BLOCK_BYTES,
    CatalogEntry,
    Manifest,
    ObjectIndex,
    manifest_key,
    object_key,
)
from dlcore.publish.damaged_patches import damaged_patches, remove_patches
from dlcore.publish.destination import Destination
from dlcore.publish.layout import without_digests_of_files
from dlcore.publish.objects import distinct_objects, read_objects, replace_objects
from dlcore.publish.opening import open_destination
from dlcore.publish.policy import DEFAULT_POLICY, PublishPolicy
from dlcore.publish.preparing import PublishOptions, check_options, hash_files, list_files
from dlcore.publish.progress import Progress, Stage, meter
from dlcore.publish.reading import verified_spans
from dlcore.publish.site import read_manifest
from dlcore.publish.source import Source, SourceFile
from dlcore.publish.trusted_catalog import read_restored
from dlcore.spelling import IDS, hint

log = logging.getLogger("dlcore.publish")


class Repaired(msgspec.Struct, frozen=True):
    """The result of repairing.

    Attributes:
        package_id: Id of the package.
        version: Its version, as the catalog states it.
        manifest: SHA-256 digest of the manifest document, in hex.
        objects: Number of objects that were checked.
        rewritten: Keys of what was written: objects, and the manifest if it was wrong.
        written_bytes: Length of the objects that were written.
        patches_removed: As of `Published`.
        restored: Keys of signed documents that were lost or damaged, and were written again.
    """

    package_id: str
    version: int
    manifest: str
    objects: int
    rewritten: tuple[str, ...]
    written_bytes: int
    patches_removed: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()


def repair(
    folder: Path,
    *,
    package_id: str,
    version: int | None = None,
    destination: str,
    block_bytes: int = DEFAULT_BLOCK_BYTES,
    pack: bool = True,
    content_library: bool = False,
    programs: Mapping[str, str] | None = None,
    sign_with: Sequence[Path] = (),
    trust_root: Path | None = None,
    passphrase: bytes | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Repaired:
    """Read all of a published package, and rewrite what is wrong.

    The arguments and errors are those of `publish` and `repair_at`. ``block_bytes``, ``pack`` and
    ``programs`` matter only if the manifest itself is wrong: then they are what it was published
    with. Nothing is signed: of a signed site, ``trust_root`` is enough. Signed documents that were
    lost are written again as they were signed (`Repaired.restored`).

    Raises:
        TrustError: A signed document was lost that nothing here remembers; or the site's signatures
            are not what was signed last.
    """
    options = PublishOptions(
        package_id.upper(),
        version=version,
        block_bytes=block_bytes,
        pack=pack,
        content_library=content_library,
        programs=programs or {},
    )
    target = open_destination(destination)
    trusted = read_restored(target, sign_with, trust_root, passphrase)
    done = repair_at(
        target,
        folder,
        options,
        progress or (lambda _: None),
        catalog=trusted.catalog,
        patch_lists=trusted.patch_lists,
    )
    return msgspec.structs.replace(done, restored=trusted.restored)


def repair_at(
    target: Destination,
    folder: Path,
    options: PublishOptions,
    progress: Callable[[Progress], None],
    policy: PublishPolicy = DEFAULT_POLICY,
    *,
    catalog: bytes | None,
    patch_lists: Mapping[str, str] | None = None,
) -> Repaired:
    """Check a package at a destination, and write what is wrong from its source.

    Args:
        target: Where the package is published.
        folder: The folder that it was published from, or the content library that holds it.
        options: As for publishing. The layout matters only if the manifest itself is wrong.
        progress: As for publishing.
        policy: Sizes and limits.
        catalog: The catalog document that says what is published; None if there is none.
        patch_lists: As ``signed`` of `damaged_patches`.

    Raises:
        ConfigError: An option cannot be used, or the manifest is wrong and the folder gives
            another one; the user's fault.
        NotFoundError: The catalog does not name the package.
        IntegrityError: Some objects are wrong, and the folder does not have what was published.
            Everything else was repaired.
        ManifestError: The catalog is malformed. Nothing was written.
        StorageError: The disk failed. What was written before is right.
        TransferError: The object store failed. What was written before is right.
    """
    check_options(options)
    entry = _entry(target, catalog, options)
    source = list_files(folder, options, policy)
    found = read_manifest(target, options.package_id, entry)
    if isinstance(found, Manifest):
        manifest = found
    else:
        manifest = _rebuilt(source, folder, entry, options, progress, policy)
    _check_entry(target, entry, manifest)
    matched = _matched(source, manifest)
    objects = distinct_objects(manifest)
    total_bytes = sum(manifest.objects[index].length_bytes for index in objects.values())
    advance = meter(Stage.CHECK, total_bytes, progress)
    damaged = read_objects(target, manifest, objects, advance, policy)
    possible = {
        name: objects[name]
        for name in sorted(damaged)
        if _is_reproducible(matched, manifest, objects[name], policy)
    }
    lengths = {name: manifest.objects[index].length_bytes for name, index in possible.items()}
    advance = meter(Stage.WRITE, sum(lengths.values()), progress)
    replace_objects(target, matched, manifest, possible, advance, policy)
    target.sync()
    rewritten = [object_key(name) for name in possible]
    if manifest is not found:
        rewritten.append(_write_manifest(target, manifest, entry))
    for key in rewritten:
        log.warning("%s: rewrote %s", target.name, key)
    removed = damaged_patches(
        target, manifest, entry.manifest, policy, signed=patch_lists, reads_all=True
    )
    remove_patches(target, removed)
    _refuse_rest(target, folder, manifest, damaged.keys() - possible.keys())
    return Repaired(
        package_id=options.package_id,
        version=entry.version,
        manifest=entry.manifest,
        objects=len(objects),
        rewritten=tuple(rewritten),
        written_bytes=sum(lengths.values()),
        patches_removed=removed,
    )


def _entry(target: Destination, catalog: bytes | None, options: PublishOptions) -> CatalogEntry:
    name = f"{target.name}/{CATALOG_KEY}"
    packages = {} if catalog is None else decode_catalog(catalog, source=name).packages
    entry = packages.get(options.package_id)
    if entry is None:
        raise NotFoundError(
            f"{name} does not name package {options.package_id}"
            + hint(options.package_id, packages, alike=IDS),
            remedy="Publish the package; there is nothing to repair.",
        )
    if options.version not in (None, entry.version):
        raise ConfigError(
            f"{name}: {options.package_id} is at version {entry.version}, not {options.version}",
            remedy="Repair the version that is published, or publish the other one.",
        )
    return entry


def _check_entry(target: Destination, entry: CatalogEntry, manifest: Manifest) -> None:
    """Refuse a catalog that contradicts the manifest that it names: a repair leaves it as it is."""
    stated = (entry.version, entry.content_bytes, entry.manifest_bytes)
    if stated != (manifest.version, manifest.content_bytes, len(encode(manifest))):
        raise IntegrityError(
            f"{target.name}/{CATALOG_KEY} states another version or length of"
            f" {manifest.package_id} than the manifest that it names",
            path=CATALOG_KEY,
            remedy="Publish the folder once more, with --replace: that enters the package again.",
        )


def _write_manifest(target: Destination, manifest: Manifest, entry: CatalogEntry) -> str:
    """Returns the key that it was written under."""
    key, document = manifest_key(entry.manifest), encode(manifest)
    target.write(key, [memoryview(document)], len(document))
    target.sync()
    return key


def _rebuilt(
    source: Source,
    folder: Path,
    entry: CatalogEntry,
    options: PublishOptions,
    progress: Callable[[Progress], None],
    policy: PublishPolicy,
) -> Manifest:
    """The manifest that the catalog names, made again from the source."""
    latest = hash_files(source, entry.version, options, progress, policy)
    for manifest in (latest, without_digests_of_files(latest)):
        if digest_of(encode(manifest)) == entry.manifest:
            return manifest
    raise ConfigError(
        f"the published manifest of {options.package_id} is wrong, and {folder} gives another one",
        remedy="Name the folder and the options that it was published with, or publish the folder"
        " in its place (--replace).",
    )


def _matched(source: Source, manifest: Manifest) -> Source:
    """The source's files in the order of the manifest's; one that is missing has no length."""
    by_path = {file.path: file for file in source.files}
    missing = SourceFile("", Path(), 0, 0)
    files = tuple(by_path.get(file.path, missing) for file in manifest.files)
    return Source(files, manifest.folders, source.version)


def _is_reproducible(
    source: Source, manifest: Manifest, index: ObjectIndex, policy: PublishPolicy
) -> bool:
    """Whether the source has exactly the bytes of an object."""
    length = manifest.objects[index].length_bytes
    extents = manifest.file_extents(index, 0, length)
    if any(
        source.files[extent.file].length_bytes != manifest.files[extent.file].length_bytes
        for extent in extents
    ):
        return False
    try:
        for _ in verified_spans(source, manifest, index, policy.span_bytes):
            pass
    except StorageError as error:
        log.warning("object %s: %s", manifest.objects[index].name, error.message)
        return False
    return True


def _refuse_rest(target: Destination, folder: Path, manifest: Manifest, names: set[str]) -> None:
    if not names:
        return
    wrong = [
        file.path
        for file in manifest.files
        if not file.is_empty and manifest.objects[file.object].name in names
    ]
    more = f" and {len(wrong) - 1} more files" if len(wrong) > 1 else ""
    raise IntegrityError(
        f"{len(names)} objects at {target.name} are still wrong: {folder} does not have the"
        f" published content of {wrong[0]}{more}",
        path=wrong[0],
        remedy="Repair from a folder with the published content, or publish a new version.",
    )
