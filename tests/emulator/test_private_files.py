from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from dlcore.emulator.private_files import kept_secret, make_private, write_private
from dlcore.errors import OwnershipError
from tests.others import is_private, let_others_read
from tests.users import ADVERSARY, ORDINARY, folder_of, give, needs_root, run_as_ordinary_user


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_may_read_what_is_written_even_over_an_open_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("old")
    let_others_read(path)
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert is_private(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.mkdir()
    with pytest.raises(OSError):
        write_private(path, b"new")
    assert list(tmp_path.iterdir()) == [path]


def test_a_kept_secret_is_long_private_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = kept_secret(path)
    assert len(token) >= 43
    assert is_private(path)
    assert kept_secret(path) == token


def test_a_kept_secret_that_others_could_read_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = kept_secret(path)
    let_others_read(path)
    assert kept_secret(path) != token
    assert is_private(path)


def test_an_empty_kept_secret_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "token"
    write_private(path, b"\n")
    assert kept_secret(path)


@pytest.mark.posix_only(reason="modes are POSIX's")
@pytest.mark.parametrize("umask", [0, 0o077, 0o777], ids=oct)
def test_private_files_are_private_whatever_the_umask(umask: int) -> None:
    """Fault: a umask of 0, or one that forbids the owner. The emulator's files have mode 0600."""

    def work(folder: Path) -> None:
        os.umask(umask)
        make_private(folder / "new")
        assert kept_secret(folder / "new" / "t") == kept_secret(folder / "new" / "t")

    with folder_of(ORDINARY) as folder:
        run_as_ordinary_user(lambda: work(folder))
        assert (mode(folder / "new"), mode(folder / "new" / "t")) == (0o700, 0o600)


@pytest.mark.wine_cannot(reason="makes no symbolic links")
@pytest.mark.parametrize("name", ["key", "token"])
def test_a_link_in_the_place_of_a_private_file_is_not_written_through(
    tmp_path: Path, name: str
) -> None:
    """Fault: a link is planted as the emulator's key or token. The file it leads to is kept."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    state = tmp_path / "state"
    make_private(state)
    (state / name).symlink_to(victim)
    if name == "key":
        write_private(state / name, b"new")
        assert (state / name).read_bytes() == b"new"
    else:
        with pytest.raises(OSError, match="token"):
            kept_secret(state / name)
    assert victim.read_text() == "precious"


@needs_root
def test_a_folder_of_another_user_is_refused() -> None:
    """Fault: another user made the emulator's folder. It is refused, and gets no key."""
    with folder_of(0, mode=0o1777) as shared:
        state = shared / "state"
        state.mkdir(mode=0o777)
        give(state, ADVERSARY)

        def work() -> None:
            for act in (make_private, lambda path: write_private(path / "key", b"new")):
                with pytest.raises(OwnershipError, match=f"owned by user {ADVERSARY}"):
                    act(state)

        run_as_ordinary_user(work)
        assert not list(state.iterdir())
