"""Lists a package in a distribution point's content library, without reading its content.

Guarantees: as in `source`. Also, each file exists and has the length that the library states,
unless only what is stated is asked for.
Digests are compared later, when the files are read (`reading.check_files`).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from dlcore.errors import ConfigError, IntegrityError, ManifestError, NotFoundError
from dlcore.manifest import check_path, check_together, decode_file_ini, decode_package_ini
from dlcore.manifest.content_library import MAX_INI_BYTES
from dlcore.publish.disk import disk_faults
from dlcore.publish.source import Source, SourceFile, blaming, list_source
from dlcore.spelling import IDS, hint

_SUFFIX = ".ini"
_REMEDY = "Validate the content on the distribution point, or distribute it again."


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
    tree, version = _content(root, package_id)
    described = list_source(tree)
    with ThreadPoolExecutor(max_readers) as pool:
        files = tuple(pool.map(partial(_file, root, looks=looks), described.files))
    with blaming(tree):
        check_together([*(file.path for file in files), *described.folders])
    in_order = sorted(files, key=lambda file: file.path)
    return Source(tuple(in_order), described.folders, version)


def _content(root: Path, package_id: str) -> tuple[Path, int]:
    """The folder that describes a package's latest content, and its version."""
    for name in ("PkgLib", "DataLib", "FileLib"):
        if not (root / name).is_dir():
            raise ConfigError(
                f"{root} is not a content library: it has no folder {name}",
                remedy="Name the folder SCCMContentLib, or the share SCCMContentLib$.",
            )
    listed_at = root / "PkgLib" / f"{package_id}.INI"
    if not listed_at.is_file():
        listed = (path.stem for path in listed_at.parent.glob("*.INI"))
        raise NotFoundError(
            f"package {package_id} is not in the content library {root}"
            + hint(package_id, listed, alike=IDS),
            remedy="Distribute it to this distribution point.",
        )
    version = decode_package_ini(_read(listed_at), source=str(listed_at), package_id=package_id)
    tree = root / "DataLib" / f"{package_id}.{version}"
    if not tree.is_dir():
        raise NotFoundError(
            f"{listed_at} lists a version whose folder is missing: {tree}", remedy=_REMEDY
        )
    return tree, version


def _file(root: Path, ini: SourceFile, *, looks: bool) -> SourceFile:
    """The file that an INI file describes."""
    path = ini.path[: -len(_SUFFIX)]
    if not ini.path.lower().endswith(_SUFFIX):
        raise ManifestError(f"{ini.location} is not an INI file", remedy=_REMEDY)
    with blaming(ini.location):
        check_path(path)
    stated = decode_file_ini(_read(ini.location), source=str(ini.location))
    name = stated.sha256.hex().upper()
    location = root / "FileLib" / name[:4] / name
    if not stated.length_bytes:
        return SourceFile(path, location, 0, 0)
    if not looks:
        return SourceFile(path, location, stated.length_bytes, 0, stated.sha256)
    with disk_faults(location):
        is_there = location.is_file()
        status = location.stat() if is_there else None
    if status is None:
        raise NotFoundError(
            f"{path} of the package is not in the content library: {location} is missing",
            remedy=f"{_REMEDY} Copy a library that spans several drives to one folder first.",
        )
    if status.st_size != stated.length_bytes:
        raise IntegrityError(
            f"{location} is {status.st_size} bytes long, not {stated.length_bytes}",
            path=path,
            remedy=_REMEDY,
        )
    return SourceFile(path, location, status.st_size, status.st_mtime_ns, stated.sha256)


def _read(path: Path) -> bytes:
    with disk_faults(path), path.open("rb") as file:
        return file.read(MAX_INI_BYTES + 1)
