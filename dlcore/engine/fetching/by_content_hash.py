"""A package of which only the content hash is known, from distribution points that list its names.

If the content library of a distribution point can be read too, it says what each file is, and must
have the content hash; then everything is as with any content library. Else all files are received
first, and hashed. Only if all of them together have the content hash are they believed: then they
have digests, of which a manifest is made, and they are delivered like every other content.

Guarantees: before that nothing is delivered, and nothing is called verified. If the whole does not
match, all that has arrived is deleted: nothing tells which file is wrong.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from dlcore import manifest as documents
from dlcore.disk.trees import walk
from dlcore.engine.delivery.target import place_of_delivery
from dlcore.engine.delivery.unproven_place import unproven_place
from dlcore.engine.documents.content_library import StatedHash
from dlcore.engine.documents.named_hash import check_named_hash
from dlcore.engine.download.retry import Retry
from dlcore.engine.events import Event
from dlcore.engine.fetching.arriving import Arriving, Point
from dlcore.engine.fetching.early_bytes import EarlyBytes
from dlcore.engine.fetching.finding import FoundContent
from dlcore.engine.fetching.site import OpenedSite
from dlcore.engine.fetching.sources import Source
from dlcore.engine.fetching.truth import Origin, Truth
from dlcore.errors import (
    ConfigError,
    DlcoreError,
    Fault,
    IntegrityError,
    ManifestError,
    NotFoundError,
    TransferError,
)
from dlcore.manifest import ContentFile, FolderDigests
from dlcore.model import Manifest
from dlcore.package_ids import LOCAL_ID
from dlcore.printable import quoted
from dlcore.store import folder_digests
from dlcore.transfer import DistributionPointEndpoint
from dlcore.waiting import in_thread

_log = logging.getLogger(__name__)


class HashedCall(NamedTuple):
    """How a package is fetched of which only the content hash is known.

    Attributes:
        to: Folder that becomes the package.
        named_hash: The content hash, as the user wrote it.
        retry: What to do when no distribution point is left.
        cap_bytes_per_s: Read at most this much; 0.0 for no cap.
        wait_s: How long to wait while another process fetches into the same folder.
        is_dry_run: Whether nothing is to be received.
        early: Counts what is received.
    """

    to: Path
    named_hash: str
    retry: Retry
    cap_bytes_per_s: float
    wait_s: float
    is_dry_run: bool
    early: EarlyBytes


async def find_by_content_hash(
    name: str, site: OpenedSite, call: HashedCall, tell: Callable[[Event], None]
) -> tuple[FoundContent, list[Source]]:
    """Find out what a package is: from its content library, else by receiving all of it.

    Args:
        name: Its id, or the id of a content.
        site: The first of its endpoints is a distribution point.
        call: How.
        tell: Hears how far it is.

    Returns:
        What it is, and where it comes from.

    Raises:
        ConfigError: It is not a content hash, or nothing may be received.
        NotFoundError: The distribution point does not have it.
        IntegrityError: All together does not have the content hash. Nothing of it is kept.
        ExhaustedError: A file cannot be fetched; what has arrived is kept, and is not verified.
        DlcoreError: As `dlcore.fetch`.
    """
    check_named_hash(call.named_hash)
    if in_library := await _by_library(name, site):
        return in_library
    points = await _points(name, site)
    listed = points[0].listed
    lengths = {path: file.length_bytes for path, file in listed.files.items()}
    _check_names(name, lengths, listed.folders)
    there = await in_thread(_digests_there, call, lengths)
    if there is not None:
        return _found(name, there, Origin(Truth.CONTENT_HASH, StatedHash.EQUAL)), site.sources()
    if call.is_dry_run:
        raise ConfigError(
            f"nothing but the content hash is known of {name}: only a fetch can tell what it is",
            remedy="Leave --dry-run out.",
        )
    return await _receive(name, points, site, call, tell), site.sources()


async def _by_library(name: str, site: OpenedSite) -> tuple[FoundContent, list[Source]] | None:
    """What the content library says; None if it cannot be read."""
    library, terms = site.library_of_point()
    try:
        described = await site.describe_by(library, name)
    except (NotFoundError, ManifestError, TransferError) as error:
        _log.info(
            "%s: the content library cannot be read (%s), so nothing is known to be right before"
            " all of it has arrived",
            name,
            error.message,
        )
        return None
    manifest, document = described.manifest, documents.encode(described.manifest)
    called = name if manifest.package_id == LOCAL_ID else ""
    origin = Origin(Truth.CONTENT_LIBRARY, described.stated_hash, called=called)
    found = FoundContent(manifest, document, None, origin=origin, content_id=called)
    return found, [(library, terms), *site.sources()]


async def _receive(
    name: str,
    points: Sequence[Point],
    site: OpenedSite,
    call: HashedCall,
    tell: Callable[[Event], None],
) -> FoundContent:
    files = {path: file.length_bytes for path, file in points[0].listed.files.items()}
    folders = points[0].listed.folders
    async with unproven_place(call.to, sum(files.values()), call.wait_s) as unproven:
        is_resumed = not unproven.is_empty
        arriving = Arriving(
            name,
            points,
            unproven,
            asking=site.asking,
            retry=call.retry,
            cap_bytes_per_s=call.cap_bytes_per_s,
            tell=tell,
            ledger=call.early.ledger,
        )
        digests = await arriving.run()
        content = {path: ContentFile(length, digests[path]) for path, length in files.items()}
        if not _has_hash(content, folders, call.named_hash):
            await in_thread(unproven.forget)
            arriving.disproved()
            error = _mismatch_error(name, content, folders, call.named_hash, points)
            raise _altered_here_error(error) if is_resumed else error
    manifest = _manifest(name, content, folders)
    arrived = {path: unproven.path_of(path, length) for path, length in files.items()}
    received = dict(arriving.received_bytes)
    origin = Origin(Truth.CONTENT_HASH, StatedHash.EQUAL, received, arrived)
    return _found(name, manifest, origin)


async def _points(name: str, site: OpenedSite) -> list[Point]:
    """What each distribution point lists; the first must list something."""
    points: list[Point] = []
    for endpoint, terms in site.sources():
        if not isinstance(endpoint, DistributionPointEndpoint):
            continue
        try:
            listed = await site.asking.ask(endpoint, partial(endpoint.list_content, name))
        except TransferError as error:
            if points:
                _log.warning("%s does not serve %s: %s", endpoint.name, name, error.message)
                continue
            if error.fault in (Fault.NOT_FOUND, Fault.REFUSED) and (
                instead := await site.no_point()
            ):
                raise instead from error
            if error.fault is not Fault.NOT_FOUND:
                raise
            raise NotFoundError(
                f"{quoted(name)} is not on the distribution point {endpoint.name}",
                remedy="Distribute it to this distribution point, or correct the id.",
            ) from error
        points.append(Point(endpoint, terms, listed))
    return points


def _check_names(name: str, files: Mapping[str, int], folders: Sequence[str]) -> None:
    """Refuse names that cannot be delivered, before anything is received."""
    with documents.refusing(f"the listing of {name}", "package"):
        for path in (*files, *folders):
            documents.check_path(path)
        documents.check_together([*files, *folders])


def _has_hash(content: Mapping[str, ContentFile], folders: Sequence[str], told: str) -> bool:
    return documents.has_content_hash(_folder_digests(content, folders), told)


def _folder_digests(content: Mapping[str, ContentFile], folders: Sequence[str]) -> FolderDigests:
    return FolderDigests({path: file.sha256 for path, file in content.items()}, tuple(folders))


def _mismatch_error(
    name: str,
    content: Mapping[str, ContentFile],
    folders: Sequence[str],
    told: str,
    points: Sequence[Point],
) -> IntegrityError:
    hash_ = documents.content_hash(_folder_digests(content, folders))
    servers = ", ".join(point.endpoint.name for point in points)
    return IntegrityError(
        f"{name} from {servers} has the content hash {hash_}, not {told.upper()}. Without"
        f" digests of single files, dlcore cannot tell which of its {len(content)} files is wrong",
        remedy="Nothing is kept. Check the hash; validate the content on the distribution point; or"
        " fetch from its content library, which names the file.",
    )


def _altered_here_error(error: IntegrityError) -> IntegrityError:
    """Say that the distribution point may be right: an earlier call has received a part."""
    return IntegrityError(
        f"{error.message}. A part was received by an earlier call, and may have been altered on the"
        " disk since",
        remedy=f"Run again first: then all of it is received again. {error.remedy}",
    )


def _manifest(name: str, content: Mapping[str, ContentFile], folders: Sequence[str]) -> Manifest:
    return documents.manifest_of_library(LOCAL_ID, 1, content, folders, source=name)


def _found(name: str, manifest: Manifest, origin: Origin) -> FoundContent:
    return FoundContent(
        manifest,
        documents.encode(manifest),
        None,
        origin=origin._replace(called=name),
        content_id=name,
    )


def _has_lengths(folder: Path, lengths: Mapping[str, int]) -> bool:
    """Whether a folder has these files and no others, by their paths and lengths."""
    found = 0
    for parent, _, names in walk(folder):
        for name in names:
            path = parent / name
            length_bytes = lengths.get(path.relative_to(folder).as_posix())
            if length_bytes != path.lstat().st_size:
                return False
            found += 1
    return found == len(lengths)


def _digests_there(call: HashedCall, lengths: Mapping[str, int]) -> Manifest | None:
    """What is at the target, if it has the content hash; the delivery hashes it again.

    Nothing is hashed that cannot be the content: the target may be any folder.
    """
    path = place_of_delivery(call.to)
    try:
        if not (path.is_dir() and lengths and _has_lengths(path, lengths)):
            return None
        found = folder_digests(path)
        if not documents.has_content_hash(found, call.named_hash):
            return None
        content = {
            name: ContentFile((path / name).stat().st_size, digest)
            for name, digest in found.files.items()
        }
        folders = [
            folder
            for folder in found.folders
            if not any(other.startswith(f"{folder}/") for other in (*content, *found.folders))
        ]
        return _manifest("what is there", content, folders)
    except (DlcoreError, OSError) as error:
        _log.info("%s is not looked at: %s", path, error)
        return None
