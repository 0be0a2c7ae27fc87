"""A package in a distribution point's content library, as it is before anything is read from it.

Guarantees: as `source`; besides, each file is there with the length that the library states. Its
digest is compared when it is read (`reading.check_files`).
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

READERS = 16  # of small files on a share, each of which is a few round trips

_SUFFIX = ".ini"
_OTHER = "Check on the distribution point, or distribute the content to it again."


def list_library(root: Path, package_id: str) -> Source:
    """List a package's latest content.

    Args:
        root: The content library, ``SCCMContentLib``.
        package_id: Which package.

    Raises:
        ConfigError: It is no content library, or has a name that cannot be published.
        ManifestError: What the library says of the package is malformed.
        NotFoundError: The package is not there, or a file of it.
        IntegrityError: A file does not have the length that the library states.
        StorageError: The disk refuses to list or to read it.
    """
    tree, version = _content(root, package_id)
    described = list_source(tree)
    with ThreadPoolExecutor(READERS) as pool:
        files = tuple(pool.map(partial(_file, root), described.files))
    with blaming(tree):
        check_together([*(file.path for file in files), *described.folders])
    in_order = sorted(files, key=lambda file: file.path)
    return Source(tuple(in_order), described.folders, version)


def _content(root: Path, package_id: str) -> tuple[Path, int]:
    """The folder that describes a package's latest content, and its version."""
    for name in ("PkgLib", "DataLib", "FileLib"):
        if not (root / name).is_dir():
            raise ConfigError(
                f"{root} is no content library: there is no folder {name}",
                remedy="Name the folder SCCMContentLib, or the share SCCMContentLib$.",
            )
    listed_at = root / "PkgLib" / f"{package_id}.INI"
    if not listed_at.is_file():
        raise NotFoundError(
            f"package {package_id} is not in the content library {root}",
            remedy="Distribute it to that distribution point.",
        )
    version = decode_package_ini(_read(listed_at), source=str(listed_at), package_id=package_id)
    tree = root / "DataLib" / f"{package_id}.{version}"
    if not tree.is_dir():
        raise NotFoundError(f"there is no folder {tree}, which {listed_at} lists", remedy=_OTHER)
    return tree, version


def _file(root: Path, ini: SourceFile) -> SourceFile:
    """The file that an INI file stands for."""
    path = ini.path[: -len(_SUFFIX)]
    if not ini.path.lower().endswith(_SUFFIX):
        raise ManifestError(f"{ini.location} stands for no file", remedy=_OTHER)
    with blaming(ini.location):
        check_path(path)
    stated = decode_file_ini(_read(ini.location), source=str(ini.location))
    name = stated.sha256.hex().upper()
    location = root / "FileLib" / name[:4] / name
    if not stated.length_bytes:
        return SourceFile(path, location, 0, 0)
    with disk_faults(location):
        is_there = location.is_file()
        status = location.stat() if is_there else None
    if status is None:
        raise NotFoundError(
            f"{path} of the package is not in the content library: there is no {location}",
            remedy=f"{_OTHER} A library on several drives has to be put together first.",
        )
    if status.st_size != stated.length_bytes:
        raise IntegrityError(
            f"{location} is {status.st_size} bytes long, not {stated.length_bytes}",
            path=path,
            remedy=_OTHER,
        )
    return SourceFile(path, location, status.st_size, status.st_mtime_ns, stated.sha256)


def _read(path: Path) -> bytes:
    with disk_faults(path), path.open("rb") as file:
        return file.read(MAX_INI_BYTES + 1)
