"""Publishes a folder as a package.

Guarantees: a catalog never names content that is not stored. Objects are written first, then the
manifest, then the catalog; each is durable before the next begins. If publishing is interrupted,
the catalog is valid, and either the old or the new one. Publishing again sends only what is
missing, or stored with wrong content (`objects`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec

from dlcore.manifest import digest_of, encode
from dlcore.model import (
    CATALOG_KEY,
    DEFAULT_BLOCK_BYTES,
    CatalogEntry,
    Manifest,
    manifest_key,
    patch_list_key,
)
from dlcore.publish.admission import refuse_older, with_entry
from dlcore.publish.damaged_patches import damaged_patches, remove_patches
from dlcore.publish.destination import Destination
from dlcore.publish.noted_catalog import NotedCatalog
from dlcore.publish.objects import ObjectOutcome, distinct_objects, foreseen_outcomes, write_objects
from dlcore.publish.old_versions import OldVersion, open_old_versions
from dlcore.publish.opening import open_destination
from dlcore.publish.patching import MadePatches
from dlcore.publish.policy import DEFAULT_POLICY, PublishPolicy
from dlcore.publish.preparing import (
    PublishOptions,
    check_options,
    described,
    hash_files,
    list_files,
    refuse_own_source,
)
from dlcore.publish.progress import Advance, Progress, Stage, meter
from dlcore.publish.prune_mark import Now, PruneWatch, now_utc
from dlcore.publish.site_catalog import SiteCatalog, UnsignedCatalog
from dlcore.publish.source import Source
from dlcore.publish.trusted_catalog import catalog_of

log = logging.getLogger("dlcore.publish")


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
        objects_rewritten: Number of those that were stored before, with wrong content.
        patches: Number of files that old versions can be patched to.
        patch_bytes: Length of these patches.
        patches_removed: Keys of what was removed because patches of this version were damaged: the
            patch list, and objects. Clients fetch blocks, until it is published with
            ``patch_from`` again.
        contradicts_itself: Whether the content library states a content hash that the files do not
            have: a file that nothing in the library describes may be missing.
    """

    package_id: str
    version: int
    manifest: str
    files: int
    content_bytes: int
    objects_written: int
    objects_present: int
    written_bytes: int
    objects_rewritten: int = 0
    patches: int = 0
    patch_bytes: int = 0
    patches_removed: tuple[str, ...] = ()
    contradicts_itself: bool = False


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
    programs: Mapping[str, str] | None = None,
    patch_from: Sequence[str] = (),
    sign_with: Sequence[Path] = (),
    trust_root: Path | None = None,
    passphrase: bytes | None = None,
    progress: Callable[[Progress], None] | None = None,
    dry_run: bool = False,
    documents_only: bool = False,
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
        programs: Command lines by name, for *Install Package* steps. Clients that know only
            manifests of schema 2 refuse a package with programs.
        patch_from: Old versions of the package, each by its number at the destination, the SHA-256
            of its manifest, or the folder that it was published from. Clients that have one of
            them fetch patches in place of the files that changed. The patches take the place of
            those that this version had.
        sign_with: Private keys that sign the catalog, or the folder that ``dlcore trust init``
            wrote them to; needed if the site is signed.
        trust_root: The site's root document; None for ``root.json`` beside the first key.
        passphrase: Decrypts the keys that are encrypted.
        progress: Called with the progress; from several threads, but never at the same time.
        dry_run: Whether to find out only what would be done: everything is read and checked, and
            nothing is written, neither at the destination nor on this machine. The result says
            what would have been written.
        documents_only: Whether only the manifest and the catalog are written, of what a content
            library states. Clients fetch the files from such a library or from a distribution
            point, and verify each of them by its SHA-256.

    After an error the catalog is unchanged. Objects that were stored stay, and are not sent again.

    Raises:
        ConfigError: An argument, a name in the folder or the catalog forbids it; the user's fault.
        ManifestError: The catalog at the destination, or the content library, is malformed.
        TrustError: The site's signatures are not what was signed last; someone altered the site.
            Or its root has expired.
        NotFoundError: The package, or one of its files, is not in the content library; or the
            site does not have an old version.
        IntegrityError: A file of the content library does not have the digest that is stated; or
            an old version at the site is damaged.
        StorageError: The disk failed, or a file changed while it was being published.
        TransferError: The object store failed.
        LockedError: The site is being pruned.
    """
    target = open_destination(destination)
    return publish_to(
        target,
        folder,
        PublishOptions(
            package_id.upper(),
            version=version,
            block_bytes=block_bytes,
            pack=pack,
            replace=replace,
            content_library=content_library,
            programs=programs or {},
            patch_from=tuple(patch_from),
            documents_only=documents_only,
        ),
        progress or (lambda _: None),
        catalog=catalog_of(target, sign_with, trust_root, passphrase, keeps=not dry_run),
        dry_run=dry_run,
    )


def publish_to(
    target: Destination,
    folder: Path,
    options: PublishOptions,
    progress: Callable[[Progress], None],
    policy: PublishPolicy = DEFAULT_POLICY,
    *,
    catalog: SiteCatalog | None = None,
    dry_run: bool = False,
    now: Now = now_utc,
) -> Published:
    """Publish to a destination that is already open; otherwise like `publish`."""
    check_options(options)
    refuse_own_source(target, folder)
    catalog = catalog or NotedCatalog(target, UnsignedCatalog(target), now)
    catalog.check_root()
    catalog_name = f"{target.name}/{CATALOG_KEY}"
    old_versions = open_old_versions(options.patch_from, target, options, policy)
    source = list_files(folder, options, policy)
    version = options.version or source.version
    if not options.replace:
        refuse_older(catalog.read(), options.package_id, version, source=catalog_name)
    if options.documents_only:
        manifest = described(source, version, options)
    else:
        manifest = hash_files(source, version, options, progress, policy)
    document = encode(manifest)
    digest = digest_of(document)
    entry = CatalogEntry(version, digest, len(document), manifest.content_bytes)

    def change(current: bytes | None) -> bytes | None:
        return with_entry(
            current, options.package_id, entry, replace=options.replace, source=catalog_name
        )

    doing = "would go" if dry_run else "goes"
    log.info(
        "%s version %d %s to %s: %d bytes",
        options.package_id,
        version,
        doing,
        target.name,
        entry.content_bytes,
    )
    change(catalog.read())  # so that a refusal comes before hours of writing
    wanted = {} if options.documents_only else distinct_objects(manifest)
    total_bytes = sum(manifest.objects[index].length_bytes for index in wanted.values())
    advance = meter(Stage.WRITE, total_bytes, progress)
    watch = PruneWatch(target, policy, now)
    beside = None if dry_run else target.folder  # a dry run writes nothing there
    with MadePatches(source, manifest, digest, policy, folder=beside) as patches:
        _make(patches, old_versions, progress)
        damaged = () if old_versions else _find_damaged(target, manifest, digest, catalog, policy)
        if dry_run:
            outcomes = foreseen_outcomes(target, manifest, wanted, advance, policy)
            return _summary(source, manifest, digest, outcomes, patches, damaged)

        def write(advance: Advance) -> dict[str, ObjectOutcome]:
            outcomes = write_objects(target, source, manifest, wanted, advance, policy)
            target.sync()
            target.write(manifest_key(digest), [memoryview(document)], len(document))
            target.sync()
            if old_versions:
                patches.write(target)
            return outcomes

        outcomes = write(advance)
        remove_patches(target, damaged)
        signed = partial(catalog.change, patch_lists=patches.documents if old_versions else {})
        while not watch.change_unless_pruned(signed, change):  # what was present may be gone
            again = write(lambda _: None)
            outcomes |= {
                name: each for name, each in again.items() if each is not ObjectOutcome.PRESENT
            }
        log.info("%s version %d is published as manifest %s", options.package_id, version, digest)
        return _summary(source, manifest, digest, outcomes, patches, damaged)


def _find_damaged(
    target: Destination,
    manifest: Manifest,
    digest: str,
    catalog: SiteCatalog,
    policy: PublishPolicy,
) -> tuple[str, ...]:
    if target.find(patch_list_key(digest)) is None:
        return ()
    signed = catalog.signed_patch_lists()
    return damaged_patches(target, manifest, digest, policy, signed=signed)


def _make(
    patches: MadePatches, old_versions: Sequence[OldVersion], progress: Callable[[Progress], None]
) -> None:
    done_bytes = 0

    def advance(count: int, total_bytes: int) -> None:
        nonlocal done_bytes
        done_bytes += count
        progress(Progress(Stage.PATCH, done_bytes, total_bytes))

    patches.make(old_versions, advance)


def _summary(
    source: Source,
    manifest: Manifest,
    digest: str,
    outcomes: dict[str, ObjectOutcome],
    patches: MadePatches,
    patches_removed: tuple[str, ...],
) -> Published:
    lengths = {item.name: item.length_bytes for item in manifest.objects}
    written = [name for name, outcome in outcomes.items() if outcome is not ObjectOutcome.PRESENT]
    return Published(
        package_id=manifest.package_id,
        version=manifest.version,
        manifest=digest,
        files=len(manifest.files),
        content_bytes=manifest.content_bytes,
        objects_written=len(written),
        objects_present=len(outcomes) - len(written),
        written_bytes=sum(lengths[name] for name in written),
        objects_rewritten=sum(outcome is ObjectOutcome.REWRITTEN for outcome in outcomes.values()),
        patches=len({patch.file for patch in patches.listed.patches}),
        patch_bytes=patches.patch_bytes,
        patches_removed=patches_removed,
        contradicts_itself=source.contradicts_itself,
    )
