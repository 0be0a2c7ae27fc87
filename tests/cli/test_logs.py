"""The log: where it goes, what its lines look like, and that it holds no secret."""

from __future__ import annotations

import datetime
import json
import logging
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.cli.agent import command as agent
from dlcore.cli.app import COMMANDS
from dlcore.cli.cache import command as cache
from dlcore.cli.logs import LogFormat, formatter, opened
from dlcore.cli.trust import command as trust
from tests.cli.conftest import Site
from tests.cli.helpers import Here
from tests.others import touch_private

CMTRACE = re.compile(
    r'<!\[LOG\[(?P<text>.*)\]LOG\]!><time="(?P<time>\d\d:\d\d:\d\d\.\d{3})(?P<bias>[+-]\d{3})" '
    r'date="(?P<date>\d\d-\d\d-\d{4})" component="(?P<component>[\w.]+)" context="" '
    r'type="(?P<type>[123])" thread="\d+" file="[\w.]+:\d+">'
)
TEXT = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warning|error) dlcore[\w.]*: .+"
)

GROUPS = {"agent": agent.commands, "cache": cache.commands, "trust": trust.commands}
ZONES = ["UTC", "America/Los_Angeles", "Asia/Kolkata"]


# Windows has one time zone for the whole machine.
@pytest.fixture(params=["the machine's"] if sys.platform == "win32" else ZONES)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if sys.platform == "win32":
        yield
        return
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def record(text: str, level: int = logging.INFO) -> logging.LogRecord:
    made = logging.LogRecord("dlcore.events", level, "/x/event_log.py", 7, "%s", (text,), None)
    made.created, made.msecs = 1_795_889_100.25, 250.0
    return made


@pytest.mark.usefixtures("zone")
def test_a_cmtrace_line_tells_the_local_time_and_the_way_to_utc() -> None:
    found = CMTRACE.fullmatch(formatter(LogFormat.CMTRACE).format(record("x")))
    assert found
    local = datetime.datetime.strptime(
        f"{found['date']} {found['time']}", "%m-%d-%Y %H:%M:%S.%f"
    ).replace(tzinfo=datetime.UTC)
    utc = local + datetime.timedelta(minutes=int(found["bias"]))
    assert utc.timestamp() == 1_795_889_100.25


@pytest.mark.parametrize(
    ("level", "kind"),
    [(logging.DEBUG, "1"), (logging.INFO, "1"), (logging.WARNING, "2"), (logging.ERROR, "3")],
)
def test_a_cmtrace_line_tells_its_level(level: int, kind: str) -> None:
    found = CMTRACE.fullmatch(formatter(LogFormat.CMTRACE).format(record("x", level)))
    assert found
    assert found["type"] == kind


@given(text=st.text(), log_format=st.sampled_from(LogFormat))
def test_whatever_a_message_holds_it_is_one_line(text: str, log_format: LogFormat) -> None:
    line = formatter(log_format).format(record(text))
    assert len(line.splitlines()) == 1
    if log_format is LogFormat.JSON:
        assert json.loads(line)["message"] == text
    if log_format is LogFormat.CMTRACE:
        assert line.count("]LOG]!>") == 1


def fetch(here: Here, site: Site, to: Path, *options: object) -> str:
    ended = here("fetch", "ABC00002", "--from", site.published, "-o", to, *options)
    assert ended.status == 0, ended.err
    return ended.err


def test_a_log_file_is_appended_to(here: Here, site: Site, tmp_path: Path) -> None:
    log = tmp_path / "log"
    for number in (1, 2):
        fetch(here, site, tmp_path / str(number), "--log-file", log)
    lines = log.read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if "info dlcore.events: ABC00002: ready" in line]) == 2
    assert all(TEXT.fullmatch(line) for line in lines), lines


@pytest.mark.skipif(sys.platform != "linux", reason="there is no file that is always full")
def test_a_log_file_that_becomes_unwritable_is_told_once_and_the_command_goes_on(
    here: Here, site: Site, tmp_path: Path
) -> None:
    told = fetch(here, site, tmp_path / "to", "--log-file", "/dev/full", "-v")
    assert told.count("warning: --log-file: /dev/full is incomplete: No space left") == 1
    assert "Traceback" not in told


@pytest.mark.parametrize("log_format", LogFormat)
def test_a_log_file_has_the_format_that_is_asked_for(
    log_format: LogFormat, here: Here, site: Site, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    fetch(here, site, tmp_path / "to", "--log-file", log, "--log-format", log_format.value)
    lines = log.read_text(encoding="utf-8").splitlines()
    assert lines
    for line in lines:
        match log_format:
            case LogFormat.TEXT:
                assert TEXT.fullmatch(line)
            case LogFormat.JSON:
                assert set(json.loads(line)) == {"time", "level", "logger", "message"}
            case LogFormat.CMTRACE:
                assert CMTRACE.fullmatch(line)


def test_the_level_of_a_command_ends_with_it() -> None:
    log = logging.getLogger("dlcore.test_logs")
    before = log.isEnabledFor(logging.DEBUG)
    with opened(2, None, LogFormat.TEXT):
        assert log.isEnabledFor(logging.DEBUG)
    assert log.isEnabledFor(logging.DEBUG) == before


def test_debug_is_for_those_who_ask(here: Here, site: Site, tmp_path: Path) -> None:
    def levels(name: str, *options: str) -> set[str]:
        log = tmp_path / f"{name}.log"
        run = ("run", site.sequence, "--config", site.gateway.config, "--simulate", "0")
        ended = here(*run, "--state", tmp_path / name, "--log-file", log, *options)
        assert ended.status == 0, ended.err
        return {line.split()[1] for line in log.read_text(encoding="utf-8").splitlines()}

    assert "debug" not in levels("plain")
    assert "debug" in levels("verbose", "-v")


def test_a_command_without_options_logs_nothing_to_standard_error(
    here: Here, site: Site, tmp_path: Path
) -> None:
    assert not [
        line for line in fetch(here, site, tmp_path / "to").splitlines() if "dlcore" in line
    ]


def test_verbose_tells_on_standard_error_what_the_display_does_not(
    here: Here, site: Site, tmp_path: Path
) -> None:
    fetch(here, site, tmp_path / "to")
    told = fetch(here, site, tmp_path / "to", "-v")
    assert "info dlcore.engine.fetching.fetch_into: ABC00002 is at" in told
    assert "dlcore.events" not in told


def test_how_a_command_ended_badly_is_in_its_log(here: Here, site: Site, tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = ("fetch", "ABC000FF", "--from", site.published, "-o", tmp_path / "to")
    ended = here(*command, "--log-file", log, "-v")
    assert ended.status == 4
    assert "error dlcore.ending: not-found: package ABC000FF" in log.read_text(encoding="utf-8")
    assert ended.err.count("ABC000FF") == 1


def test_a_log_file_that_cannot_be_written_is_refused(
    here: Here, site: Site, tmp_path: Path
) -> None:
    log = tmp_path / "nowhere" / "log"
    command = ("fetch", "ABC00002", "--from", site.published, "-o", tmp_path / "to", "--json")
    ended = here(*command, "--log-file", log)
    assert (ended.status, ended.error["code"]) == (2, "config")
    assert "--log-file" in ended.error["message"]


@pytest.mark.parametrize(
    "command",
    [
        *sorted(COMMANDS.keys() - {"trust", "config", "agent", "cache"}),
        *(f"{group} {name}" for group, names in GROUPS.items() for name in sorted(names)),
        "config show",
    ],
)
def test_every_command_has_the_options_of_the_log(command: str, here: Here) -> None:
    told = here(*command.split(), "--help").out
    assert all(option in told for option in ("--verbose", "--log-file", "--log-format"))


def test_a_log_holds_no_secret(here: Here, site: Site, tmp_path: Path) -> None:
    """Fault K4: a command logs in all detail. dlcore writes no secret to the log."""
    token = tmp_path / "token"
    touch_private(token)
    token.write_text("not-the-token-but-secret")
    log = tmp_path / "log"
    source = ("--from", f"cmg+{site.gateway.url}", "--token-file", token)
    ended = here(
        *("fetch", "ABC00002", *source, *site.gateway.access[2:], "-o", tmp_path / "to"),
        *("--log-file", log, "-vv"),
    )
    assert ended.status == 5
    assert "secret" not in log.read_text(encoding="utf-8") + ended.err


def test_the_version_tells_of_all_parts_if_asked(here: Here) -> None:
    assert here("--version").out.splitlines() == ["dlcore, version 0.1.0"]
    told = here("--version", "-v").out
    assert all(part in told for part in ("Python 3.", "native core", "aiohttp 3.", "msgspec"))
