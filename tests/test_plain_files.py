"""What dlcore reads is a regular file; nothing in the place of one holds it up."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from dlcore.deployment import load_deployment
from dlcore.engine.documents.manifests import load_manifest
from dlcore.errors import ConfigError, DlcoreError, StorageError
from dlcore.plain_files import (
    NotPlainError,
    buffered,
    check_plain,
    is_file_there,
    is_folder_there,
    is_there,
    open_plain,
    read_plain,
)
from dlcore.tasksequence import load
from dlcore.transfer.endpoints.credentials import read_private
from dlcore.transfer.http.tls import _trusting
from tests.pipes import needs_pipes, without_waiting

PACKAGE = Path(__file__).parent.parent / "dlcore"

# What is read otherwise, and why that waits for nobody.
OTHERWISE = {
    "machine/linux.py",  # files of the kernel
    "disk/file_system.py",
    "store/marked_processes.py",
    "steps/commands/posix_tree.py",
    "cli/pages.py",  # files of the installation
    "timeline/page/document.py",
    "cli/standard_output.py",  # what this process has just delivered to a folder of its own
    "emulator/authority.py",  # private files of the emulator, and what it has just written
    "emulator/client_certificates.py",
    "emulator/content_library.py",
    "transfer/endpoints/proxy_script_source.py",  # in a thread that is given up after its time
}


READ = re.compile(r"""\.read_(?:bytes|text)\(|\bopen\(\s*["']r|\bopen\([^()]*,\s*["']r""")


def test_whatever_is_read_is_opened_in_one_place() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if READ.search(path.read_text(encoding="utf-8"))
    }
    assert found - {"plain_files.py"} == OTHERWISE


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    assert read_plain(file) == b"content"
    assert read_plain(str(file), 3) == b"con"
    check_plain(file)
    with buffered(file) as opened:
        assert opened.read(4) == b"cont"
    with pytest.raises(FileNotFoundError):
        read_plain(tmp_path / "nothing")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises((IsADirectoryError, PermissionError)) as told:
        read_plain(tmp_path)
    assert told.value.filename == str(tmp_path)


def test_the_null_device_is_read() -> None:
    assert read_plain(Path(os.devnull)) == b""


@pytest.mark.posix_only(reason="a shell names its pipes by /dev/fd")
def test_a_pipe_that_the_shell_has_opened_is_read_to_its_end() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"secret\n")
    os.close(writer)
    try:
        assert read_plain(f"/dev/fd/{reader}") == b"secret\n"
    finally:
        os.close(reader)


@needs_pipes
@pytest.mark.parametrize("read", [read_plain, buffered, check_plain, open_plain])
def test_a_pipe_in_the_place_of_a_file_is_refused(
    read: Callable[[Path], object], tmp_path: Path
) -> None:
    """Fault: a pipe lies in the place of a file that dlcore reads. dlcore refuses it at once."""
    pipe = tmp_path / "pipe"
    assert isinstance(without_waiting(pipe, partial(read, pipe)), NotPlainError)


@needs_pipes
@pytest.mark.parametrize(
    ("read", "kind"),
    [
        (load_deployment, ConfigError),
        (load_manifest, StorageError),
        (load, StorageError),
        (lambda path: read_private("dp", f"token_file {path}", str(path)), ConfigError),
        (lambda path: _trusting(str(path)), ConfigError),
    ],
    ids=["deployment", "manifest", "sequence", "token", "authorities"],
)
def test_what_a_user_names_is_told_if_it_is_a_pipe(
    read: Callable[[Path], object], kind: type[DlcoreError], tmp_path: Path
) -> None:
    """Fault: a setting names a pipe. dlcore names the path and says that it is not a plain file."""
    pipe = tmp_path / "pipe"
    error = without_waiting(pipe, partial(read, pipe))
    assert isinstance(error, kind)
    assert str(pipe) in error.message
    assert "not a plain file" in error.message


@pytest.mark.parametrize("name", ["x" * 300, "y/" * 3000, "\0"])
def test_what_the_system_does_not_tell_of_is_not_there(name: str, tmp_path: Path) -> None:
    """Fault: a name is too long for the system to look for. dlcore takes it for a file that is not
    there, and goes on to say what keeps it from being opened.
    """
    for look in (is_there, is_file_there, is_folder_there):
        assert not look(tmp_path / name)
    assert is_folder_there(tmp_path)
    assert is_there(tmp_path)
    assert not is_file_there(tmp_path)
