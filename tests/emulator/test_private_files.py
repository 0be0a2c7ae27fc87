from __future__ import annotations

import stat
from pathlib import Path

import pytest

from dlcore.emulator.private_files import registration_token, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_may_read_what_is_written_even_over_an_open_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, b"new")
    assert (path.read_bytes(), mode(path)) == (b"new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.mkdir()
    with pytest.raises(OSError):
        write_private(path, b"new")
    assert list(tmp_path.iterdir()) == [path]


def test_a_registration_token_is_long_private_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = registration_token(path)
    assert len(token) >= 43
    assert mode(path) == 0o600
    assert registration_token(path) == token


def test_a_registration_token_that_others_could_read_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = registration_token(path)
    path.chmod(0o640)
    assert registration_token(path) != token
    assert mode(path) == 0o600


def test_an_empty_registration_token_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "token"
    write_private(path, b"\n")
    assert registration_token(path)
