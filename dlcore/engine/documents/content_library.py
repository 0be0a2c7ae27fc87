"""What a distribution point's content library says of a content, as a manifest.

Guarantees: every name obeys the rules of ``docs/formats.md``; every file has the SHA-256 digest and
the length that the library states for it. The library is trusted for them: the caller has made sure
that nobody on the way can alter them, or compares the content hash.
"""

from __future__ import annotations

import enum
import logging
import unicodedata
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from dlcore import manifest as documents
from dlcore.engine.download.asking import Asking
from dlcore.errors import (
    Fault,
    IntegrityError,
    ManifestError,
    NotFoundError,
    TransferError,
)
from dlcore.manifest import MAX_INI_BYTES, ContentFile, FolderDigests
from dlcore.model import Manifest
from dlcore.package_ids import LOCAL_ID, content_version, package_id
from dlcore.printable import quoted
from dlcore.transfer import ContentLibrary
from dlcore.waiting import side_by_side

MAX_ENTRIES = 1 << 20
"""Files and folders of a content: more than any package has, and less than memory."""

MAX_LISTED_CHARACTERS = 1 << 28
"""Of all paths together, which are kept in memory."""

MAX_PATH_CHARACTERS = 4096
"""Of a folder; a listing that is nested without end ends there."""

_SUFFIX = ".INI"
_REMEDY = "Validate the content on the distribution point, or distribute it again."
_log = logging.getLogger(__name__)


class StatedHash(enum.StrEnum):
    """How the package content hash that is told compares with the files that a library lists."""

    NOT_COMPARED = "not-compared"
    """None is told."""

    EQUAL = "equal"

    DIFFERENT = "different"
    """The library contradicts itself: each file is as its INI file says, and all of them together
    are not what the library says of the whole."""


class DescribedContent(NamedTuple):
    """What a content library says of a content.

    Attributes:
        manifest: The content.
        stated_hash: How the content hash that the user, else the library, tells compares with it.
    """

    manifest: Manifest
    stated_hash: StatedHash


class _Tree(NamedTuple):
    """The description of a content.

    Attributes:
        files: By the key of each INI file, the path of the file that it stands for.
        folders: Paths of the empty folders, as the library spells them.
    """

    files: dict[str, str]
    folders: list[str]

    def add(self, folder: str, entries: Sequence[tuple[str, bool]], root: str) -> list[str]:
        """Add what is in a folder.

        Args:
            folder: Its path in the content, with a slash behind it; empty for the content's own.
            entries: Names, and whether each is a folder.
            root: What stands before the path in a key.

        Returns:
            The folders in it, likewise.
        """
        if folder and not entries:
            self.folders.append(folder.rstrip("/"))
        for name, is_folder in entries:
            if not is_folder:
                self.files[f"{root}{folder}{name}"] = _composed(f"{folder}{name}")
        return [f"{folder}{name}/" for name, is_folder in entries if is_folder]

    def check(self, source: str) -> None:
        """Refuse what does not stand for a file of its own, and take the suffixes away.

        Raises:
            ManifestError: Something is not an INI file, or two stand for one file.
        """
        taken: set[str] = set()
        for key, name in self.files.items():
            path = name[: -len(_SUFFIX)]
            if not name.upper().endswith(_SUFFIX):
                raise ManifestError(f"{source}: {quoted(name)} is not an INI file", remedy=_REMEDY)
            if path in taken:
                raise ManifestError(f"{source}: {quoted(path)} is listed twice", remedy=_REMEDY)
            taken.add(path)
            self.files[key] = path


async def describe(
    library: ContentLibrary,
    what: str,
    asking: Asking,
    named_hash: str = "",
    *,
    version: int | None = None,
    max_entries: int = MAX_ENTRIES,
    max_characters: int = MAX_LISTED_CHARACTERS,
) -> DescribedContent:
    """Read what a package, an application's content or an update consists of.

    Args:
        library: Has it.
        what: Id of a package, for its latest content; or a content id (`package_ids`).
        asking: Puts the questions.
        named_hash: The package content hash that it must have, in hex; empty for any.
        version: Of a package; None for its latest content.
        max_entries: The most files and folders to accept.
        max_characters: The longest that all their paths together may be.

    Returns:
        What it says. A content without a package has the package id ``LOCAL000``.

    Raises:
        NotFoundError: The library does not have it.
        IntegrityError: What the library states does not have the content hash.
        ManifestError: The library's description is malformed.
        TransferError: The library cannot be read.
    """
    limits = max_entries, max_characters
    return await _Description(library, asking, *limits).read(what, named_hash, version)


class _Description:
    """One library's."""

    def __init__(
        self, library: ContentLibrary, asking: Asking, max_entries: int, max_characters: int
    ) -> None:
        self._library = library
        self._asking = asking
        self._max_entries = max_entries
        self._max_characters = max_characters

    async def read(
        self, what: str, named_hash: str, version: int | None = None
    ) -> DescribedContent:
        content, version = await self._content(what, version)
        source = f"content {content} in {self._library.name}"
        tree = await self._tree(content, source)
        keys = list(tree.files)
        found = await side_by_side(self._file, keys, self._library.questions_at_once)
        stated = dict(zip(keys, found, strict=True))
        manifest = documents.manifest_of_library(
            package_id(what) or LOCAL_ID,
            version,
            {path: stated[key] for key, path in tree.files.items()},
            map(_composed, tree.folders),
            source=source,
        )
        root = _root(content)
        digests = {key[len(root) : -len(_SUFFIX)]: stated[key].sha256 for key in keys}
        all_of_it = FolderDigests(digests, tuple(tree.folders))
        return DescribedContent(manifest, await self._compare(content, all_of_it, named_hash))

    async def _content(self, what: str, version: int | None) -> tuple[str, int]:
        """The content id, and its version."""
        if own := content_version(what):
            return what, own
        wanted = package_id(what) or what
        if version is not None:
            return f"{wanted}.{version}", version
        if self._library.versions_are_listed:
            return await self._latest_listed(wanted)
        key = f"PkgLib/{wanted}{_SUFFIX}"
        data = await self._read(key)
        if data is None:
            raise NotFoundError(
                f"package {quoted(wanted)} is not in the content library {self._library.name}",
                remedy="Distribute it to this distribution point, or correct its id.",
            )
        version = documents.decode_latest_version(data, source=key, package_id=wanted)
        return f"{wanted}.{version}", version

    async def _latest_listed(self, wanted: str) -> tuple[str, int]:
        """The latest content of a package among the folders in ``DataLib``."""
        names = [name for name, is_folder in await self._entries("DataLib") if is_folder]
        found = documents.versions_in(names, wanted)
        if not found:
            raise NotFoundError(
                f"package {quoted(wanted)} is not in the content library {self._library.name}",
                remedy="Distribute it to this distribution point, or correct its id.",
            )
        return max(found.items(), key=lambda item: item[1])

    async def _tree(self, content: str, source: str) -> _Tree:
        root = _root(content)
        tree = _Tree({}, [])
        count, characters, at_once = 0, 0, self._library.questions_at_once
        waiting = deque([""])
        while waiting:
            some = [waiting.popleft() for _ in range(min(len(waiting), at_once))]
            listed = await side_by_side(
                self._entries, [f"{root}{folder}".rstrip("/") for folder in some], at_once
            )
            count += sum(map(len, listed))
            if count > self._max_entries:
                raise ManifestError(
                    f"{source}: it has more than {self._max_entries} files and folders",
                    remedy="Split the package.",
                )
            found: list[str] = []
            for folder, own in zip(some, listed, strict=True):
                characters += sum(len(folder) + len(name) for name, _ in own)
                if characters > self._max_characters:
                    raise ManifestError(
                        f"{source}: its paths have more than {self._max_characters} characters",
                        remedy="Split the package. If it has fewer files, the server is not to be"
                        " trusted.",
                    )
                found += tree.add(folder, own, root)
            waiting.extend(found)
            if any(len(folder) > MAX_PATH_CHARACTERS for folder in found):
                raise ManifestError(
                    f"{source}: its folders are nested without end",
                    remedy="Validate the content on the distribution point.",
                )
        tree.check(source)
        return tree

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
        return documents.decode_content_file(data, source=key)

    async def _compare(self, content: str, found: FolderDigests, named_hash: str) -> StatedHash:
        """Compare all that is stated with the hash that the user, else the library, names."""
        if named_hash:
            if not documents.has_content_hash(found, named_hash):
                raise IntegrityError(
                    f"what {self._library.name} states of content {content} has the content hash"
                    f" {documents.content_hash(found)}, not {named_hash.upper()}",
                    remedy=f"Check that this is the hash of content {content}. {_REMEDY}",
                )
            return StatedHash.EQUAL
        key = f"DataLib/{content}{_SUFFIX}"
        data = await self._read(key)
        stated = documents.decode_stated_hash(data, source=key) if data else ""
        if not stated:
            return StatedHash.NOT_COMPARED
        if documents.has_content_hash(found, stated):
            return StatedHash.EQUAL
        _log.warning(
            "%s: the files of %s do not have the content hash that it states; each file is"
            " verified by its own digest",
            self._library.name,
            content,
        )
        return StatedHash.DIFFERENT

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


def _root(content: str) -> str:
    """What stands before a path of the content in a key."""
    return f"DataLib/{content}/"


def _composed(path: str) -> str:
    return unicodedata.normalize("NFC", path)
