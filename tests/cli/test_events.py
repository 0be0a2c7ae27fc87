"""``--events ndjson``: what programs hear of a run and of a fetch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Site
from tests.cli.helpers import Here, dlcore, start


def told(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def run_of(site: Site, tmp_path: Path) -> tuple[object, ...]:
    where = ("--config", site.gateway.config, "--state", tmp_path / "state")
    return ("run", site.sequence, *where, "--simulate", "0")


def test_a_run_tells_its_events_on_standard_output(site: Site, tmp_path: Path) -> None:
    ended = dlcore(*run_of(site, tmp_path), "--events", "ndjson")
    lines = told(ended.out)
    names = [line["event"] for line in lines]
    assert ended.status == 0
    assert (names[0], names[-1]) == ("RunSimulated", "RunEnded")
    assert names.count("StepEnded") == 2
    assert {"RunBegan", "PackageReady", "Progress"} <= set(names)
    assert {line["schema"] for line in lines} == {1}
    assert [line["at_s"] for line in lines] == sorted(line["at_s"] for line in lines)


def test_a_fetch_appends_its_events_to_a_file(site: Site, tmp_path: Path, here: Here) -> None:
    file = tmp_path / "events.ndjson"
    for folder in ("one", "two"):
        ended = here(
            *("fetch", "ABC00002", "--from", site.published, "-o", tmp_path / folder, "--json"),
            *("--events", "ndjson", "--events-file", file),
        )
        assert ended.document["verified"] is True
    names = [line["event"] for line in told(file.read_text("utf-8")) if line["event"] != "Progress"]
    assert names == ["PackageStarted", "PackageReady", "FetchEnded"] * 2


def test_a_fetch_tells_its_events_on_standard_output(
    site: Site, tmp_path: Path, here: Here
) -> None:
    ended = here(
        *("fetch", "ABC00002", "--from", site.published, "-o", tmp_path / "to"),
        *("--events", "ndjson", "-q"),
    )
    assert [line["event"] for line in told(ended.out)][-1] == "FetchEnded"


def test_a_reader_that_goes_away_does_not_end_the_run(site: Site, tmp_path: Path) -> None:
    """Fault P7: the program that reads the events dies. dlcore ends the run as if it had not."""
    state = tmp_path / "state"
    errors = tmp_path / "errors"
    with errors.open("wb") as stderr:
        process = start(*run_of(site, tmp_path), "--events", "ndjson", stderr=stderr)
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(60) == 0
    assert errors.read_text("utf-8").count("warning: --events: standard output is incomplete") == 1
    last = (state / "runs" / "0.ndjson").read_bytes().splitlines()[-1]
    assert json.loads(last)["outcome"] == "succeeded"


@pytest.mark.posix_only(reason="/dev/full")
@pytest.mark.parametrize("options", [(), ("-v",)])
def test_that_events_are_lost_is_told_once(
    options: tuple[str, ...], site: Site, tmp_path: Path, here: Here
) -> None:
    """Fault: the disk with the events is full. dlcore goes on, and warns once."""
    ended = here(
        *("fetch", "ABC00002", "--from", site.published, "-o", tmp_path / "to", *options),
        *("--events", "ndjson", "--events-file", "/dev/full"),
    )
    assert ended.status == 0
    assert ended.err.count("No space left on device") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--events", "ndjson", "--json"), "both write to standard output"),
        (("--events-file", "x"), "--events-file needs --events ndjson"),
        (("--events", "xml"), "'xml' is not 'ndjson'"),
        (("--events", "ndjson", "--events-file", "missing/x"), "missing"),
    ],
)
def test_options_that_cannot_be_followed_are_refused(
    options: tuple[str, ...], message: str, site: Site, tmp_path: Path, here: Here
) -> None:
    ended = here("fetch", "ABC00002", "--from", site.published, "-o", tmp_path / "to", *options)
    assert ended.status == 2
    assert message in ended.err
    assert not (tmp_path / "to").exists()
