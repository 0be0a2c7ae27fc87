"""The command line that a run leaves behind: started, and not waited for."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from dlcore.steps.post_action import DetachedPostAction
from dlcore.tasksequence import Variables


@pytest.mark.posix_only(reason="the line is for a POSIX shell; Windows has a test of its own")
def test_it_runs_with_the_variables_in_its_folder_and_without_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMG_TOKEN", "a secret")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    line = 'echo %Who% "$Who" "$CMG_TOKEN" "$PWD" > pipe'
    DetachedPostAction(["CMG_TOKEN"]).start(line, Variables({"Who": "a;b"}), tmp_path)
    assert pipe.read_text().split() == ["a;b", "a;b", str(tmp_path)]


def test_what_cannot_be_started_is_logged_without_values(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    gone = tmp_path / "gone"
    DetachedPostAction().start("echo %Word%", Variables({"Word": "hidden"}), gone)
    assert "SMSTSPostAction cannot be started: " in caplog.text
    if os.name == "posix":
        assert "cannot be started: No such file or directory" in caplog.text
    assert "hidden" not in caplog.text
