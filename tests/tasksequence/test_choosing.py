"""Of several task sequences one is chosen, by whatever the export tells of them."""

from __future__ import annotations

import re

import pytest

from dlcore.errors import TaskSequenceError
from dlcore.tasksequence import TaskSequence, read
from tests.tasksequence.documents import cim, export_zip, sequence, step, subsequence, zipped


def named(name: str) -> str:
    """A bare sequence of one step, with a name and without an id."""
    return f'<sequence version="3.10" name="{name}">{step(name or "s")}</sequence>'


def take(data: bytes, which: str | None = None) -> TaskSequence:
    return read(data, source="x.zip", which=which)


def refusal(data: bytes, which: str | None = None) -> TaskSequenceError:
    with pytest.raises(TaskSequenceError) as caught:
        take(data, which)
    assert "--sequence" in caught.value.remedy
    return caught.value


WITH_IDS = export_zip({"ABC00001": sequence(step("a")), "ABC00002": sequence(step("b"))})
WITH_NAMES = zipped({"1.xml": named("Upgrade 11"), "2.xml": named("Refresh")})
WITH_NOTHING = zipped({"deploy/ts.xml": named(""), "other/ts.xml": named("")})
SAME_NAMES = zipped({"1.xml": named("Upgrade"), "2.xml": named("Upgrade"), "3.xml": named("Else")})


@pytest.mark.parametrize("which", ["ABC00002", "abc00002", "2"])
def test_by_package_id_or_number(which: str) -> None:
    assert take(WITH_IDS, which).package_id == "ABC00002"


@pytest.mark.parametrize("which", ["Refresh", " refresh ", "2"])
def test_without_package_ids_by_name_or_number(which: str) -> None:
    assert take(WITH_NAMES, which).name == "Refresh"


def test_without_names_by_number() -> None:
    data = zipped({"1.xml": sequence(step(name="first")), "2.xml": sequence(step(name="second"))})
    assert [item.name for item in take(data, "2").steps] == ["second"]


def test_a_name_counts_before_a_number() -> None:
    data = zipped({"1.xml": named("2"), "2.xml": named("1")})
    assert take(data, "2").name == "2"


@pytest.mark.parametrize(
    ("data", "listed", "ways"),
    [
        (WITH_IDS, '1. "Upgrade" ABC00001; 2. "Upgrade" ABC00002', "number or package id"),
        (WITH_NAMES, '1. "Upgrade 11"; 2. "Refresh"', "number or name"),
        (WITH_NOTHING, "1. (no name) deploy/ts.xml; 2. (no name) other/ts.xml", "number"),
    ],
)
def test_what_is_open_is_listed_and_the_remedy_asks_only_for_what_is_there(
    data: bytes, listed: str, ways: str
) -> None:
    """Fault: an export has sequences without ids. dlcore lists them by name and number."""
    error = refusal(data)
    assert (
        error.message
        == f"x.zip: holds several task sequences, and none is run by another: {listed}"
    )
    assert error.remedy.startswith(f"Say which one by its {ways}, as in --sequence 1 ")
    number = re.search(r"--sequence (\d+)", error.remedy)
    assert number is not None
    take(data, number[1])  # what the remedy says works


def test_a_name_that_two_have_leaves_only_their_numbers() -> None:
    error = refusal(SAME_NAMES, "Upgrade")
    assert '2 task sequences have the name \'Upgrade\': 1. "Upgrade"; 2. "Upgrade"' in error.message
    assert "by its number," in error.remedy


@pytest.mark.parametrize("which", ["ABC00009", "Nothing", "3", "0", "-1", ""])
def test_what_is_not_there_is_told_with_what_is(which: str) -> None:
    error = refusal(WITH_NAMES, which)
    assert error.message.startswith(f"x.zip: holds no task sequence {which!r}. It holds: 1. ")


def test_the_numbers_of_parents_are_those_in_the_file() -> None:
    children = {"ABC00001": sequence(step("c")), "ABC00002": sequence(subsequence("ABC00001"))}
    data = export_zip({**children, "ABC00003": sequence(step("other"))})
    error = refusal(data)
    assert '2. "Upgrade" ABC00002; 3. "Upgrade" ABC00003' in error.message
    assert "--sequence 2 " in error.remedy


def test_sequences_that_run_each_other_are_listed_all() -> None:
    texts = {
        "ABC00001": sequence(subsequence("ABC00002")),
        "ABC00002": sequence(subsequence("ABC00001")),
    }
    assert "each is run by another: 1. " in refusal(export_zip(texts)).message


def test_a_single_sequence_is_not_asked_for_by_a_way_that_it_does_not_have() -> None:
    error = refusal(sequence(step("a")).encode(), "Upgrade")
    assert error.remedy == "Leave --sequence (which) out."
    assert take(sequence(step("a")).encode(), "abc00007").package_id == "ABC00007"


def test_a_long_list_and_long_names_are_cut() -> None:
    text = "".join(cim(sequence(step("s")), f"ABC{n:05X}", "n" * 500) for n in range(1, 100))
    message = refusal(f"<CIM>{text}</CIM>".encode()).message
    assert message.endswith("; 79 more")
    assert len(message) < 3000
