"""What is private is private from the first moment, and what is not is refused with a remedy."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dlcore.disk.ownership import check_way, how_to_close, is_open_to_others
from dlcore.disk.private_folder import make_folder, make_way, open_file, place_anywhere
from dlcore.disk.rights import rights_of_new_file, rights_of_new_folder
from dlcore.errors import OwnershipError
from tests.others import is_private, let_nobody_else, let_others_change, let_others_read


def make_file(path: Path, flags: int = os.O_RDWR) -> None:
    os.close(open_file(path, place_anywhere(path), flags, create=True))


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder that everyone may read and change."""
    folder = tmp_path / "shared"
    folder.mkdir()
    let_others_change(folder)
    return folder


def test_what_is_made_in_a_shared_folder_is_private(shared: Path) -> None:
    """Fault: others may use what is made in a folder. What dlcore makes there is private."""
    make_folder(place_anywhere(shared / "state"))
    make_file(shared / "file")
    make_file(shared / "other", os.O_WRONLY | os.O_TRUNC)
    make_file(shared / "new", os.O_WRONLY | os.O_EXCL)
    assert all(is_private(path) for path in shared.iterdir())
    assert len(list(shared.iterdir())) == 4


def test_every_missing_folder_is_made_private(tmp_path: Path) -> None:
    make_way(tmp_path / "a" / "b")
    assert is_private(tmp_path / "a")
    assert is_private(tmp_path / "a" / "b")


@pytest.mark.parametrize("let", [let_others_read, let_others_change], ids=["read", "change"])
def test_a_file_that_others_could_use_becomes_private(
    tmp_path: Path, let: Callable[[Path], None]
) -> None:
    (tmp_path / "file").write_bytes(b"kept")
    let(tmp_path / "file")
    assert not is_private(tmp_path / "file")
    make_file(tmp_path / "file")
    assert is_private(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"kept"


def test_a_private_folder_that_others_may_change_is_refused(shared: Path) -> None:
    """Fault: others may write to the state folder. dlcore refuses it and tells the command."""
    with pytest.raises(OwnershipError, match="shared is writable by others") as refused:
        check_way(shared)
    assert str(shared) in refused.value.remedy
    assert ("icacls" if sys.platform == "win32" else "chmod go-w") in refused.value.remedy
    let_others_read(shared)
    check_way(shared)
    let_nobody_else(shared)
    check_way(shared)


def test_a_secret_that_others_may_read_is_noticed(tmp_path: Path) -> None:
    """Fault: others may read a file with a secret. dlcore notices it and tells the command."""
    secret = tmp_path / "secret"
    secret.write_text("canary")
    for let, is_open in ((let_nobody_else, False), (let_others_read, True)):
        let(secret)
        with secret.open("rb") as file:
            assert is_open_to_others(secret, file.fileno()) == is_open
    assert str(secret) in how_to_close(secret)


def test_what_is_asked_about_rights_leaves_nothing_beside_the_target(tmp_path: Path) -> None:
    state = tmp_path / "state"
    make_folder(place_anywhere(state))
    rights_of_new_folder(tmp_path / "target", state)
    rights_of_new_file(tmp_path / "target", state)
    assert list(tmp_path.iterdir()) == [state]
