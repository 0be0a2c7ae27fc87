"""A content library as a distribution point has it, made of a tree."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from dlcore.manifest import FolderDigests, content_hash

PACKAGE_ID = "ABC00012"


def write_library(
    root: Path,
    tree: Mapping[str, bytes | None],
    *,
    versions: tuple[int, ...] = (3,),
    encoding: str = "latin-1",
) -> Path:
    """Write a package in that many versions; all have the same content.

    Args:
        root: The library; may exist.
        tree: Path to content; None is a folder that is empty.
        versions: Of the package.
        encoding: Of the INI files.
    """
    for version in versions:
        write_content(root, f"{PACKAGE_ID}.{version}", tree, encoding=encoding)
    return root


def write_content(
    root: Path,
    content_id: str,
    tree: Mapping[str, bytes | None],
    *,
    package_id: str = "",
    encoding: str = "latin-1",
) -> Path:
    """Write a content, listed as one more of a package.

    Args:
        root: The library; may exist.
        content_id: Of the content; of a package ``ABC00012.3``.
        tree: As of `write_library`.
        package_id: The package that lists it; by default its own.
        encoding: Of the INI files.
    """
    (root / "FileLib").mkdir(parents=True, exist_ok=True)
    place = root / "PkgLib" / f"{package_id or content_id.partition('.')[0]}.INI"
    listed = place.read_bytes().decode(encoding) if place.exists() else "[Packages]\r\n"
    _write(place, f"{listed}{content_id}=\r\n", encoding)
    folder = root / "DataLib" / content_id
    _write(folder.with_name(f"{content_id}.INI"), "[Info]\r\nHash=00\r\n", encoding)
    folder.mkdir()
    for path, data in tree.items():
        if data is None:
            (folder / path).mkdir(parents=True)
        else:
            _write((folder / path).with_name(f"{Path(path).name}.INI"), ini(data), encoding)
            _write_once(file_of(root, data), data)
    return root


def state_hash(root: Path, content_id: str, tree: Mapping[str, bytes | None]) -> None:
    """Write the content hash of a tree where the library states that of a content."""
    files = {path: data for path, data in tree.items() if data is not None}
    told = content_hash(
        FolderDigests(
            {path: hashlib.sha256(data).digest() for path, data in files.items()},
            tuple(tree.keys() - files.keys()),
        )
    )
    _write(root / "DataLib" / f"{content_id}.INI", f"[Info]\r\nHash={told}\r\n", "latin-1")


def ini(data: bytes, *, size: object = None, digest: str = "") -> str:
    """What stands for a file."""
    size = len(data) if size is None else size
    digest = digest or hashlib.sha256(data).hexdigest().upper()
    return (
        f"[File]\r\nTimeModified=132000000000000000\r\nSize={size}\r\n"
        f"Attributes=0x20\r\nHash={digest}\r\n"
    )


def file_of(root: Path, data: bytes) -> Path:
    """Where a file's content is."""
    name = hashlib.sha256(data).hexdigest().upper()
    return root / "FileLib" / name[:4] / name


def _write(path: Path, text: str, encoding: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))


def _write_once(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.with_name(f"{path.name}.INI").write_text(f"[{PACKAGE_ID}.3]\n")
