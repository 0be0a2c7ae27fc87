"""A content library as a distribution point has it, made of a tree."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

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
    contents = [f"{PACKAGE_ID}.{version}" for version in versions]
    listed = "".join(f"{content}=\r\n" for content in contents)
    _write(root / "PkgLib" / f"{PACKAGE_ID}.INI", f"[Packages]\r\n{listed}", encoding)
    (root / "FileLib").mkdir(exist_ok=True)
    for content in contents:
        _write(root / "DataLib" / f"{content}.INI", "[Info]\r\nHash=00\r\n", encoding)
        (root / "DataLib" / content).mkdir()
        for path, data in tree.items():
            place = root / "DataLib" / content / path
            if data is None:
                place.mkdir(parents=True)
            else:
                _write(place.with_name(f"{place.name}.INI"), ini(data), encoding)
                _write_once(file_of(root, data), data)
    return root


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
