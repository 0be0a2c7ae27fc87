"""``dlcore report``: what people are told of a run afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.engine.listeners.lines import encode_line
from tests.cli.conftest import Site
from tests.cli.helpers import Here
from tests.timeline.scene import bad_case, lines_of
from tests.timeline.test_boundary_groups import day


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """A file that --events-file wrote: the run was slow for known reasons."""
    path = tmp_path / "run.ndjson"
    path.write_bytes(b"".join(map(encode_line, lines_of(bad_case()).events)))
    return path


def test_boundary_groups_are_told_with_what_came_from_them(tmp_path: Path, here: Here) -> None:
    path = tmp_path / "moved.ndjson"
    path.write_bytes(b"".join(map(encode_line, lines_of(day()).events)))
    told = here("report", path).out
    assert "no group describes it" in told
    assert "4.0 MiB" in told.partition("at a cost")[2]


def test_a_run_is_reported_as_text_as_a_page_and_as_json(
    site: Site, tmp_path: Path, here: Here
) -> None:
    where = ("--state", tmp_path / "state")
    ran = here("run", site.sequence, "--config", site.gateway.config, *where, "--simulate", "0")
    assert ran.status == 0, ran.err
    told = here("report", *where)
    assert told.status == 0
    assert "succeeded, begun 20" in told.out
    assert "It took " in told.out
    for name in ("Upgrade", "ABC00001", "ABC00002", "emulator"):
        assert name in told.out
    page = tmp_path / "page.html"
    assert here("report", *where, "--html", page).out == f"written: {page}\n"
    assert "ABC00001" in page.read_text("utf-8")
    timeline = here("report", *where, "--json").document["timeline"]
    assert [step["outcome"] for step in timeline["steps"]] == ["succeeded", "succeeded"]
    assert timeline["simulated"] is True


def test_a_file_of_events_is_reported_with_its_reasons(record: Path, here: Here) -> None:
    lines = here("report", record).out.splitlines()
    assert lines[0] == "Upgrade: succeeded, begun 2026-11-29T09:01:40.000Z"
    assert lines[2].startswith('Steps waited 32 s for their content, most of all step 1 "Upgrade"')
    assert lines[3] == "> Publish the content at liar again, or leave it out of the settings."
    assert lines[5] == '- Step 1 "Upgrade" waited 30 s for ABC00001.'
    document = here("report", record, "--json").document
    assert document["reasons"][0]["kind"] == "stall"
    assert document["headline"].startswith("It took 43 s")


def test_a_fetch_is_reported_too(site: Site, tmp_path: Path, here: Here) -> None:
    events = tmp_path / "fetch.ndjson"
    here(
        *("fetch", "ABC00002", "--from", site.published, "-o", tmp_path / "to"),
        *("--events", "ndjson", "--events-file", events),
    )
    told = here("report", events).out
    assert told.startswith("succeeded, begun 20")
    assert "ABC00002  ready" in told


def test_the_runs_that_are_recorded_are_listed(site: Site, tmp_path: Path, here: Here) -> None:
    where = ("--state", tmp_path / "state")
    for _ in range(2):
        here("run", site.sequence, "--config", site.gateway.config, *where, "--simulate", "0", "-q")
    rows = here("report", "--list", *where).out.splitlines()
    assert [row.split()[0] for row in rows] == ["run", "0", "1"]
    listed = here("report", "--list", *where, "--json").document
    assert [each["run"] for each in listed] == [0, 1]
    assert {each["outcome"] for each in listed} == {"succeeded"}
    assert here("report", "1", *where).status == 0


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ((), 4, "no run is recorded there"),
        (("7",), 4, "no run 7 before the latest"),
        (("missing.ndjson",), 4, "there is no such file"),
        (("²",), 4, "there is no such file"),
        (("9" * 9,), 4, "no run 999999999 before the latest"),
        ((Path(__file__),), 3, "no line of it is an event of dlcore"),
    ],
)
def test_what_is_not_there_is_told(
    arguments: tuple[object, ...], status: int, message: str, tmp_path: Path, here: Here
) -> None:
    ended = here("report", *arguments, "--state", tmp_path / "state")
    assert (ended.status, message in ended.err) == (status, True), ended.err
    assert not (tmp_path / "state").exists()


def test_a_page_that_cannot_be_written_is_told(record: Path, tmp_path: Path, here: Here) -> None:
    ended = here("report", record, "--html", tmp_path / "missing" / "page.html")
    assert (ended.status, "--html:" in ended.err) == (9, True), ended.err
