"""What a command may set through the file of variables."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dlcore.steps.commands.answer_lines import lines_of
from dlcore.steps.commands.answers import (
    MAX_ANSWER_BYTES,
    MAX_ANSWER_LINES,
    MAX_NAME_CHARACTERS,
    read_answers,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "variables"


def test_names_and_values_are_read(file: Path) -> None:
    file.write_bytes(b"OLD=2\nNew = a=b\x0bc \r\nno value\n=x\nA B=\xff\n")
    unknown = b"\xff".decode("oem") if sys.platform == "win32" else "\ufffd"
    assert read_answers(file) == {"OLD": "2", "New": " a=b\x0bc ", "A B": unknown}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8"])
def test_the_file_may_be_as_windows_powershell_writes_it(file: Path, encoding: str) -> None:
    """Fault: PowerShell sets a variable by `>>`, in UTF-16. dlcore reads it as it was meant."""
    file.write_bytes("Größe=ü 1\r\nB=2\r\n".encode(encoding))
    assert read_answers(file) == {"Größe": "ü 1", "B": "2"}


LINES = st.lists(
    st.tuples(
        st.from_regex(r"[A-Z][a-zöĽ]{0,5}", fullmatch=True),
        st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n\ufeff"), max_size=8),
        st.sampled_from(["utf-8", "utf-8-sig", "utf-16-le", "utf-16"]),
        st.sampled_from(["\n", "\r\n"]),
    ),
    max_size=6,
)


@given(LINES)
@example(
    [
        ("A", "1", "utf-8", "\r\n"),
        ("B", "ü", "utf-16-le", "\r\n"),
        ("C", "\u010a\u0a00", "utf-16", "\n"),
    ]
)
def test_each_line_may_be_in_an_encoding_of_its_own(
    lines: list[tuple[str, str, str, str]],
) -> None:
    """Fault: `echo` and PowerShell's `>>` append to one file. dlcore reads both as they meant."""
    data = b"".join((f"{name}={value}{end}").encode(how) for name, value, how, end in lines)
    assert lines_of(data) == [*(f"{name}={value}" for name, value, _, _ in lines), ""]


def test_a_file_of_the_other_byte_order_is_read() -> None:
    assert lines_of("\ufeffA=1\r\nB=2".encode("utf-16-be")) == ["A=1", "B=2"]


def test_the_last_line_needs_no_end() -> None:
    assert lines_of(b"A=1\r\n" + "B=2".encode("utf-16-le")) == ["A=1", "B=2"]
    assert lines_of(b"") == [""]


def test_a_variable_that_is_documented_as_an_input_may_be_set(file: Path) -> None:
    file.write_text("_OSDMigrateUSMTPackageID=ABC00001\n")
    assert read_answers(file) == {"_OSDMigrateUSMTPackageID": "ABC00001"}


def test_a_file_that_was_removed_sets_nothing(file: Path) -> None:
    assert read_answers(file) == {}


def test_a_file_up_to_the_limits_is_read(file: Path) -> None:
    name = "N" * MAX_NAME_CHARACTERS
    lines = [f"{name}=x", *["A=b"] * (MAX_ANSWER_LINES - 1)]
    file.write_text("".join(f"{line}\n" for line in lines))
    assert read_answers(file) == {name: "x", "A": "b"}
    file.write_bytes(b"A=" + b"x" * (MAX_ANSWER_BYTES - 2))
    assert len(read_answers(file)["A"]) == MAX_ANSWER_BYTES - 2


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"A=" + b"x" * (MAX_ANSWER_BYTES - 1), "is longer than 1048576 bytes"),
        (b"A=b\n" * (MAX_ANSWER_LINES + 1), "has over 10000 lines"),
        (b"_SMSTSMachineName=x\n", "sets '_SMSTSMachineName', which is read-only"),
        (b"N" * (MAX_NAME_CHARACTERS + 1) + b"=x\n", "is not the name of a variable"),
        (b"A%B=x\n", "sets 'A%B', which is not the name of a variable"),
        (b"A\x1bB=x\n", r"sets 'A\\x1bB', which is not the name of a variable"),
    ],
)
def test_what_a_command_may_not_set_is_refused(file: Path, content: bytes, why: str) -> None:
    """Fault: a command writes endless or forbidden variables. dlcore fails the step by name."""
    file.write_bytes(content)
    with pytest.raises(ValueError, match=f"DLCORE_VARIABLES {why}|DLCORE_VARIABLES .*{why}"):
        read_answers(file)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize("kind", ["link", "folder", "fifo", "device"])
def test_only_a_plain_file_is_read(file: Path, tmp_path: Path, kind: str) -> None:
    """Fault: a command puts a link or a FIFO in the place of its file. dlcore fails the step."""
    (tmp_path / "other").write_text("A=b\n")
    match kind:
        case "link":
            file.symlink_to(tmp_path / "other")
        case "folder":
            file.mkdir()
        case "fifo":
            os.mkfifo(file)
        case _:
            file.symlink_to("/dev/zero")
    with pytest.raises(ValueError, match="DLCORE_VARIABLES is not a plain file"):
        read_answers(file)
