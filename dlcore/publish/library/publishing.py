"""Publishes a whole content library: opens what is needed for it.

Guarantees: as of `all_contents`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TypedDict

import msgspec

from dlcore.errors import ConfigError
from dlcore.extras import require
from dlcore.long_path import long_path
from dlcore.model import CATALOG_KEY, DEFAULT_BLOCK_BYTES
from dlcore.publish.destination import Destination
from dlcore.publish.library.all_contents import PublishedLibrary, Tell, WholeLibrary
from dlcore.publish.library.contents import list_contents
from dlcore.publish.library.into_catalog import IntoCatalog
from dlcore.publish.library.into_part import IntoPart
from dlcore.publish.library.known_digests import KnownDigests
from dlcore.publish.library.one_content import ContentPublisher, LibraryOptions
from dlcore.publish.library.shards import ALL, Shard
from dlcore.publish.library.withdrawing import check_withdrawal
from dlcore.publish.opening import open_destination
from dlcore.publish.policy import DEFAULT_POLICY, PublishPolicy
from dlcore.publish.preparing import check_block_bytes, refuse_own_source
from dlcore.publish.prune_mark import Now, now_utc
from dlcore.publish.reading import map_ahead
from dlcore.publish.site_catalog import packages_of
from dlcore.publish.trusted_catalog import catalog_of, read_trusted


def publish_library(
    roots: Sequence[Path],
    *,
    destination: str,
    block_bytes: int = DEFAULT_BLOCK_BYTES,
    pack: bool = True,
    replace: bool = False,
    documents_only: bool = False,
    shard: Shard = ALL,
    parts: str = "",
    dask: str | None = None,
    sign_with: Sequence[Path] = (),
    trust_root: Path | None = None,
    passphrase: bytes | None = None,
    dry_run: bool = False,
    withdraw_gone: int | None = None,
    tell: Tell | None = None,
    memory: Path | None = None,
    policy: PublishPolicy = DEFAULT_POLICY,
) -> PublishedLibrary:
    """Publish everything that a content library has, or one shard of it.

    Args:
        roots: The folders ``SCCMContentLib`` of all drives of the library.
        destination: As of `publish`.
        block_bytes: As of `publish`.
        pack: As of `publish`.
        replace: As of `publish`, for each content.
        documents_only: As of `publish`.
        shard: Which shard. Its entries go into its part; `join_shards` puts them into the catalog.
        parts: Where parts are kept: a folder or an object store; empty for the destination.
        dask: Address of a Dask scheduler whose workers publish, or ``local`` for processes of this
            machine; None for threads of this process. Workers reach library and destination by the
            same paths and URLs, and have the credentials in their own environment.
        sign_with: As of `publish`; not needed for a shard.
        trust_root: As of `publish`.
        passphrase: As of `publish`.
        dry_run: Whether to find out only what would be done, and to write nothing. Content is read
            only where nothing else can tell whether it has changed.
        withdraw_gone: Remove from the catalog what the library no longer has, if it is exactly this
            number of contents; else nothing is published. None to leave it there. Its content stays
            until it is pruned.
        tell: Told of the progress.
        memory: Folder that keeps which digests objects have, so that files that are known are not
            read again; None for one with the user's state. Dask's workers use that in any case.
        policy: Sizes and limits; Dask's workers use the usual ones.

    After an error the site is valid; what was stored is not sent again.

    Raises:
        ConfigError: An argument, or the catalog, forbids it; or something is to be withdrawn, and
            the library could not be read as a whole, or the number is another; the user's fault.
        ManifestError: The catalog, or the part of the shard, is malformed.
        TrustError: The site's signatures are not what was signed last.
        StorageError: The disk of the site failed, or the library cannot be listed.
        TransferError: The object store failed.
        LockedError: The site is being pruned.
    """
    check_block_bytes(block_bytes)
    if shard != ALL and withdraw_gone is not None:
        raise ConfigError(
            "a shard does not see all that is gone",
            remedy="Leave --withdraw-gone out; after the join, publish the whole library with it.",
        )
    own = tuple(long_path(root.absolute()) for root in roots)
    options = LibraryOptions(own, block_bytes, pack, replace, documents_only)
    target = open_destination(destination, policy)
    for root in own:
        refuse_own_source(target, root)
    catalog = None
    if shard == ALL:
        catalog = catalog_of(target, sign_with, trust_root, passphrase, keeps=not dry_run)
        catalog.check_root()
        document = catalog.read()
    else:
        document = _read_without_keys(target, sign_with, trust_root, passphrase)
    published = packages_of(document, target)
    common: _Common = {"replace": replace, "policy": policy, "now": now_utc}
    entering: IntoCatalog | IntoPart
    if catalog:
        entering = IntoCatalog(target, catalog, published, **common)
    else:
        kept = open_destination(parts, policy) if parts else target
        entering = IntoPart(target, kept, shard, published, **common)
    contents = list_contents(own, policy.library_readers)
    whole = WholeLibrary(contents, published, entering, shard, policy, tell or (lambda *_: None))
    if withdraw_gone is not None:
        check_withdrawal(contents, whole.gone, withdraw_gone, target.name)
    with contextlib.ExitStack() as opened:
        if dask is not None and not dry_run:
            require("dask")
            from dlcore.publish.library.on_dask import dask_workers

            done = whole.run(opened.enter_context(dask_workers(dask, destination, options)))
        else:
            known = KnownDigests(memory, keeps=not dry_run)
            digests = opened.enter_context(contextlib.closing(known))
            publisher = ContentPublisher(target, options, policy, digests)
            work = publisher.foresee if dry_run else publisher.publish
            doing = partial(map_ahead, work, workers=policy.contents_at_once)
            done = whole.foresee(doing) if dry_run else whole.run(doing)
    if withdraw_gone is None or isinstance(entering, IntoPart):
        return done
    if dry_run:
        return msgspec.structs.replace(done, withdrawn=whole.gone)
    return _without_gone(done, entering)


class _Common(TypedDict):
    """What `IntoCatalog` and `IntoPart` have in common."""

    replace: bool
    policy: PublishPolicy
    now: Now


def _without_gone(done: PublishedLibrary, entering: IntoCatalog) -> PublishedLibrary:
    """Withdraw what is gone: the last change of the catalog."""
    before = entering.documents
    withdrawn = entering.withdraw(done.gone)
    changes = entering.documents - before
    return msgspec.structs.replace(
        done, withdrawn=withdrawn, documents_written=done.documents_written + changes
    )


def _read_without_keys(
    target: Destination, keys: Sequence[Path], root: Path | None, passphrase: bytes | None
) -> bytes | None:
    """The catalog for a shard, which compares with it and writes nothing that is based on it.

    So a signed catalog is used without verification if neither keys nor a root are given.
    """
    if keys or root:
        return read_trusted(target, keys, root, passphrase)
    return target.read_whole(CATALOG_KEY)
