"""The log: a form that CMTrace reads, a bounded length, and a download that never depends on it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dlcore.cmtrace import Kind
from dlcore.hook.log import HookLog
from tests.no_temporary_folder import take_away_temporary_files

LINE = re.compile(
    r'<!\[LOG\[(?P<text>.*)\]LOG\]!><time="\d\d:\d\d:\d\d\.\d{3}[+-]\d{3}" '
    r'date="\d\d-\d\d-\d{4}" component="dlcore-smsts" context="" type="(?P<type>[123])" '
    r'thread="\d+" file="test_log\.py:\d+">'
)


def test_a_line_is_one_that_cmtrace_reads(tmp_path: Path) -> None:
    log = HookLog(tmp_path / "made", 1 << 20)
    log.write("one\ntwo]LOG]!><x", Kind.ERROR)
    found = LINE.fullmatch((tmp_path / "made" / "dlcore-smsts.log").read_text().rstrip("\n"))
    assert found is not None
    assert found["text"] == "one\\ntwo]LOG] !><x"
    assert found["type"] == "3"


def test_a_log_that_is_too_long_is_rolled_over(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    log = HookLog(folder, 1000)
    for number in range(20):
        log.write(f"line {number}")
    assert {path.name for path in folder.iterdir()} == {"dlcore-smsts.log", "dlcore-smsts.lo_"}
    assert all(path.stat().st_size <= 1000 for path in folder.iterdir())
    assert "line 19" in (folder / "dlcore-smsts.log").read_text()


def test_a_folder_that_cannot_be_used_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    HookLog(tmp_path / "file" / "logs", 1000).write("text")
    assert "text" in (tmp_path / "temporary" / "dlcore-smsts.log").read_text()


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "long" * 1000])
def test_a_folder_that_no_path_can_name_is_replaced(tmp_path: Path, name: str) -> None:
    """Fault: the variable with the folder of the log is damaged. dlcore logs to the folder for
    temporary files, and ends as it should.
    """
    HookLog(tmp_path / name, 1000).write("text")
    assert "text" in (tmp_path / "temporary" / "dlcore-smsts.log").read_text()


def test_no_folder_at_all_costs_the_log_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault D12: neither the log's folder nor a temporary one can be used. dlcore logs nothing."""
    (tmp_path / "file").write_text("")
    take_away_temporary_files(tmp_path / "file" / "gone", monkeypatch)
    HookLog(tmp_path / "file" / "logs", 1000).write("text")
    HookLog(None, 1000).write("text")
    assert (tmp_path / "file").read_text() == ""


@pytest.mark.parametrize(
    "link",
    [
        pytest.param(os.symlink, marks=pytest.mark.wine_cannot(reason="makes no symbolic links")),
        os.link,
    ],
)
def test_a_link_in_the_place_of_the_log_is_not_followed(
    tmp_path: Path, link: Callable[[Path, Path], None]
) -> None:
    (tmp_path / "victim").write_text("of another program")
    try:
        link(tmp_path / "victim", tmp_path / "dlcore-smsts.log")
    except OSError:
        pytest.skip("this user may not make links")
    HookLog(tmp_path, 1000).write("text")
    assert (tmp_path / "victim").read_text() == "of another program"
    assert "text" in (tmp_path / "temporary" / "dlcore-smsts.log").read_text()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
@pytest.mark.parametrize("is_read", [False, True])
def test_a_pipe_in_the_place_of_the_log_is_neither_waited_for_nor_written_to(
    tmp_path: Path, is_read: bool
) -> None:
    """Fault: somebody has put a pipe into the log's folder, where the log would be. dlcore writes
    to the log among the temporary files.
    """
    pipe = tmp_path / "dlcore-smsts.log"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK) if is_read else None
    try:
        HookLog(tmp_path, 1000).write("text")
        if reader is not None:
            assert os.read(reader, 1000) == b""
    finally:
        if reader is not None:
            os.close(reader)
    assert "text" in (tmp_path / "temporary" / "dlcore-smsts.log").read_text()
