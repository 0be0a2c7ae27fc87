"""Lists what is in a distribution point's content library, without reading its content.

A library may span several drives. One of them has ``PkgLib`` and ``DataLib``, which describe the
contents; each has a ``FileLib`` with a part of the files.

Guarantees: as in `source`. Also, each file exists and has the length that the library states,
unless only what is stated is asked for.
Digests are compared later, when the files are read (`reading.check_files`).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec

from dlcore.errors import ConfigError, IntegrityError, ManifestError, NotFoundError
from dlcore.manifest import (
    FolderDigests,
    check_path,
    check_together,
    decode_content_file,
    decode_latest_version,
    decode_stated_hash,
    has_content_hash,
)
from dlcore.manifest.content_library import MAX_INI_BYTES
from dlcore.publish.disk import disk_faults, open_plain
from dlcore.publish.source import Source, SourceFile, blaming, list_source
from dlcore.spelling import IDS, hint
from dlcore.work_threads import WorkThreads

_SUFFIX = ".ini"
_EMPTY = hashlib.sha256().digest()
_REMEDY = "Validate the content on the distribution point, or distribute it again."

log = logging.getLogger("dlcore.publish")


class LibraryContent(msgspec.Struct, frozen=True):
    """A content of a library: of a package, an application or an update.

    Attributes:
        published_id: Id under which it is published (`dlcore.package_ids.published_id`).
        version: Its version.
        folder: Name of the folder in ``DataLib`` that describes it.
    """

    published_id: str
    version: int
    folder: str


def list_library(root: Path, package_id: str, max_readers: int, *, looks: bool = True) -> Source:
    """List the latest content of a package.

    Args:
        root: The content library, ``SCCMContentLib``.
        package_id: Id of the package.
        max_readers: Number of INI files to read at the same time.
        looks: Whether each file must be there and have the length that is stated.

    Raises:
        ConfigError: It is not a content library, or holds a name that cannot be published.
        ManifestError: An INI file about the package is malformed; the library's fault.
        NotFoundError: The package, or one of its files, is not in the library.
        IntegrityError: A file does not have the length that the library states.
        StorageError: The disk cannot be listed or read.
    """
    content = _latest(described_at([root]), package_id)
    return list_content([root], content, max_readers, looks=looks)


def list_content(
    roots: Sequence[Path], content: LibraryContent, max_readers: int, *, looks: bool = True
) -> Source:
    """List a content of a library.

    Args:
        roots: The folders ``SCCMContentLib`` of all its drives.
        content: The content.
        max_readers: As of `list_library`.
        looks: As of `list_library`.

    Raises:
        DlcoreError: As `list_library`.
    """
    tree = described_at(roots) / "DataLib" / content.folder
    described = list_source(tree)
    with WorkThreads(max_readers) as pool:
        files = tuple(pool.map(partial(_file, roots, looks=looks), described.files))
    with blaming(tree):
        check_together([*(file.path for file in files), *described.folders])
    in_order = sorted(files, key=lambda file: file.path)
    digests = {
        ini.location.relative_to(tree).as_posix()[: -len(_SUFFIX)]: file.sha256 or _EMPTY
        for ini, file in zip(described.files, files, strict=True)
    }
    contradicts = _contradicts(tree, FolderDigests(digests, described.folders))
    return Source(tuple(in_order), described.folders, content.version, contradicts)


def _contradicts(tree: Path, found: FolderDigests) -> bool:
    """Whether the library states another content hash: of a content that is here in part, say."""
    place = tree.with_name(f"{tree.name}.INI")
    with disk_faults(place):
        if not place.is_file():
            return False
    stated = decode_stated_hash(read_ini(place), source=str(place))
    if not stated or has_content_hash(found, stated):
        return False
    log.warning("the files in %s do not have the content hash that %s states", tree, place.name)
    return True


def described_at(roots: Sequence[Path]) -> Path:
    """The drive of a library that describes its contents.

    Raises:
        ConfigError: One of the folders is not a content library, or none describes any content.
    """
    for root in roots:
        for name in ("FileLib",) if len(roots) > 1 else ("PkgLib", "DataLib", "FileLib"):
            if not (root / name).is_dir():
                raise ConfigError(
                    f"{root} is not a content library: it has no folder {name}",
                    remedy="Name the folder SCCMContentLib, or the share SCCMContentLib$.",
                )
    for root in roots:
        if (root / "PkgLib").is_dir() and (root / "DataLib").is_dir():
            return root
    raise ConfigError(
        f"none of {', '.join(map(str, roots))} has the folders PkgLib and DataLib",
        remedy="Name the drive that has them too.",
    )


def _latest(root: Path, package_id: str) -> LibraryContent:
    """The latest content of a package."""
    listed_at = root / "PkgLib" / f"{package_id}.INI"
    if not listed_at.is_file():
        listed = (path.stem for path in listed_at.parent.glob("*.INI"))
        raise NotFoundError(
            f"package {package_id} is not in the content library {root}"
            + hint(package_id, listed, alike=IDS),
            remedy="Distribute it to this distribution point.",
        )
    document = read_ini(listed_at)
    version = decode_latest_version(document, source=str(listed_at), package_id=package_id)
    content = LibraryContent(package_id, version, f"{package_id}.{version}")
    tree = root / "DataLib" / content.folder
    if not tree.is_dir():
        raise NotFoundError(
            f"{listed_at} lists a version whose folder is missing: {tree}", remedy=_REMEDY
        )
    return content


def _file(roots: Sequence[Path], ini: SourceFile, *, looks: bool) -> SourceFile:
    """The file that an INI file describes."""
    path = ini.path[: -len(_SUFFIX)]
    if not ini.path.lower().endswith(_SUFFIX):
        raise ManifestError(f"{ini.location} is not an INI file", remedy=_REMEDY)
    with blaming(ini.location):
        check_path(path)
    stated = decode_content_file(read_ini(ini.location), source=str(ini.location))
    name = stated.sha256.hex().upper()
    places = [root / "FileLib" / name[:4] / name for root in roots]
    location = places[0]
    if not stated.length_bytes:
        return SourceFile(path, location, 0, 0)
    if not looks:
        return SourceFile(path, location, stated.length_bytes, 0, stated.sha256)
    with disk_faults(location):
        location = next((place for place in places if place.is_file()), location)
        status = location.stat() if location.is_file() else None
    if status is None:
        raise NotFoundError(
            f"{path} of the package is not in the content library: {location} is missing",
            remedy=f"{_REMEDY} If the library spans several drives: name all of them with --all, or"
            " copy them to one folder first.",
        )
    if status.st_size != stated.length_bytes:
        raise IntegrityError(
            f"{location} is {status.st_size} bytes long, not {stated.length_bytes}",
            path=path,
            remedy=_REMEDY,
        )
    return SourceFile(path, location, status.st_size, status.st_mtime_ns, stated.sha256)


def read_ini(path: Path) -> bytes:
    """An INI file, or the beginning of one that is longer than any; raises `StorageError`."""
    with disk_faults(path), open_plain(path) as file:
        return file.read(MAX_INI_BYTES + 1)
