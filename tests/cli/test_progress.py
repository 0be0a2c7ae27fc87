"""Progress: plain lines elsewhere, a live bar on a terminal, nothing for those who want quiet."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from dlcore.cli.progress import shown
from dlcore.cli.views import Lines, Nothing, open_view
from dlcore.engine.events import EventBus, RangeFailed
from tests.cli.conftest import Site
from tests.cli.helpers import COMMAND, Here, served


def test_elsewhere_progress_is_plain_lines_on_standard_error(
    here: Here, site: Site, tmp_path: Path
) -> None:
    ended = here("fetch", "ABC00002", "--from", site.published, "-o", tmp_path / "to")
    assert ended.err.splitlines() == ["ABC00002: fetching 6.0 MiB", "ABC00002: ready"]
    assert len(ended.out.splitlines()) == 1


@pytest.mark.parametrize("verbose", [False, True])
async def test_failures_in_a_row_of_one_endpoint_are_told_once_unless_all_is_wanted(
    verbose: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    bus = EventBus()
    async with shown(bus.listen(), Lines(), verbose=verbose):
        for endpoint in ("a", "a", "b", "a"):
            bus.emit(RangeFailed("ABC00002", endpoint, "connect", f"{endpoint}: gone"))
        bus.emit(RangeFailed("ABC00002", "a", "stall", "a: silent"))
        bus.close()
    told = [line.partition(":")[0] for line in capsys.readouterr().err.splitlines()]
    assert told == (["a", "a", "b", "a", "a"] if verbose else ["a", "b", "a", "a"])


@pytest.mark.parametrize("command", ["fetch", "run", "publish", "verify"])
def test_quiet_commands_show_no_progress(
    command: str, here: Here, site: Site, tmp_path: Path
) -> None:
    arguments: dict[str, tuple[object, ...]] = {
        "fetch": ("ABC00002", "--from", site.published, "-o", tmp_path / "to"),
        "run": (
            *(site.sequence, "--config", site.gateway.config),
            *("--state", tmp_path / "state", "--simulate", "0"),
        ),
        "publish": (site.source("ABC00002"), "--package-id", "ABC00002", "--to", tmp_path / "p"),
        "verify": (tmp_path, "--manifest", next((site.published / "manifests").iterdir())),
    }
    ended = here(command, *arguments[command], "--quiet")
    assert ended.err == ""
    assert ended.out


def test_lines_come_every_few_seconds_at_most(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now_s = 100.0
    monkeypatch.setattr("dlcore.cli.views.time.monotonic", lambda: now_s)
    view = Lines()
    for _ in range(20):
        now_s += 1.0
        view.progress("verified", 1 << 20, 1 << 30, 2_097_152.0)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["1.0 MiB of 1.0 GiB verified, 2.0 MiB/s"] * 4


@pytest.mark.posix_only(reason="a console of Windows cannot be read through a pipe")
def test_a_terminal_shows_a_live_bar_and_leaves_the_lines(site: Site, tmp_path: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    with served(site.published, tmp_path / "emulator", "--bandwidth", "6 MB/s") as gateway:
        source = ("--from", f"cmg+{gateway.url}", *gateway.access)
        env = {k: v for k, v in os.environ.items() if k not in {"CI", "NO_COLOR"}}
        with subprocess.Popen(
            [*COMMAND, "fetch", "ABC00002", *source, "-o", str(tmp_path / "to"), "--json"],
            stdout=subprocess.PIPE,
            stderr=theirs,
            env={**env, "TERM": "xterm-256color", "COLUMNS": "100"},
        ) as process:
            os.close(theirs)
            shown = read_all(ours)
            assert process.stdout is not None
            document = process.stdout.read()
    os.close(ours)
    assert b"verified" in shown
    assert b"MiB" in shown
    assert b"\x1b[" in shown
    assert b"ABC00002: ready" in shown
    assert b"\x1b" not in document


def read_all(terminal: int) -> bytes:
    """All that a terminal shows until the other side is closed."""
    shown = b""
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # Linux's end of a terminal
            return shown
        if not data:
            return shown
        shown += data


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("CI", "true")])
def test_a_terminal_that_is_none_gets_lines(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", FakeTerminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, value)
    assert isinstance(open_view(quiet=False), Lines)
    assert isinstance(open_view(quiet=True), Nothing)


class FakeTerminal:
    def isatty(self) -> bool:
        return True
