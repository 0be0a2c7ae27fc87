"""What a distribution point's content library says of a content, as a manifest.

Guarantees: every name obeys the rules of ``docs/formats.md``; every file has the SHA-256 digest and
the length that the library states for it. The library is trusted for them: the caller has made sure
that nobody on the way can alter them, or compares the content hash.
"""

from __future__ import annotations

import logging
import unicodedata
from typing import NamedTuple

from dlcore import manifest as documents
from dlcore.engine.download.asking import Asking
from dlcore.errors import Fault, IntegrityError, ManifestError, NotFoundError, TransferError
from dlcore.manifest import MAX_INI_BYTES, ContentFile, FolderDigests
from dlcore.model import Manifest
from dlcore.package_ids import LOCAL_ID, content_version, package_id
from dlcore.printable import quoted
from dlcore.transfer import ContentLibraryEndpoint
from dlcore.waiting import side_by_side

MAX_AT_ONCE = 16
"""INI files. Enough to hide the round trips of a share."""

MAX_ENTRIES = 1 << 20
"""Files and folders of a content: more than any package has, and less than memory."""

_SUFFIX = ".INI"
_REMEDY = "Validate the content on the distribution point, or distribute it again."
_log = logging.getLogger(__name__)


class _Tree(NamedTuple):
    """The description of a content.

    Attributes:
        files: Keys of the INI files, by the path of the file that each stands for.
        folders: Paths of the empty folders.
    """

    files: dict[str, str]
    folders: list[str]


async def describe(
    library: ContentLibraryEndpoint,
    what: str,
    asking: Asking,
    told_hash: str = "",
    *,
    max_entries: int = MAX_ENTRIES,
) -> Manifest:
    """Read what a package, an application's content or an update consists of.

    Args:
        library: Has it.
        what: Id of a package, for its latest content; or a content id (`package_ids`).
        asking: Puts the questions.
        told_hash: The package content hash that it must have, in hex; empty for any.
        max_entries: The most files and folders to accept.

    Returns:
        The manifest. That of a content without a package has the package id ``LOCAL000``.

    Raises:
        NotFoundError: The library does not have it.
        IntegrityError: What the library states does not have the content hash.
        ManifestError: The library's description is malformed.
        TransferError: The library cannot be read.
    """
    return await _Description(library, asking, max_entries).manifest(what, told_hash)


class _Description:
    """One library's."""

    def __init__(self, library: ContentLibraryEndpoint, asking: Asking, max_entries: int) -> None:
        self._library = library
        self._asking = asking
        self._max_entries = max_entries

    async def manifest(self, what: str, told_hash: str) -> Manifest:
        wanted = package_id(what)
        content, version = await self._content(what)
        source = f"content {content} in {self._library.name}"
        tree = await self._tree(content, source)
        files = dict.fromkeys(tree.files, ContentFile(0, b""))

        async def read(path: str) -> None:
            files[path] = await self._file(tree.files[path])

        await side_by_side(read, list(tree.files), MAX_AT_ONCE)
        manifest = documents.manifest_of_library(
            wanted or LOCAL_ID, version, files, tree.folders, source=source
        )
        digests = {path: stated.sha256 for path, stated in files.items()}
        await self._compare(content, FolderDigests(digests, manifest.folders), told_hash)
        return manifest

    async def _content(self, what: str) -> tuple[str, int]:
        """The content id, and its version."""
        if version := content_version(what):
            return what, version
        wanted = package_id(what) or what
        key = f"PkgLib/{wanted}{_SUFFIX}"
        data = await self._read(key)
        if data is None:
            raise NotFoundError(
                f"package {quoted(wanted)} is not in the content library {self._library.name}",
                remedy="Distribute it to this distribution point, or name the drive that has PkgLib"
                " first.",
            )
        version = documents.decode_package_ini(data, source=key, package_id=wanted)
        return f"{wanted}.{version}", version

    async def _tree(self, content: str, source: str) -> _Tree:
        root = f"DataLib/{content}"
        files: dict[str, str] = {}
        folders: list[str] = []
        count = 0
        waiting = [root]
        while waiting:
            level, waiting = waiting, []
            for folder, entries in zip(
                level, await side_by_side(self._entries, level, MAX_AT_ONCE), strict=True
            ):
                count += len(entries)
                if count > self._max_entries:
                    raise ManifestError(
                        f"{source}: it has more than {self._max_entries} files and folders",
                        remedy="Split the package.",
                    )
                if not entries and folder != root:
                    folders.append(_path(root, folder))
                for name, is_folder in entries:
                    key = f"{folder}/{name}"
                    if is_folder:
                        waiting.append(key)
                    else:
                        _add_file(files, _path(root, key), key, source)
        return _Tree(files, folders)

    async def _entries(self, key: str) -> list[tuple[str, bool]]:
        try:
            return await self._asking.ask(self._library, lambda: self._library.entries(key))
        except TransferError as error:
            if error.fault is not Fault.NOT_FOUND:
                raise
            raise NotFoundError(
                f"the content library {self._library.name} has no {quoted(key)}",
                remedy="Distribute the content to it again, or correct the id of the content.",
            ) from error

    async def _file(self, key: str) -> ContentFile:
        data = await self._read(key)
        if data is None:
            raise NotFoundError(f"{key} has gone from {self._library.name}", remedy=_REMEDY)
        return documents.decode_file_ini(data, source=key)

    async def _compare(self, content: str, found: FolderDigests, told_hash: str) -> None:
        """Compare all that is stated with the hash that the user, else the library, names."""
        if told_hash:
            if not documents.has_content_hash(found, told_hash):
                raise IntegrityError(
                    f"what {self._library.name} states of content {content} has the content hash"
                    f" {documents.content_hash(found)}, not {told_hash.upper()}",
                    remedy=f"Check that this is the hash of content {content}. {_REMEDY}",
                )
            return
        key = f"DataLib/{content}{_SUFFIX}"
        data = await self._read(key)
        stated = documents.decode_content_ini(data, source=key) if data else ""
        if stated and not documents.has_content_hash(found, stated):
            _log.warning(
                "%s: the files of %s do not have the content hash that it states; each file is"
                " verified by its own digest",
                self._library.name,
                content,
            )

    async def _read(self, key: str) -> bytes | None:
        """An INI file; None if there is none."""
        try:
            return await self._asking.ask(
                self._library, lambda: self._library.read_document(key, MAX_INI_BYTES)
            )
        except TransferError as error:
            if error.fault is Fault.NOT_FOUND:
                return None
            raise


def _path(root: str, key: str) -> str:
    return unicodedata.normalize("NFC", key[len(root) + 1 :])


def _add_file(files: dict[str, str], path: str, key: str, source: str) -> None:
    if not path.upper().endswith(_SUFFIX):
        raise ManifestError(f"{source}: {quoted(path)} is not an INI file", remedy=_REMEDY)
    path = path[: -len(_SUFFIX)]
    if path in files:
        raise ManifestError(f"{source}: {quoted(path)} is there twice", remedy=_REMEDY)
    files[path] = key
