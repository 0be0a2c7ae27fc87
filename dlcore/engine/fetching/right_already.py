"""Short files that are in their place already: they are hashed, and no server is asked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from dlcore.digests import Digest
from dlcore.disk.ownership import check_not_of_another, check_way
from dlcore.engine.delivery.state_folder import state_folder
from dlcore.engine.delivery.target import place_of_delivery
from dlcore.errors import DlcoreError
from dlcore.store.files import Files, read_fully
from dlcore.store.inventory import is_plain

MAX_SHORT_BYTES: Final = 64 << 10
"""Longer files gain little: they keep their connection busy for longer than a round trip. As many
as may be held at once then take 16 MiB."""


def names_in(folder: Path) -> frozenset[str]:
    """The names in a folder, as the system compares them; none if it cannot be listed."""
    try:
        return frozenset(map(os.path.normcase, os.listdir(folder)))  # noqa: PTH208  # names only
    except OSError:
        return frozenset()


def right_already(path: Path, digest: Digest) -> tuple[Path, int] | None:
    """Where a short file is and its length, if it has its digest and nobody else may alter it.

    None otherwise: then the usual way looks at it, and tells what is wrong.
    """
    try:
        place = place_of_delivery(path.parent) / path.name
        check_way(state_folder(place).absolute())
        status = place.lstat()
        if not is_plain(status) or status.st_size > MAX_SHORT_BYTES:
            return None
        check_not_of_another(place, status)
        files = Files()
        fd = files.open_to_read(place)
        try:
            data = bytearray(status.st_size)
            length_bytes = read_fully(files, fd, memoryview(data), 0)
            is_whole = files.size(fd) == length_bytes == status.st_size
        finally:
            files.close(fd)
    except (DlcoreError, OSError):
        return None
    hashed = digest.hash()
    hashed.update(data)
    return (place, length_bytes) if is_whole and hashed.digest() == digest.value else None
