"""The package content hash a second time, from its description only: one text, hashed at its end.

It has no code in common with dlcore's, and works on a dictionary of dictionaries.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Union

Tree = Mapping[str, Union["Tree", bytes]]


def told_by(tree: Tree, first: Callable[[str], object] = str.upper) -> str:
    """The hash of a tree whose names are ASCII, or have one 16-bit unit in either case.

    Args:
        tree: Files are bytes, folders are trees.
        first: The folder with the least of these is entered first.
    """
    return hashlib.sha256(_text(tree, "", first).encode("utf-16-le")).hexdigest().upper()


def _text(tree: Tree, way: str, first: Callable[[str], object]) -> str:
    listed = [name for _, name in sorted((name.upper(), name) for name in tree)]
    folders = [name for name in listed if not isinstance(tree[name], bytes)]
    files = [name for name in listed if isinstance(tree[name], bytes)]
    text = "".join((way + name).lower() for name in folders + files)
    for name in files:
        content = tree[name]
        assert isinstance(content, bytes)
        text += hashlib.sha256(content).hexdigest().upper()
    for name in sorted(folders, key=first):  # type: ignore[arg-type]
        inner = tree[name]
        assert not isinstance(inner, bytes)
        text += _text(inner, way + name + "\\", first)
    return text
