r"""Paths in the form that Windows opens however long they are.

Windows refuses a path of 260 characters or more, unless it begins with ``\\?\``. Behind that mark
nothing is corrected: the path must be absolute, with backslashes, and without ``..``. So a folder
gets the mark where it enters dlcore, and everything below is joined to it. It loses the mark where
it leaves: many programs, ``cmd.exe`` among them, cannot use such a path, and nobody reads it well.
Behind the mark a device is not one either: a folder ``NUL`` can be made, and no program opens it.

Elsewhere paths stay as they are.

Source: learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file, "Win32 file namespaces";
".../maximum-file-path-limitation".
"""

from __future__ import annotations

import ntpath
import os
import re
import sys
from pathlib import Path, PureWindowsPath

MAX_FILE_PATH = 259  # MAX_PATH without the zero at the end
MAX_FOLDER_PATH = 247  # as many that a name of 8.3 fits behind it

_MARK = "\\\\?\\"
_SHARE_MARK = "\\\\?\\UNC\\"
_DEVICE = "\\\\.\\"
_MARK_OF_DRIVE = re.compile(r"\\\\\?\\(?=[A-Za-z]:)")
_DEVICE_NAME = re.compile(
    r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³]) *(?:\.|$)", re.IGNORECASE
)


def long_path(path: Path) -> Path:
    """The path of a folder or file that dlcore itself opens; on Windows absolute, with the mark."""
    return Path(marked(ntpath.abspath(path))) if sys.platform == "win32" else path


def rooted(path: Path) -> Path:
    """The absolute path of a folder or file of dlcore's own, as `long_path`, and without ``..``.

    A ``..`` leads up from where the links before it lead, as the system has it.
    """
    path = long_path(path.absolute())
    if os.pardir not in path.parts:
        return path
    last = len(path.parts) - path.parts[::-1].index(os.pardir)
    return Path(os.path.realpath(Path(*path.parts[:last])), *path.parts[last:])


def plain_path(path: Path) -> Path:
    """The path as people and other programs use it."""
    return Path(unmarked(str(path))) if sys.platform == "win32" else path


def plain_text(text: str) -> str:
    """A message with its paths as people write them."""
    return unmarked(text) if sys.platform == "win32" else text


def shown(path: Path, *, platform: str = sys.platform) -> str:
    r"""A path as messages show it.

    On Windows no name has a question mark: it is a mistyped URL, whose query may hold a secret.
    """
    text = plain_text(str(path))
    before, query, _ = text.partition("?")
    return f"{before}?***" if query and platform == "win32" else text


def why_no_folder(path: Path) -> str:
    """Why a path cannot be that of a folder on Windows; empty if it can be, and elsewhere."""
    return why_no_folder_on_windows(str(path)) if sys.platform == "win32" else ""


def why_no_folder_on_windows(text: str) -> str:
    """As `why_no_folder`, on any system."""
    path = PureWindowsPath(text)
    if path.drive.startswith(_DEVICE) or is_device_name(path.name):
        return f"{path.name or path.drive} is a device, not a folder"
    if any(":" in name for name in path.parts[bool(path.anchor) :]):  # else a stream of a file
        return "a colon may only follow the letter of a drive"
    return ""


def is_device(path: Path) -> bool:
    r"""Whether Windows takes a path for that of a device, as ``NUL`` or ``\\.\pipe\name``.

    Elsewhere the file system tells, so it is False.
    """
    is_windows = sys.platform == "win32"
    return is_windows and (is_device_name(path.name) or path.drive.startswith(_DEVICE))


def is_device_name(name: str) -> bool:
    """Whether Windows takes a name for that of a device, in whatever folder."""
    return bool(_DEVICE_NAME.match(name))


def marked(path: str) -> str:
    """An absolute path of Windows, with the mark; a device, such as ``NUL``, has its own."""
    if path.startswith((_MARK, _DEVICE)):
        return path
    if path.startswith("\\\\"):
        return _SHARE_MARK + path[2:]
    return _MARK + path


def unmarked(text: str) -> str:
    r"""A path or a message without the mark, wherever it stands.

    The name of a volume, such as ``\\?\Volume{...}``, keeps it: it has no other form.
    """
    return _MARK_OF_DRIVE.sub("", text.replace(_SHARE_MARK, "\\\\"))
