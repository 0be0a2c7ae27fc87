"""The judges of habits are not deceived, and dlcore does what it is said to do."""

from __future__ import annotations

from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from bench.habits.__main__ import OF_TWO, THIRTY, report
from bench.habits.habit import Finding, Habit, tried
from bench.rivals.bucket import NAME, private_bucket
from bench.rivals.supplies import HABIT_SIZES, Supplies
from bench.rivals.tools import RIVALS

pytestmark = pytest.mark.posix_only(reason="commands are run by the shell of POSIX")
HABITS = (*THIRTY, *OF_TWO)
SMALL = {"tool.zip": 90_001, "other.zip": 30_001, "notes.txt": 4321, "large.img": 400_001}
LIES = {
    "nothing": "true",
    "nothing, and says so": "false",
    "wrong files": "mkdir -p $OUT/new/folder;"
    " for name in tool.zip other.zip large.img mine.zip new/folder/tool.zip;"
    " do head -c 5000 /dev/zero > $OUT/$name; done; echo '{\"size\": 1}'; date > $WORK/log",
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Supplies:
    return Supplies(tmp_path_factory.mktemp("small"), SMALL)


@pytest.fixture(scope="module")
def supplies(tmp_path_factory: pytest.TempPathFactory) -> Supplies:
    return Supplies(tmp_path_factory.mktemp("supplies"), HABIT_SIZES)


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
@pytest.mark.parametrize("habit", HABITS, ids=lambda habit: habit.name)
def test_a_program_that_does_nothing_or_something_wrong_does_not_have_the_habit(
    habit: Habit, lie: str, small: Supplies, tmp_path: Path
) -> None:
    finding = tried(
        habit._replace(lines={"liar": lie}, with_bucket=False), "liar", small, tmp_path / "place"
    )
    assert finding.wrong
    assert finding.word == "no"
    assert not (tmp_path / "place").exists()


@pytest.mark.parametrize(
    "name",
    [
        "The name that the server states (Content-Disposition)",
        "With the time that the file has at the server",
        "A dry run: it writes nothing, and fails if the file is not at the server",
        "Several connections for one file",
        "A limited rate",
        "503 with Retry-After: asked again",
        "A time limit for a server that stalls: an error, and no hang",
        "A digest: right with the file's, refused with another",
        "A result for programs (JSON or CSV)",
        "Progress on a terminal",
        "Completion in the shell",
        "Several mirrors, of which one has lost the file",
        "Digests of several files from a list",
        "A redirect to a mirror that breaks down; headers name a Metalink and others",
        "Another program asks how far it is",
    ],
)
def test_the_right_bytes_alone_do_not_make_the_habit(
    name: str, supplies: Supplies, tmp_path: Path
) -> None:
    (habit,) = [habit for habit in HABITS if habit.name == name]
    line = "for name in large.img other.zip tool.zip; do cat $SOURCE/$name > $OUT/$name; done"
    if name.startswith("The name"):
        line = "cat $SOURCE/tool.zip > $OUT/download"
    finding = tried(habit._replace(lines={"liar": line}), "liar", supplies, tmp_path / "place")
    assert finding.word == "no"


def test_a_private_bucket_is_for_who_signs() -> None:
    pytest.importorskip("moto")
    with private_bucket({"a": b"content"}) as url, pytest.raises(HTTPError) as refused:
        urlopen(f"{url}/{NAME}/a")
    refused.value.close()
    assert refused.value.code == 403


@pytest.mark.parametrize(
    "habit",
    [habit for habit in HABITS if not habit.is_slow],
    ids=lambda habit: habit.name,
)
def test_dlcore_has_the_habit(habit: Habit, supplies: Supplies, tmp_path: Path) -> None:
    if habit.with_bucket:
        pytest.importorskip("moto")
    assert tried(habit, "dlcore", supplies, tmp_path / "place").wrong == ""


def test_there_are_thirty_that_three_have_and_each_has_a_name_and_a_line_of_dlcore() -> None:
    assert len(THIRTY) == 30
    assert len({habit.name for habit in HABITS}) == len(HABITS)
    rivals = [rival.name for rival in RIVALS if rival.name != "dlcore"]
    for habit in THIRTY:
        assert sum(name in habit.lines for name in rivals) >= 3, habit.name
    for habit in OF_TWO:
        assert sum(name in habit.lines for name in rivals) >= 2, habit.name
    assert all("dlcore" in habit.lines for habit in HABITS)


def test_the_table_says_no_where_something_was_wrong_and_where_there_is_no_way() -> None:
    rivals = [rival._replace(program="sh") for rival in RIVALS[:2]]
    row = (THIRTY[0], [Finding("dlcore fetch"), Finding("curl", "tool.zip is not there")])
    other = (OF_TWO[0], [Finding("dlcore fetch"), Finding()])
    text = report(rivals, [row], [other])
    assert "| 1 | Several URLs in one call | yes | no |" in text
    assert "| | yes, of 1 | 1 | 0 |" in text
    assert "\ncurl  # no: tool.zip is not there" in text
    assert "\n# curl: no way" in text
