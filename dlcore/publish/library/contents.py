"""Which contents a distribution point's content library has: of packages, applications, updates.

Guarantees: of each content the latest version, once, however many packages list it. What cannot be
read is named, and does not hide the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from dlcore.errors import DlcoreError, ManifestError, NotFoundError, StorageError
from dlcore.manifest import decode_content_ids
from dlcore.package_ids import content_version, package_id, published_id
from dlcore.publish.disk import disk_faults
from dlcore.publish.library.content_files import LibraryContent, described_at, read_ini
from dlcore.work_threads import WorkThreads

_SUFFIX = ".ini"
_REMEDY = "Validate the content on the distribution point, or distribute it again."


class Contents(NamedTuple):
    """What a library has.

    Attributes:
        found: The contents, by the ids under which they are published, in order.
        unreadable: What is wrong with the others, by their id, or by that of their package.
    """

    found: Mapping[str, LibraryContent]
    unreadable: Mapping[str, DlcoreError]


def list_contents(roots: Sequence[Path], max_readers: int) -> Contents:
    """List all contents of a library.

    Args:
        roots: The folders ``SCCMContentLib`` of all its drives.
        max_readers: Number of INI files to read at the same time.

    Raises:
        ConfigError: They are not a content library.
        StorageError: The disk cannot be listed.
    """
    root = described_at(roots)
    folders = {name.lower(): name for name in _names(root / "DataLib")}
    packages = [name for name in _names(root / "PkgLib") if name.lower().endswith(_SUFFIX)]
    listed: dict[str, _Listed] = {}
    unreadable: dict[str, DlcoreError] = {}
    with WorkThreads(max_readers) as pool:
        documents = pool.map(lambda name: _read(root / "PkgLib" / name), packages)
    for name, texts in zip(packages, documents, strict=True):
        if isinstance(texts, DlcoreError):
            unreadable[name[: -len(_SUFFIX)]] = texts
            continue
        for text in texts:
            own, version = _id_and_version(text)
            if own is None or version is None:
                unreadable[name[: -len(_SUFFIX)]] = ManifestError(
                    f"{root / 'PkgLib' / name}: '{text}' is not a content id", remedy=_REMEDY
                )
            elif own not in listed or version > listed[own].version:
                listed[own] = _Listed(version, text, name)
    found: dict[str, LibraryContent] = {}
    for own, (version, text, name) in sorted(listed.items()):
        if folder := folders.get(text):
            found[own] = LibraryContent(own, version, folder)
        else:
            where = root / "PkgLib" / name
            unreadable[own] = NotFoundError(
                f"{where} lists a version whose folder is missing: {root / 'DataLib' / text}",
                remedy=_REMEDY,
            )
    return Contents(found, dict(sorted(unreadable.items())))


class _Listed(NamedTuple):
    """Where the latest version of a content is listed.

    Attributes:
        version: The version.
        text: Its content id, in lower case.
        name: Name of the INI file in ``PkgLib``.
    """

    version: int
    text: str
    name: str


def _names(folder: Path) -> list[str]:
    with disk_faults(folder):
        return sorted(path.name for path in folder.iterdir())


def _read(path: Path) -> tuple[str, ...] | DlcoreError:
    """The content ids of a package; or why they cannot be read."""
    try:
        return decode_content_ids(read_ini(path), source=str(path))
    except (ManifestError, StorageError) as error:
        return error


def _id_and_version(text: str) -> tuple[str | None, int | None]:
    if version := content_version(text):
        return published_id(text), version
    package, _, number = text.partition(".")
    is_number = number.isascii() and number.isdigit() and 0 < len(number) < 10
    return package_id(package), int(number) if is_number and number[0] != "0" else None
