"""All files of a folder are hashed to their end, and nothing but files and folders is read."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from dlcore.errors import NotFoundError, UnexpectedContentError
from dlcore.store import folder_digests
from dlcore.store.checking import EXTENT_BYTES


def test_files_of_any_length_and_empty_folders(tmp_path: Path) -> None:
    lengths = (0, 1, EXTENT_BYTES - 1, EXTENT_BYTES, EXTENT_BYTES + 1)
    contents = {f"a/{length}": os.urandom(length) for length in lengths}
    (tmp_path / "a" / "empty").mkdir(parents=True)
    for path, data in contents.items():
        (tmp_path / path).write_bytes(data)
    told: list[tuple[int, int]] = []
    found = folder_digests(tmp_path, progress=lambda done, total: told.append((done, total)))
    assert found.files == {path: hashlib.sha256(data).digest() for path, data in contents.items()}
    assert sorted(found.folders) == ["a", "a/empty"]
    assert told[-1] == (sum(lengths), sum(lengths))


@pytest.mark.posix_only(reason="links need a right of their own")
def test_a_link_is_refused_and_not_followed(tmp_path: Path) -> None:
    """Fault: a folder that is compared with a content hash has a link. dlcore refuses it."""
    (tmp_path / "link").symlink_to("/")
    with pytest.raises(UnexpectedContentError, match="link"):
        folder_digests(tmp_path)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        folder_digests(tmp_path / "nowhere")
