"""What a run came to, if the command is interrupted while it ends."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from pathlib import Path

import pytest

from dlcore.cli.live.views import Nothing
from dlcore.cli.live.watching import Watching
from dlcore.cli.run import _run, tell_outcome
from dlcore.deployment import Download, load_deployment
from dlcore.engine.client import Client
from dlcore.engine.documents.pinned_documents import CatalogPin
from dlcore.engine.outcomes import RunOutcome
from dlcore.engine.running.identity import SequenceIdentity
from dlcore.engine.running.report import Report, make_report
from dlcore.engine.running.run import run_sequence
from dlcore.engine.running.state import RunState
from dlcore.errors import InternalError
from dlcore.steps.registry import standard_executors
from dlcore.tasksequence import load
from tests.cli.conftest import Site
from tests.engine.scene import sequence, step


def test_an_interruption_behind_the_report_does_not_hide_a_restart(
    site: Site, tmp_path: Path
) -> None:
    """Fault P1: a run is terminated after its report. Its status asks for the restart as well."""
    path, config = tmp_path / "sequence.xml", tmp_path / "deployment.toml"
    path.write_bytes(sequence(step("restart", "RebootAction")))
    told = site.gateway.config.read_text(encoding="utf-8")
    config.write_text(told.replace("on_internet = true", "on_internet = false"), encoding="utf-8")

    async def main() -> Report:
        task = asyncio.current_task()
        assert task

        def tell(_: Report) -> None:
            asyncio.get_running_loop().call_soon(task.cancel)

        client = Client(load_deployment(config), tmp_path / "state")
        run = partial(run_sequence, client, load(path), standard_executors())
        return await _run(
            client,
            run,
            Nothing(),
            None,
            tell,
            Watching(),
            lambda _: None,
            lambda _: contextlib.nullcontext(),
        )

    assert asyncio.run(main()).outcome == "restart"


def test_a_run_that_has_not_ended_is_no_success() -> None:
    """Fault: a run is left before its end, and raises nothing. dlcore never ends with 0 then."""
    run = RunState(SequenceIdentity("", (), ()), Download.WHEN_NEEDED, CatalogPin(""), {})
    assert tell_outcome(make_report(run, RunOutcome.SUCCEEDED, 0)) == 0
    with pytest.raises(InternalError):
        tell_outcome(make_report(run, None, 0))
