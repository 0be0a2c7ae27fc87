"""Finished packages: proven before they are handed out, and unfinished again if they are damaged.

Guarantees: a folder is handed out only after it was compared with its manifest. A damaged package
goes back to the unfinished ones by one rename, so nothing that is right is lost.

Threads: calls for different packages may overlap; calls for the same one wait for each other.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from pathlib import Path

from dlcore.disk.links import is_folder
from dlcore.model import Manifest
from dlcore.store.cache.sharing import Sharing
from dlcore.store.files import Files, delete, write_document
from dlcore.store.inventory import Inventory
from dlcore.store.manifest_file import MANIFEST, read_manifest
from dlcore.store.partial import CONTENT
from dlcore.store.proof import Proofs, refuse_foreign, unexpected
from dlcore.store.removal import Removal

logger = logging.getLogger(__name__)

LENT = "lent"  # an empty file: the folder was handed out, and programs may have left files in it


def finished_versions(files: Files, folder: Path, package_id: str) -> list[str]:
    """The keys of a package's finished versions, the latest first.

    Raises:
        OSError: The disk failed.
    """
    found = []
    for key in files.names(folder):
        version = key.removeprefix(f"{package_id}.").partition("-")[0]
        if key.startswith(f"{package_id}.") and version.isascii() and version.isdigit():
            found.append((int(version), key))
    return [key for _, key in sorted(found, reverse=True)]


class FinishedPackages:
    """The folders below ``packages/``, each named by its package's key.

    Args:
        files: The disk.
        folder: Where finished packages are.
        partials: Where unfinished ones are.
        removal: Removes what gives way to a damaged package.
        sharing: Knows which files packages share.
    """

    def __init__(
        self, files: Files, folder: Path, partials: Path, removal: Removal, sharing: Sharing
    ) -> None:
        self._files = files
        self._folder = folder
        self._partials = partials
        self._removal = removal
        self._sharing = sharing
        self._proofs = Proofs(files)
        self._proving: dict[str, threading.Lock] = {}

    def contents_of(self, package_id: str, *, but: str = "") -> list[Path]:
        """The content folders of a package's finished versions, the latest first.

        Nothing of them is proven: who reads there compares what is read.

        Args:
            package_id: The package.
            but: SHA-256 of the manifest of a version to leave out, hex.

        Raises:
            OSError: The disk failed.
        """
        left_out = f"-{but[:16].lower()}" if but else "\0"
        found = finished_versions(self._files, self._folder, package_id)
        return [self._folder / key / CONTENT for key in found if not key.endswith(left_out)]

    def note(self, key: str, manifest: Manifest, found: Inventory) -> None:
        """A package that this process verified was finished: believe it until it is changed."""
        self._proofs.note_finished(key, self._folder / key / CONTENT, manifest, found)

    def forget(self, key: str) -> None:
        """Believe nothing of a package, because it is removed."""
        self._proofs.forget(key)

    def prove(
        self,
        key: str,
        manifest: Manifest,
        digest: str,
        document: bytes,
        *,
        lend: bool,
        to_write: bool,
    ) -> Path | None:
        """Prove one package; see `Store.prove`, which this implements.

        Args:
            key: Name of the package's folder.
            manifest: What the package should be.
            digest: SHA-256 of the manifest's document, hex.
            document: The manifest's bytes.
            lend: Whether the folder is handed out now.
            to_write: Whether it is handed out to be written into.

        Returns:
            The content folder; None if the package is not finished or was damaged.

        Raises:
            UnexpectedContentError: There is something that the manifest does not know.
            OSError: The disk failed.
        """
        with self._proving.setdefault(key, threading.Lock()):
            folder = self._folder / key
            if self._files.status(folder) is None:
                return None
            is_right = self._clean_and_prove(key, manifest)
            if is_right and to_write and self._sharing.own(folder):  # with copies, to be proven too
                is_right = self._clean_and_prove(key, manifest)
            if not is_right:
                self._move_back(key)
                return None
            if read_manifest(self._files, folder, digest) is None:
                write_document(self._files, folder / MANIFEST, document)
                self._files.sync_folder(folder)
            if lend:
                self._note_lent(folder)
                with contextlib.suppress(OSError):  # only a hint for what gives way first
                    self._files.touch(folder)
            return folder / CONTENT

    def _clean_and_prove(self, key: str, manifest: Manifest) -> bool:
        """Remove what programs left in a package, then compare it with its manifest.

        Returns:
            Whether it is as the manifest says.
        """
        folder = self._folder / key
        content = folder / CONTENT
        for path in (folder, content):
            status = self._files.status(path)
            if status is None:
                return False
            if not is_folder(status):
                raise unexpected(manifest.package_id, path, "is not a folder")
        with self._sharing.lock:
            found = Inventory.take(self._files, content, manifest, self._sharing.names)
        if self._files.status(folder / LENT):
            for left in found.unexpected + found.misplaced:
                logger.info("package %s: removed %s", manifest.package_id, content / left)
                delete(self._files, content / left)
        else:
            refuse_foreign(found, content, manifest.package_id)
        return self._proofs.prove(key, content, manifest, found)

    def _note_lent(self, folder: Path) -> None:
        if self._files.status(folder / LENT) is None:
            write_document(self._files, folder / LENT, b"")
            self._files.sync_folder(folder)

    def _move_back(self, key: str) -> None:
        """Make a finished package an unfinished one.

        An unfinished package of the same name gives way: dlcore does not leave both, and the
        finished one once had every block.
        """
        self._proofs.forget(key)
        logger.warning("package %s is damaged: what is wrong is fetched again", key)
        if self._files.status(self._partials / key):
            self._removal.remove(self._partials / key)
        with self._sharing.lock:  # no file of it gets another name before it has left
            self._separate(key)
            self._files.move(self._folder / key, self._partials / key)
        self._files.sync_folder(self._partials)
        self._files.sync_folder(self._folder)

    def _separate(self, key: str) -> None:
        """Give a package files of its own, because it will be mended, and so written into."""
        try:
            self._sharing.separate(self._folder / key)
        except OSError as error:
            logger.warning("package %s leaves its shared files to others: %s", key, error)
            self._sharing.leave(self._folder / key)
