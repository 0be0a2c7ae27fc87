"""ConfigMgr's package content hash: one SHA-256 over the names and digests of a package's content.

Microsoft documents neither the formula nor a value that it gives. It is as observed: for each
folder, beginning with the package's own, the paths of its folders, the paths of its files and the
digests of its files, one after the other without a separator; then the same for each of its
folders. Paths are in lower case, digests in upper case, all of it in UTF-16.

What it proves: the bytes of every file and their order. What it does not prove: where one name ends
and the next one begins, upper and lower case, and that an empty folder is a folder. The two files
``ab`` and ``c`` have the same hash as the files ``a`` and ``bc`` with the same bytes.

The entries of a folder come in the order in which Windows lists it. In which order the folders are
entered is observed as "alphabetical", which leaves names with punctuation open. So both orders that
this may mean are tried. That weakens nothing: each of them is a SHA-256 of everything.

Source: ``Get-CMDirectoryHash`` of Bryan Berns, as published in ``chrichards/Learning-Purposes``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

_SHA256 = re.compile(r"[0-9A-F]{64}", re.ASCII | re.IGNORECASE)

_Order = Callable[[str], bytes]


class FolderDigests(NamedTuple):
    """What the content of a folder is, by digests.

    Attributes:
        files: SHA-256 of each file, by its path; parts are separated by ``/``.
        folders: Paths of folders: at least of those without files.
    """

    files: Mapping[str, bytes]
    folders: tuple[str, ...] = ()


class _Folder:
    """A folder in memory."""

    def __init__(self) -> None:
        self.folders: dict[str, _Folder] = {}
        self.files: dict[str, bytes] = {}


def content_hash(content: FolderDigests) -> str:
    """The package content hash, in upper-case hex.

    Args:
        content: All of the package.
    """
    return _hash(_tree(content), _windows_order)


def has_content_hash(content: FolderDigests, told: str) -> bool:
    """Whether content has a package content hash.

    Args:
        content: All of the package.
        told: The hash that it must have, in hex.
    """
    tree = _tree(content)
    return told.upper() in (_hash(tree, order) for order in (_windows_order, _alphabetical))


def is_content_hash(text: str) -> bool:
    """Whether a text can be a package content hash of the kind that is known: SHA-256, in hex."""
    return bool(_SHA256.fullmatch(text))


def _tree(content: FolderDigests) -> _Folder:
    root = _Folder()
    for path in content.folders:
        _folder_at(root, path.split("/"))
    for path, digest in content.files.items():
        *parents, name = path.split("/")
        _folder_at(root, parents).files[name] = digest
    return root


def _folder_at(root: _Folder, parts: Iterable[str]) -> _Folder:
    for part in parts:
        root = root.folders.setdefault(part, _Folder())
    return root


def _hash(root: _Folder, order_of_folders: _Order) -> str:
    total = hashlib.sha256()
    waiting = [("", root)]
    while waiting:
        inside, folder = waiting.pop()
        folders, files = (sorted(own, key=_windows_order) for own in (folder.folders, folder.files))
        for name in (*folders, *files):
            path = _lower(inside + name)
            total.update(path.encode("utf-16-le", "surrogatepass"))  # a name may have half a pair
        for name in files:
            total.update(folder.files[name].hex().upper().encode("utf-16-le"))
        entered = sorted(folders, key=order_of_folders)
        waiting += [(f"{inside}{name}\\", folder.folders[name]) for name in reversed(entered)]
    return total.hexdigest().upper()


def _windows_order(name: str) -> bytes:
    """Sorts as Windows lists a folder: by 16-bit units, in upper case, so that A comes before _."""
    return _upper(name).encode("utf-16-be", "surrogatepass")


def _alphabetical(name: str) -> bytes:
    """Sorts in lower case, so that _ comes before A."""
    return _lower(name).encode("utf-16-be", "surrogatepass")


def _upper(text: str) -> str:
    if text.isascii():  # else a hundred thousand names take longer than hashing their files
        return text.upper()
    return "".join(_simple(character, character.upper()) for character in text)


def _lower(text: str) -> str:
    if text.isascii():
        return text.lower()
    return "".join(_simple(character, character.lower()) for character in text)


def _simple(character: str, changed: str) -> str:
    """A character in the other case, if Windows changes it too: one 16-bit unit into another."""
    return changed if len(changed) == 1 and max(character, changed) <= "\uffff" else character
