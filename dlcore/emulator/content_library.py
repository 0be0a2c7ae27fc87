"""Writes published packages as the content library of a distribution point, on two drives.

Guarantees: a package is listed in ``PkgLib`` only when all of it is written, and then stays as it
is. A file that is in ``FileLib`` has the digest that is its name, unless somebody altered it.

The first drive has ``PkgLib`` and ``DataLib``; the files are spread over both, as on a distribution
point whose first drive has filled up.

Source: Microsoft Learn, "The content library in Configuration Manager", for the folders. What the
INI files say is as observed (``docs/formats.md``).
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dlcore.emulator.published_folder import PublishedFolder
from dlcore.errors import NotFoundError
from dlcore.long_path import long_path
from dlcore.manifest import FolderDigests, content_hash
from dlcore.model import File, Manifest

LIBRARY: Final = "SCCMContentLib"
_PART_BYTES: Final = 1 << 20


def write_library(published: PublishedFolder, drives: tuple[Path, Path]) -> tuple[Path, Path]:
    """Write the current version of each package; what is there already is not written again.

    Packages that are not published any more are not listed any more.

    Args:
        published: The packages.
        drives: Folders that stand for drives; they are made if they are missing.

    Returns:
        The content library of each drive.

    Raises:
        OSError: The disk failed. Packages that are listed are complete.
        ManifestError: A manifest is malformed: the publisher's fault.
        NotFoundError: A manifest or an object is missing: the publisher's fault.
    """
    first, second = (long_path(drive / LIBRARY) for drive in drives)
    for drive, folders in ((first, ("PkgLib", "DataLib", "FileLib")), (second, ("FileLib",))):
        for name in folders:
            (drive / name).mkdir(parents=True, exist_ok=True)
    packages = published.packages()
    for listing in (first / "PkgLib").glob("*.INI"):
        if listing.stem not in packages:
            listing.unlink()
    for package_id, entry in packages.items():
        manifest = published.manifest(entry.manifest)
        if manifest is None:
            raise NotFoundError(f"manifest {entry.manifest} of {package_id} is missing on disk")
        listing = first / "PkgLib" / f"{package_id}.INI"
        # Its own section tells which manifest was written; clients ignore sections that they do
        # not know.
        content = f"{package_id}.{manifest.version}"
        stated = f"[Packages]\r\n{content}=\r\n[Emulator]\r\nManifest={entry.manifest}\r\n"
        if not listing.is_file() or listing.read_bytes() != stated.encode():
            listing.unlink(missing_ok=True)
            _write_content(published, manifest, content, (first, second))
            _write(listing, stated)
    return drives[0] / LIBRARY, drives[1] / LIBRARY


def _write_content(
    published: PublishedFolder, manifest: Manifest, content: str, drives: tuple[Path, Path]
) -> None:
    tree = drives[0] / "DataLib" / content
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir()
    for folder in manifest.folders:
        (tree / folder).mkdir(parents=True, exist_ok=True)
    digests = {}
    for number, file in enumerate(manifest.files):
        digest = _write_file(published, manifest, file, drives[number % 2] / "FileLib")
        digests[file.path] = digest
        size, name = file.length_bytes, digest.hex().upper()
        _write(tree / f"{file.path}.INI", f"[File]\r\nSize={size}\r\nHash={name}\r\n")
    told = content_hash(FolderDigests(digests, manifest.folders))
    _write(tree.with_name(f"{content}.INI"), f"[Info]\r\nHash={told}\r\n")


def _write_file(published: PublishedFolder, manifest: Manifest, file: File, library: Path) -> bytes:
    """Put a file under its digest, which is not known before it was read."""
    fresh = library / "unfinished"
    digest = hashlib.sha256()
    with fresh.open("wb") as target:
        for part in _parts(published, manifest, file):
            digest.update(part)
            target.write(part)
    name = digest.hexdigest().upper()
    (library / name[:4]).mkdir(exist_ok=True)
    fresh.replace(library / name[:4] / name)
    return digest.digest()


def _parts(published: PublishedFolder, manifest: Manifest, file: File) -> Iterator[bytes]:
    if file.is_empty:
        return
    name = manifest.objects[file.object].name
    stored = published.stored(name)
    if stored is None:
        raise NotFoundError(f"object {name} of {manifest.package_id} is missing on disk")
    with stored.path.open("rb") as source:
        source.seek(file.offset_bytes)
        left_bytes = file.length_bytes
        while left_bytes and (part := source.read(min(_PART_BYTES, left_bytes))):
            left_bytes -= len(part)
            yield part


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
