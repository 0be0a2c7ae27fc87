"""What ``dlcore run`` shows of steps that failed, that waited, and that ask for a restart."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dlcore.cli.results.report_tables import show_report
from dlcore.deployment import Download
from dlcore.engine.documents.pinned_documents import CatalogPin
from dlcore.engine.outcomes import RunOutcome, StepOutcome
from dlcore.engine.running.identity import SequenceIdentity
from dlcore.engine.running.report import make_report
from dlcore.engine.running.state import Restart, RunState, StepResult
from dlcore.steps.interface import RestartNotice
from tests.cli.helpers import dlcore
from tests.engine.scene import publish_packages, sequence, step

CONFIG = """
[client]
on_internet = false
[catalog]
path = "published/catalog.json"
[[endpoint]]
name = "folder"
kind = "file"
path = "published"
"""


def shown(
    capsys: pytest.CaptureFixture[str],
    outcome: RunOutcome,
    *results: StepResult,
    restart: Restart | None = None,
) -> str:
    identity = SequenceIdentity("", (), ())
    run = RunState(identity, Download.WHEN_NEEDED, CatalogPin(""), {}, results=list(results))
    run.restart = restart
    show_report(make_report(run, outcome, 0))
    return capsys.readouterr().out


def test_a_failed_step_is_explained_with_the_end_of_its_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    failed = StepResult(
        *(3, "Install", StepOutcome.FAILED),
        message="exit code 1603",
        exit_code=1603,
        explanation="ERROR_INSTALL_FAILURE",
        output="cannot write\nto \x1b[31mC:\\",
    )
    told = shown(capsys, RunOutcome.FAILED, failed)
    assert "step 3 'Install' failed: exit code 1603\n" in told
    assert "  exit code 1603: ERROR_INSTALL_FAILURE\n  | cannot write\n  | to \\x1b[31mC:" in told


def test_what_a_step_waited_for_is_shown_if_it_was_long(
    capsys: pytest.CaptureFixture[str],
) -> None:
    waits_s = {"ABC00001": 12.5, "ABC00002": 0.01}
    told = shown(
        *(capsys, RunOutcome.SUCCEEDED),
        StepResult(0, "Install", StepOutcome.SUCCEEDED, waits_s=waits_s, output="all is well"),
    )
    rows = [line.split() for line in told.splitlines()]
    assert ["0", "Install", "ABC00001", "12.50"] in rows
    assert "ABC00002" not in told
    assert "all is well" not in told, "only of steps that failed"


@pytest.mark.parametrize(
    ("notice", "text"),
    [
        (RestartNotice(), "the machine is to be restarted\n"),
        (RestartNotice(60, "Save\n"), "restarted 60 s after this notice: Save\\n\n"),
    ],
)
def test_a_restart_is_told_with_its_notice(
    capsys: pytest.CaptureFixture[str], notice: RestartNotice, text: str
) -> None:
    restart = Restart("", notice)
    assert text in shown(capsys, RunOutcome.RESTART, restart=restart)
    assert text not in shown(capsys, RunOutcome.SUCCEEDED, restart=restart)


@pytest.mark.skipif(os.name == "nt", reason="the step is a line for a POSIX shell")
def test_a_step_that_fails_shows_what_it_printed(tmp_path: Path) -> None:
    publish_packages(tmp_path, {"ABC00001": {"setup.exe": 5}})
    line = "for n in 1 2 3; do echo line $n; done; exit 5"
    (tmp_path / "sequence.xml").write_bytes(sequence(step("bad", CommandLine=line)))
    (tmp_path / "client.toml").write_text(CONFIG, encoding="utf-8")
    ended = dlcore(
        *("run", tmp_path / "sequence.xml", "--config", tmp_path / "client.toml"),
        *("--state", tmp_path / "state"),
    )
    assert ended.status == 15
    assert "step 0 'bad' failed: exit code 5\n" in ended.out
    assert "  | line 2\n  | line 3\n" in ended.out
