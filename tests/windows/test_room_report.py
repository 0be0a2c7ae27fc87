"""What the runner makes of the reports and the output of pytest."""

from __future__ import annotations

from pathlib import Path

from tests.windows.__main__ import TESTS, Unit, rooms, units
from tests.windows.room_report import Counts, Part, RoomReport, failures, table

ENGINE = TESTS / "engine"
HUNG = """collecting ... collected 9 items

tests/x/test_y.py::test_a PASSED                      [ 10%]
tests/x/test_y.py::test_b[of spaces] FAILED           [ 20%]
tests/x/test_y.py::test_c ERROR                       [ 30%]
tests/x/test_y.py::test_d SKIPPED (not here)          [ 40%]
tests/x/test_y.py::test_e[of spaces] ++++++++ Timeout +++++++++
  File "threading.py", line 1
"""
REPORT = """<testsuites><testsuite>
<testcase name="f"/><testcase name="g"><failure/></testcase><testcase name="h"><error/></testcase>
<testcase name="i"><skipped message="posix_only: modes"/></testcase>
</testsuite></testsuites>"""


def hung(folder: Path) -> Part:
    (folder / "0.log").write_text(HUNG)
    return Part(folder / "0.xml", folder / "0.log")


def ended(folder: Path) -> Part:
    (folder / "1.xml").write_text(REPORT)
    return Part(folder / "1.xml", folder / "1.log")


def test_a_process_that_was_killed_tells_which_test_it_was_in(tmp_path: Path) -> None:
    """Fault: a test hangs and its process is killed. The runner names it and counts the others."""
    part = hung(tmp_path)
    assert part.last == "tests/x/test_y.py::test_e[of spaces]"
    assert part.counts() == Counts(passed=1, failed=2, errors=1, skipped=1)


def test_a_process_that_died_at_its_start_names_no_test(tmp_path: Path) -> None:
    part = Part(tmp_path / "none.xml", tmp_path / "none.log")
    assert (part.last, part.counts()) == ("", Counts())


def test_a_room_is_the_sum_of_its_processes(tmp_path: Path) -> None:
    report = RoomReport("x", [hung(tmp_path), ended(tmp_path)], 12.4, is_complete=True)
    assert report.counts() == Counts(passed=2, failed=3, errors=2, skipped=2)
    assert "hung, or ended its process: tests/x/test_y.py::test_e" in report.summary("x")
    assert not report.is_good
    assert "| x | 2 | 3 | 2 | 2 | 12 | posix_only: modes (1) |" in table([report])


def test_what_passes_at_a_second_try_has_passed_and_is_named(tmp_path: Path) -> None:
    again = Part(tmp_path / "again.xml", tmp_path / "again.log")
    again.log.write_text(
        "tests/x/test_y.py::test_b[of spaces] PASSED [ 33%]\n"
        "tests/x/test_y.py::test_c FAILED [ 66%]\n"
        "tests/x/test_y.py::test_e[of spaces] PASSED [100%]\n"
    )
    report = RoomReport("x", [hung(tmp_path)], 1.0, is_complete=True)
    assert report.failed() == [
        *("tests/x/test_y.py::test_b[of spaces]", "tests/x/test_y.py::test_c"),
        "tests/x/test_y.py::test_e[of spaces]",
    ]
    report.second_tries.append(again)
    assert report.counts() == Counts(passed=3, failed=0, errors=1, skipped=1)
    assert not report.is_good
    assert "passed at a second try: tests/x/test_y.py::test_b" in report.summary("x")
    assert "\ntests/x/test_y.py::test_e[of spaces]\n" in table([report])


def test_the_table_adds_the_files_of_a_room_and_says_what_was_not_run(tmp_path: Path) -> None:
    reports = [
        RoomReport("x", [ended(tmp_path)], 1.0, is_complete=True),
        RoomReport("x", [], 0.0),
        RoomReport("y", [ended(tmp_path)], 2.0, is_complete=True),
    ]
    shown = table(reports)
    assert "| x (ended early) | 1 | 1 | 1 | 1 | 1 |" in shown
    assert "| **all** | 2 | 2 | 2 | 2 | 3 |" in shown


def test_no_room_is_left_out() -> None:
    names = rooms()
    tested = units(names)
    assert {path.partition("/")[0] for unit in tested for path in unit.paths} == set(names)
    assert tested[0].room == "law"


def test_the_files_of_a_room_that_takes_long_are_shared_out_and_none_is_left_out() -> None:
    shares = units(["engine"])
    files = [path for share in shares for path in share.paths]
    assert sorted(files) == sorted(f"engine/{path.name}" for path in ENGINE.glob("test_*.py"))
    assert len(shares) > 1
    assert len({share.name for share in shares}) == len(shares)


def test_a_file_can_be_named() -> None:
    assert units(["engine/test_turn.py"]) == [
        Unit("engine.test_turn.py", "engine", ("engine/test_turn.py",))
    ]


def test_what_failed_for_good_is_told_with_the_end_of_its_failure(tmp_path: Path) -> None:
    text = "".join(f"line {number}\n" for number in range(40)) + "E  assert 1 == 2"
    first = Part(tmp_path / "2.xml", tmp_path / "2.log")
    first.path.write_text(
        f'<testsuites><testsuite><testcase name="test_a[x]"><failure>{text}</failure></testcase>'
        '<testcase name="test_b"><error>gone</error></testcase></testsuite></testsuites>'
    )
    first.log.write_text("tests/x.py::test_a[x] FAILED [ 50%]\ntests/x.py::test_b ERROR [100%]\n")
    again = Part(tmp_path / "again.xml", tmp_path / "again.log")
    again.log.write_text("tests/x.py::test_b PASSED [100%]\n")
    report = RoomReport("x", [first], 1.0, is_complete=True, second_tries=[again])
    told = failures([report])
    assert "FAILED tests/x.py::test_a[x]\nline 29\n" in told
    assert "E  assert 1 == 2" in told
    assert "test_b" not in told
    assert failures([RoomReport("y", [], 0.0)]) == ""
