"""The last look at content before it gets its name."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dlcore.disk import system
from dlcore.disk.rights import Rights
from dlcore.errors import UnexpectedContentError
from dlcore.store import handover
from dlcore.store.handover import hand_over
from tests.open_files import open_files, opened_since
from tests.others import is_private, let_nobody_else
from tests.store.helpers import make_package

if sys.platform == "win32":
    from dlcore.disk.windows_security import current_user
    from tests.disk.sddl import encode

PACKAGE = make_package()

if sys.platform == "win32":
    _READABLE = encode(f"O:{current_user()}D:(A;;FA;;;{current_user()})(A;;FR;;;WD)")
    RIGHTS = Rights(_READABLE, _READABLE, _READABLE)
else:
    RIGHTS = Rights(0o751, 0o755, 0o644)


@pytest.fixture
def content(tmp_path: Path) -> Path:
    for name, data in PACKAGE.contents.items():
        path = tmp_path / "content" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o600)
    (tmp_path / "content" / "empty" / "inner").mkdir(parents=True)
    return tmp_path / "content"


def test_everything_becomes_as_open_as_it_is_to_be(content: Path) -> None:
    """Fault: delivered content is private, and others cannot read it. dlcore gives it rights."""
    for path in (content, *content.rglob("*")):
        let_nobody_else(path)
    hand_over(content, PACKAGE.manifest, RIGHTS)
    assert not any(map(is_private, (content, *content.rglob("*"))))


@pytest.mark.posix_only(reason="modes are POSIX's")
def test_everything_gets_its_rights(content: Path) -> None:
    hand_over(content, PACKAGE.manifest, RIGHTS)
    assert stat.S_IMODE(content.stat().st_mode) == 0o751
    for path in content.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644), path


@pytest.mark.skipif(os.name != "posix", reason="rights are POSIX's here")
@pytest.mark.parametrize("max_alone", [0, 1000])
def test_no_right_changes_after_the_last_sync(
    content: Path, monkeypatch: pytest.MonkeyPatch, max_alone: int
) -> None:
    """Fault: the power fails right after a delivery. dlcore has synced each right it set before."""
    changed: set[int] = set()
    synced: set[int] = set()

    def fchmod(fd: int, mode: int) -> None:
        changed.add(os.fstat(fd).st_ino)
        synced.discard(os.fstat(fd).st_ino)

    at_once = 0

    def sync_filesystem(fd: int) -> bool:
        nonlocal at_once
        at_once += 1
        synced.update(changed)
        return True

    monkeypatch.setattr(handover, "MAX_SYNCED_ALONE", max_alone)
    monkeypatch.setattr("dlcore.store.handover.os.fchmod", fchmod)
    monkeypatch.setattr(system, "sync", lambda fd: synced.add(os.fstat(fd).st_ino))
    monkeypatch.setattr(system, "sync_filesystem", sync_filesystem)
    hand_over(content, PACKAGE.manifest, RIGHTS)
    everything = {path.stat().st_ino for path in [content, *content.rglob("*")]}
    assert changed == everything
    assert synced >= changed
    assert at_once == (sys.platform == "linux" and max_alone == 0)


@pytest.mark.parametrize("is_right", [True, False])
def test_no_file_of_it_stays_open(content: Path, is_right: bool) -> None:
    """Fault: a package has more files than a process may open. dlcore closes each one at once."""
    before = open_files()
    if is_right:
        hand_over(content, PACKAGE.manifest, RIGHTS)
    else:
        planted = _planted(content)
        with pytest.raises(UnexpectedContentError, match=planted):
            hand_over(content, PACKAGE.manifest, RIGHTS)
    assert not opened_since(before)


def _planted(content: Path) -> str:
    (content / "b" / "planted.dll").write_bytes(b"planted")
    return "b/planted.dll"


def _planted_folder(content: Path) -> str:
    (content / "planted").mkdir()
    return "planted"


def _missing(content: Path) -> str:
    (content / "long.bin").unlink()
    return "long.bin"


def _longer(content: Path) -> str:
    with (content / "long.bin").open("ab") as file:
        file.write(b"more")
    return "long.bin"


def _linked(content: Path) -> str:
    (content / "long.bin").unlink()
    (content / "long.bin").symlink_to(content / "a" / "exact.bin")
    return "long.bin"


def _second_name(content: Path) -> str:
    os.link(content / "long.bin", content.parent / "second")
    return "long.bin"


NO_LINKS = pytest.mark.wine_cannot(reason="makes no symbolic links")


def _folder_linked(content: Path) -> str:
    (content / "a").rename(content.parent / "a")
    (content / "a").symlink_to(content.parent / "a")
    return "a"


def _pipe(content: Path) -> str:
    (content / "long.bin").unlink()
    os.mkfifo(content / "long.bin")
    return "long.bin"


@pytest.mark.parametrize(
    "alter",
    [
        *(_planted, _planted_folder, _missing, _longer),
        pytest.param(_linked, marks=NO_LINKS),
        _second_name,
        pytest.param(_folder_linked, marks=NO_LINKS),
        pytest.param(_pipe, marks=pytest.mark.posix_only(reason="folders hold no pipes")),
    ],
)
def test_what_was_altered_is_refused_by_name(content: Path, alter: Callable[[Path], str]) -> None:
    """Fault: finished content is altered before its delivery. dlcore refuses it by name."""
    name = alter(content)
    with pytest.raises(UnexpectedContentError) as caught:
        hand_over(content, PACKAGE.manifest, RIGHTS)
    assert caught.value.path == name
    assert name in caught.value.message
