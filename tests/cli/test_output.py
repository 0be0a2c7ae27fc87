"""Output that cannot be written or said, and faults of our own."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dlcore.cli import plan as plan_module
from dlcore.errors import InternalError
from tests.cli.conftest import Site
from tests.cli.helpers import COMMAND, Here, refused, start, wait
from tests.engine.scene import sequence, step

# Output that cannot be written


def test_a_reader_that_has_read_enough_is_no_error(site: Site) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = wait(start("plan", site.sequence, stdout=writing))
    os.close(writing)
    assert (ended.status, ended.err) == (141, "")


def test_progress_that_nobody_reads_does_not_end_a_run(site: Site, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    where = ("--config", site.gateway.config, "--state", tmp_path / "state", "--json")
    process = start("run", site.sequence, *where, "--simulate", "0", stderr=writing)
    ended = wait(process)
    os.close(writing)
    assert (ended.status, ended.document["outcome"]) == (0, "succeeded")


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /dev/full here")
def test_output_to_a_full_disk_is_status_8(site: Site) -> None:
    with Path("/dev/full").open("w") as full:
        ended = wait(start("plan", site.sequence, stdout=full))
    assert ended.status == 8
    assert "error (disk-full): cannot write to standard output" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("command", [(), ("plan",), ("cache",), ("cache", "prune")])
def test_help_ends_as_other_output_does(command: tuple[str, ...]) -> None:
    """Fault: the reader of a command's help is gone, or the disk is full. dlcore ends with the
    status of that, as for any other output.
    """
    reading, pipe = os.pipe()
    os.close(reading)
    statuses = [wait(start(*command, "--help", stdout=pipe)).status]
    os.close(pipe)
    if sys.platform == "linux":
        with Path("/dev/full").open("w") as full:
            statuses.append(wait(start(*command, "--help", stdout=full)).status)
    assert statuses == [141, 8][: len(statuses)]


@pytest.mark.skipif(sys.platform != "linux", reason="the boot has no id here")
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_restart_that_cannot_be_told_is_told_by_the_next_run(
    site: Site, tmp_path: Path, form: tuple[str, ...]
) -> None:
    """Fault P1: the reader of a run's report is gone. A restart stays due, and no step runs."""
    path, config = tmp_path / "sequence.xml", tmp_path / "deployment.toml"
    path.write_bytes(sequence(step("restart", "RebootAction")))
    told = site.gateway.config.read_text(encoding="utf-8")
    config.write_text(told.replace("on_internet = true", "on_internet = false"), encoding="utf-8")
    where = ("--config", config, "--state", tmp_path / "state")
    reading, writing = os.pipe()
    os.close(reading)
    statuses = [wait(start("run", path, *where, *form, stdout=writing)).status]
    os.close(writing)
    statuses += [wait(start("run", path, *where, *form)).status for _ in range(2)]
    assert statuses == [141, 16, 0]


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /dev/full here")
@pytest.mark.parametrize("is_closed", [False, True])
def test_an_error_that_programs_cannot_be_told_keeps_its_status(
    tmp_path: Path, is_closed: bool
) -> None:
    """Fault: an error is to be told as JSON, and its reader is gone. dlcore keeps the status."""
    reading, pipe = os.pipe()
    os.close(reading)
    with os.fdopen(pipe, "w") as closed, Path("/dev/full").open("w") as full:
        output = closed if is_closed else full
        ended = wait(start("plan", tmp_path / "none.xml", "--json", stdout=output))
    assert ended.status == 4
    assert "error (not-found): " in ended.err
    assert "Traceback" not in ended.err
    assert ("warning: programs are not told" in ended.err) is not is_closed


def test_a_process_without_standard_output_works(site: Site) -> None:
    command = subprocess.list2cmdline([*COMMAND, "plan", str(site.sequence), "--json"])
    assert subprocess.run(f"{command} >&- 2>&-", shell=True, check=False).returncode == 0


def test_a_file_for_standard_output_is_refused_where_there_is_none(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(b"content")
    wanted = file.as_uri(), "--sha256", hashlib.sha256(b"content").hexdigest()
    command = subprocess.list2cmdline([*COMMAND, "fetch", *wanted, "-o", "-", "-q"])
    ended = subprocess.run(f"{command} >&-", shell=True, check=False, stderr=subprocess.PIPE)
    assert ended.returncode == 9
    assert b"error (storage): there is no standard output" in ended.stderr


def test_names_that_the_output_cannot_say_are_escaped(site: Site, tmp_path: Path) -> None:
    """Fault: a console has an old code page. dlcore shows what that lacks with backslashes."""
    name = "größe 日本 😀"
    path = tmp_path / "sequence.xml"
    path.write_bytes(sequence(step(name)))
    for encoding, written in {"ascii": "utf-8", "cp437": "cp437", "cp1252": "cp1252"}.items():
        env = {"PYTHONIOENCODING": encoding}  # click writes UTF-8 in place of ASCII
        ended = wait(start("plan", path, "--json", env=env, encoding=written))
        assert ended.document["steps"][0]["name"] == name
        in_words = wait(start("plan", path, env=env, encoding=written))
        assert in_words.status == 0
        assert name.encode(written, "backslashreplace").decode(written) in in_words.out


def test_columns_are_as_wide_as_what_the_output_shows(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "sequence.xml"
    path.write_bytes(sequence(step("größe 日本 😀")))
    told = wait(start("plan", path, env={"PYTHONIOENCODING": "cp437"}, encoding="cp437"))
    heading, row = told.out.splitlines()[:2]
    assert row.index("RunCommandLineAction") == heading.index("type")


HOSTILE = "a\u009b31m\u202eb\u200b\u2066c"


def is_safe(text: str) -> bool:
    return all(c.isprintable() or c == "\n" for c in text)


def test_a_name_cannot_command_the_terminal(here: Here, site: Site, tmp_path: Path) -> None:
    """Fault: a step's name contains control characters. dlcore shows them as escapes."""
    path = tmp_path / "sequence.xml"
    path.write_bytes(sequence(step(HOSTILE + "\n\rd", CommandLine="exit 3", package="%UNKNOWN%")))
    planned = here("plan", path)
    assert planned.out.count(r"a\x9b31m\u202eb\u200b\u2066c\n\rd") == 2
    document = here("plan", path, "--json")
    assert document.document["steps"][0]["name"] == f"{HOSTILE}\n\rd"
    log = tmp_path / "log"
    where = ("--config", site.gateway.config, "--state", tmp_path / "state")
    ran = here("run", path, *where, "-vv", "--log-file", log)
    assert ran.status == 14 or "exit code 3" in ran.err
    assert all(map(is_safe, (planned.out, document.out, ran.out, ran.err, log.read_text())))


def test_a_message_cannot_command_the_terminal(here: Here, site: Site, tmp_path: Path) -> None:
    config = tmp_path / "deployment.toml"
    config.write_text('[catalog]\n"\\u001b[31m\\u202e\\nverified" = 1\n')
    ended = here("plan", site.sequence, "--config", config, "--json")
    assert (ended.status, is_safe(ended.err), is_safe(ended.out)) == (2, True, True)
    assert r"\x1b[31m\u202e\nverified" in ended.err
    assert "\x1b[31m\u202e\nverified" in str(ended.error["message"])


# A fault of ours


SECRET = "https://localhost/?sig=CANARY"


class UnforeseenError(Exception):
    """What nobody expects."""


def broken(*arguments: object, **options: object) -> None:
    """Stands for any function with a fault."""
    raise UnforeseenError(SECRET)


def test_an_unexpected_exception_is_a_fault_of_ours_to_report(
    here: Here, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_module, "load", broken)
    ended = here("plan", site.sequence, "--json")
    fields = refused(ended, 1, InternalError.code)
    assert "this is a fault of dlcore: UnforeseenError" in str(fields["message"])
    assert "report" in str(fields["remedy"])
    assert "CANARY" not in ended.out + ended.err


def test_its_traceback_is_shown_on_request(
    here: Here, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_module, "load", broken)
    monkeypatch.setenv("DLCORE_DEBUG", "1")
    ended = here("plan", site.sequence, "--json")
    assert (ended.status, ended.error["code"]) == (1, "internal")
    assert "Traceback" in ended.err
    assert "in broken" in ended.err
    assert "CANARY" not in ended.err
