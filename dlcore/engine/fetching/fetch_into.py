"""Fetches one package whose manifest is at hand, outside any task sequence, into a folder.

Guarantees: the content appears in one step, complete and verified; until then everything is in a
state folder close by, from which a later call goes on. Content that is right already is read once,
and no byte is fetched. Of content that is damaged or of another version, what matches is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

from dlcore.digests import FORGEABLE, SHA_256, strength
from dlcore.engine.delivery.deliveries import Deliveries
from dlcore.engine.delivery.delivering import deliver
from dlcore.engine.delivery.one_file import OneFile
from dlcore.engine.delivery.own_folder import OwnFolder
from dlcore.engine.delivery.target import Look, Standing, Target, format_names
from dlcore.engine.documents.content_library import StatedHash
from dlcore.engine.download.allowed import AllowedGroups
from dlcore.engine.download.figures import EndpointFigures
from dlcore.engine.fetching.joint_download import JointDownload
from dlcore.engine.fetching.truth import Truth
from dlcore.errors import IntegrityError
from dlcore.long_path import plain_path
from dlcore.model import Manifest
from dlcore.package_ids import LOCAL_ID
from dlcore.store import Package, Store
from dlcore.store.seeding import seed, take_over
from dlcore.waiting import in_thread

_log = logging.getLogger(__name__)


class SelectionSize(msgspec.Struct, frozen=True):
    """How much of a package a fetch with patterns was for.

    Attributes:
        files: Number of files that the patterns select.
        package_files: Number of files of the whole package.
        package_bytes: Length of the whole package's files.
    """

    files: int
    package_files: int
    package_bytes: int


class Fetched(msgspec.Struct, frozen=True):
    """What a fetch came to.

    Attributes:
        package: Id of the package; ``LOCAL000`` of what has none.
        path: Where its files are, or its one file is.
        content_bytes: Length of all files.
        bytes_fetched: Payload bytes received.
        bytes_reused: Verified bytes that were on disk before, or were made of such ones by patches.
        endpoints: Payload bytes by endpoint.
        bytes_wasted: Of those that the call fetched, the ones that came twice, or were not used.
        sources: What each endpoint did for the call.
        repaired: Paths of what was there and differed from the manifest, and was put right; also of
            what only an earlier version had, and was removed.
        verified_by: The digests that decided: ``sha-256``, or the name of another algorithm that
            the publisher of the file uses.
        selection: How much of the package was fetched; None for all of it.
        version: The version of the package; None for what has none, as a file at a URL.
        bytes_patched: Of `bytes_reused`, those that patches made of older files.
        kept_catalog: Why the version may not be the site's current one: its catalog could not be
            read, and the one that was used last counted. Empty: the current catalog was read.
        truth: What vouches for the content, and so how early each byte was known to be right.
        stated_hash: How the package content hash that is told, by the user or else by the content
            library, compares with what the library lists.
        boundary: The boundary groups that could be used at the end; None without a deployment, or
            if its settings have no groups.
    """

    package: str
    path: str
    content_bytes: int
    bytes_fetched: int
    bytes_reused: int
    endpoints: dict[str, int]
    bytes_wasted: int = 0
    sources: dict[str, EndpointFigures] = {}
    repaired: tuple[str, ...] = ()
    verified_by: str = SHA_256
    selection: SelectionSize | None = None
    version: int | None = None
    kept_catalog: str = ""
    bytes_patched: int = 0
    truth: Truth = Truth.MANIFEST
    stated_hash: StatedHash = StatedHash.NOT_COMPARED
    boundary: AllowedGroups | None = None

    @property
    def is_forgeable(self) -> bool:
        """Whether an attacker can make two files that share the digest that decided."""
        return self.verified_by in FORGEABLE


async def fetch_into(
    goal: Target,
    package: Package,
    joint: JointDownload,
    name: str,
    *,
    wait_s: float = 0.0,
    arrived: Mapping[str, Path] = MappingProxyType({}),
) -> Fetched:
    """Fetch a package's files to where they belong.

    Args:
        goal: Nothing is there; or this package, right, damaged or of another version.
        package: What to fetch; the caller vouches for it.
        joint: Downloads it.
        name: What the package is called there.
        wait_s: How long to wait while another process fetches to the same place.
        arrived: Where files of it wait that were received before, by their paths.

    Raises:
        ConfigError: Something is there that is not dlcore's; it stays as it is.
        ExhaustedError: No endpoint is left to serve some blocks; what was verified is kept.
        IntegrityError: Every endpoint served some block wrong.
        LockedError: Another process fetches to the same place.
        StorageError: The local disk failed, or is full; what was verified is kept.
    """
    fetching = _Fetching(goal.source, package, joint, name, arrived)
    look = await deliver(goal, package, fetching, wait_s)
    if look.standing is Standing.RIGHT:
        _log.info("%s is at %s already", name, goal.path)
    repaired = tuple(dict.fromkeys(item.path for item in look.bad))
    if repaired:
        _log.warning("%s was repaired: %s", goal.path, format_names(repaired))
    return msgspec.structs.replace(
        fetching.fetched,
        path=str(plain_path(goal.path)),
        repaired=repaired,
        verified_by=decisive_algorithm(package.manifest),
    )


def target_of(
    folder: Path,
    manifest: Manifest,
    deliveries: Deliveries,
    *,
    beside: bool,
    keeps_all: bool = False,
    modified_ns: int | None = None,
) -> Target:
    """Where a package goes: a single file beside others if it may, all else to an own folder.

    Args:
        folder: Becomes the package, or gets its single file.
        manifest: What is to be fetched.
        deliveries: Knows what dlcore has delivered before.
        beside: Whether a single file may be put beside what else is in the folder.
        keeps_all: Whether a folder that holds more is refused, because the manifest is that of a
            selection.
        modified_ns: The time of modification that a single file beside others gets, in nanoseconds
            since 1970; None for that of its delivery.

    Raises:
        ConfigError: The folder or the file cannot have its name.
        OwnershipError: Another user has planted a link on the way to it.
    """
    names = [file.path for file in manifest.files]
    if beside and len(names) == 1 and not manifest.folders and "/" not in names[0]:
        return OneFile(folder, names[0], deliveries, modified_ns=modified_ns)
    return OwnFolder(folder, deliveries, keeps_all=keeps_all)


def decisive_algorithm(manifest: Manifest) -> str:
    """What verified the content: of foreign files, the weakest algorithm of their publisher."""
    given = [item.whole for item in manifest.objects if item.given]
    return min(given, key=strength).algorithm if given else SHA_256


class _Fetching:
    """Completes the package from endpoints, and from what is at the target.

    Attributes:
        fetched: What it has come to; the path is the target's to tell.
        kept_bytes: How many verified bytes are in the store; None before that is known.
    """

    def __init__(
        self,
        source: Path,
        package: Package,
        joint: JointDownload,
        name: str,
        arrived: Mapping[str, Path],
    ) -> None:
        manifest = package.manifest
        size_bytes = manifest.content_bytes
        self._version = None if manifest.package_id == LOCAL_ID else manifest.version
        self.fetched = Fetched(
            manifest.package_id, "", size_bytes, 0, size_bytes, {}, version=self._version
        )
        self.kept_bytes: int | None = None
        self._source = source
        self._arrived = arrived
        self._package = package
        self._joint = joint
        self._name = name
        self._is_wrong = False  # every endpoint served something that does not match

    async def fill(self, store: Store, look: Look) -> None:
        """Complete the package; what is there is taken over first."""
        older = []
        if self._arrived:
            await in_thread(_take_arrived, store, self._package, self._arrived)
        if look.standing is Standing.REPAIRABLE:
            await in_thread(_take_over, store, self._package, self._source)
            older.append(self._source)
        try:
            await self._joint.fill(self._name, self._package, store, older)
        except IntegrityError:
            self._is_wrong = True
            raise
        finally:
            self._note()

    def _note(self) -> None:
        manifest = self._package.manifest
        received = self._joint.received(self._name, self._package)
        self.kept_bytes = received.verified_bytes
        if self._is_wrong and [item.digests for item in manifest.objects] == [b""]:
            self.kept_bytes = 0  # of an object with one digest, which was wrong: unverified
        self.fetched = Fetched(
            manifest.package_id,
            "",
            manifest.content_bytes,
            received.bytes_fetched,
            received.bytes_reused,
            received.endpoints,
            received.bytes_wasted,
            received.sources,
            version=self._version,
            bytes_patched=received.bytes_patched,
        )


def _take_arrived(store: Store, package: Package, arrived: Mapping[str, Path]) -> None:
    """Take over files that lie anywhere; what does not match is left out."""
    partial = store.begin(*package)
    try:
        take_over(partial, [arrived.get(file.path) for file in package.manifest.files])
        partial.sync()
    finally:
        partial.close()


def _take_over(store: Store, package: Package, source: Path) -> None:
    """Keep the blocks that a folder has."""
    partial = store.begin(*package)
    try:
        seed(partial, source)
        partial.sync()
    finally:
        partial.close()
