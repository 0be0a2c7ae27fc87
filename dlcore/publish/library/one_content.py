"""Publishes one content of a content library at a site, apart from the catalog.

Guarantees: a content of which anything is missing or wrong leaves no entry for a catalog; its fault
is a `Refusal`. A failure of the site is an error. Jobs and what becomes of them are plain values,
so that they can travel to other processes and machines.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from dlcore.errors import (
    ConfigError,
    DlcoreError,
    IntegrityError,
    ManifestError,
    NotFoundError,
    StorageError,
)
from dlcore.long_path import plain_path
from dlcore.manifest import digest_of, encode
from dlcore.model import (
    DEFAULT_BLOCK_BYTES,
    CatalogEntry,
    Manifest,
    manifest_key,
    object_key,
)
from dlcore.publish.admission import check_not_older, check_replaceable
from dlcore.publish.destination import Destination
from dlcore.publish.layout import lay_out
from dlcore.publish.library.content_files import LibraryContent, list_content
from dlcore.publish.library.hashing import hash_files, keys_of
from dlcore.publish.library.known_digests import KnownDigests
from dlcore.publish.objects import ObjectOutcome, distinct_objects, write_objects
from dlcore.publish.policy import PublishPolicy
from dlcore.publish.preparing import PublishOptions, described
from dlcore.publish.source import Source

_FAULTS = (ConfigError, IntegrityError, ManifestError, NotFoundError, StorageError)
"""What can be wrong with a content in its library."""


class LibraryOptions(msgspec.Struct, frozen=True):
    """How the contents of a library are published; the arguments of `publish_library`."""

    roots: tuple[Path, ...]
    block_bytes: int = DEFAULT_BLOCK_BYTES
    pack: bool = True
    replace: bool = False
    documents_only: bool = False


class Job(msgspec.Struct, frozen=True):
    """A content to be published.

    Attributes:
        content: Where it is.
        known: What is known of it at the site: by its catalog, or by the part of a shard.
        round: 0; one more each time that objects must be looked at again, because the site was
            pruned.
    """

    content: LibraryContent
    known: CatalogEntry | None
    round: int = 0


class Done(msgspec.Struct, frozen=True):
    """A content that is at the site now.

    Attributes:
        package_id: Id under which it is published.
        version: Its version.
        content_bytes: Length of all its files together.
        entry: For the catalog; None if a dry run need not know it.
        objects: Lengths of the objects that were written, by name.
        wrote_manifest: Whether the manifest was written.
        round: That of its job.
        contradicts_itself: As of `Source`.
    """

    package_id: str
    version: int
    content_bytes: int
    entry: CatalogEntry | None
    objects: dict[str, int] = {}
    wrote_manifest: bool = False
    round: int = 0
    contradicts_itself: bool = False


class Refusal(msgspec.Struct, frozen=True):
    """A content that was not published, and why.

    Attributes:
        package_id: Id under which it would be published; that of its package if it has none.
        code: The error's stable code.
        exit_status: The error's exit status.
        message: What is wrong.
        remedy: What to do about it.
    """

    package_id: str
    code: str
    exit_status: int
    message: str
    remedy: str

    @classmethod
    def of(cls, package_id: str, error: DlcoreError) -> Refusal:
        """What an error says."""
        return cls(package_id, error.code, error.exit_status, error.message, error.remedy)


class _DoubtfulError(Exception):
    """A content cannot be published with the digests that it has; they may be remembered wrongly.

    Args:
        keys: What the objects of the content are known by.
        error: Why it cannot.
    """

    def __init__(self, keys: list[bytes], error: DlcoreError) -> None:
        self.keys = keys
        self.error = error


class _ContentError(Exception):
    """Something is wrong with a content in its library.

    Args:
        error: What.
    """

    def __init__(self, error: DlcoreError) -> None:
        self.error = error


@contextlib.contextmanager
def _blaming_the_content() -> Iterator[None]:
    """What is raised inside is the fault of the content, and not of the site."""
    try:
        yield
    except _FAULTS as error:
        raise _ContentError(error) from error


class ContentPublisher:
    """Publishes contents at a site. Thread-safe.

    Args:
        target: The site.
        options: How they are published.
        policy: Sizes and limits.
        digests: What was hashed before.
    """

    def __init__(
        self,
        target: Destination,
        options: LibraryOptions,
        policy: PublishPolicy,
        digests: KnownDigests,
    ) -> None:
        self._target = target
        self._options = options
        self._policy = policy
        self._digests = digests
        self._stored: set[tuple[int, str]] = set()  # rounds and names of objects that are there
        self._workers = os.cpu_count() or 1

    def publish(self, job: Job) -> Done | Refusal:
        """Write what the site does not have of a content.

        Raises:
            StorageError: The site's disk failed.
            TransferError: The object store failed.
        """
        return self._trying_twice(job, self._publish)

    def foresee(self, job: Job) -> Done | Refusal:
        """What `publish` would come to, without a write.

        Content is read only where nothing else can tell whether it has changed: at a version that
        the catalog states already, if the files are not known.
        """
        return self._trying_twice(job, self._foreseen)

    def _trying_twice(self, job: Job, work: Callable[[Job], Done]) -> Done | Refusal:
        """Do it with the digests that are remembered, and if these are in doubt, by reading."""
        try:
            try:
                return work(job)
            except _DoubtfulError as doubtful:
                self._digests.forget(doubtful.keys)
                return work(job)
        except _DoubtfulError as doubtful:
            return Refusal.of(job.content.published_id, doubtful.error)
        except _ContentError as fault:
            return Refusal.of(job.content.published_id, fault.error)

    def _foreseen(self, job: Job) -> Done:
        content, known = job.content, job.known
        entry = None
        with _blaming_the_content():
            source = self._list_files(job)
            if known is not None and known.version >= content.version:
                entry = self._describe(job, source)[2]
        length = sum(file.length_bytes for file in source.files)
        return Done(
            content.published_id,
            content.version,
            length,
            entry,
            contradicts_itself=source.contradicts_itself,
        )

    def _publish(self, job: Job) -> Done:
        with _blaming_the_content():
            source = self._list_files(job)
            manifest, document, entry = self._describe(job, source)
        written = self._write_objects(job, source, manifest, is_known=entry == job.known)
        key = manifest_key(entry.manifest)
        stored = self._target.find(key) if entry == job.known else None
        is_there = stored is not None and stored.length_bytes == len(document)
        if not is_there:
            self._target.write(key, [memoryview(document)], len(document))
        return Done(
            job.content.published_id,
            job.content.version,
            entry.content_bytes,
            entry,
            written,
            not is_there,
            job.round,
            source.contradicts_itself,
        )

    def _list_files(self, job: Job) -> Source:
        """The files of a content, if it may be published."""
        content, options = job.content, self._options
        if not options.replace:
            check_not_older(job.known, content.published_id, content.version, self._target.name)
        return list_content(
            options.roots,
            content,
            self._policy.library_readers,
            looks=not options.documents_only,
        )

    def _describe(self, job: Job, source: Source) -> tuple[Manifest, bytes, CatalogEntry]:
        """The manifest, its document and its entry, if the entry may be made."""
        content, options = job.content, self._options
        if options.documents_only:
            manifest = described(source, content.version, PublishOptions(content.published_id))
        else:
            span_bytes = self._policy.span_bytes
            layout = self._layout(job, source)
            manifest = hash_files(source, layout, self._digests, span_bytes, self._workers)
        document = encode(manifest)
        digest, length = digest_of(document), len(document)
        entry = CatalogEntry(content.version, digest, length, manifest.content_bytes)
        try:
            if not options.replace:
                check_replaceable(job.known, content.published_id, entry, self._target.name)
        except ConfigError as error:
            if options.documents_only:
                raise
            raise _DoubtfulError(keys_of(source, self._layout(job, source)), error) from error
        return manifest, document, entry

    def _layout(self, job: Job, source: Source) -> Manifest:
        return lay_out(
            source,
            package_id=job.content.published_id,
            version=job.content.version,
            block_bytes=self._options.block_bytes,
            pack=self._options.pack,
        )

    def _write_objects(
        self, job: Job, source: Source, manifest: Manifest, *, is_known: bool
    ) -> dict[str, int]:
        """Write what is missing; of a content that is published, only lengths are looked at."""
        if self._options.documents_only:
            return {}
        lengths = {item.name: item.length_bytes for item in manifest.objects}
        wanted = {
            name: index
            for name, index in distinct_objects(manifest).items()
            if (job.round, name) not in self._stored
            and not (is_known and self._has(name, lengths[name]))
        }
        try:
            outcomes = write_objects(
                self._target, source, manifest, wanted, lambda _: None, self._policy
            )
        except StorageError as error:
            if error.path not in {plain_path(file.location) for file in source.files}:
                raise  # the site's disk
            raise _DoubtfulError(keys_of(source, self._layout(job, source)), error) from error
        self._stored.update((job.round, name) for name in lengths)
        return {
            name: lengths[name]
            for name, outcome in outcomes.items()
            if outcome is not ObjectOutcome.PRESENT
        }

    def _has(self, name: str, length_bytes: int) -> bool:
        stored = self._target.find(object_key(name))
        return stored is not None and stored.length_bytes == length_bytes
