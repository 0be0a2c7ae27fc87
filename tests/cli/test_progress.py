"""Progress: lines elsewhere, live rows on a terminal, nothing for those who want quiet."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from dlcore.cli.live.progress import shown
from dlcore.cli.live.views import Lines, Nothing, open_view
from dlcore.engine.events import PackageFailed, RangeFailed
from dlcore.engine.listeners.bus import EventBus
from tests.cli.conftest import Site
from tests.cli.gateways import served_here
from tests.cli.helpers import COMMAND, Here


def test_elsewhere_progress_is_plain_lines_on_standard_error(
    here: Here, site: Site, tmp_path: Path
) -> None:
    ended = here("fetch", "ABC00002", "--from", site.published, "-o", tmp_path / "to")
    lines = [line.split(" ", 1) for line in ended.err.splitlines()]
    assert [text for _, text in lines] == ["ABC00002: fetching 6.0 MiB", "ABC00002: ready"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", moment) for moment, _ in lines)
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
    told = [line.split()[1].rstrip(":") for line in capsys.readouterr().err.splitlines()]
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
    assert bool(ended.out) == (command != "fetch")


def test_lines_come_every_few_seconds_at_most(capsys: pytest.CaptureFixture[str]) -> None:
    now_s = 100.0
    view = Lines(now=lambda: 1_796_000_000.0, now_s=lambda: now_s)
    for _ in range(20):
        now_s += 1.0
        view.progress("verified", 1 << 20, 1 << 30, 2_097_152.0)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["2026-11-30T00:53:20Z 1.0 MiB of 1.0 GiB verified, 2.0 MiB/s"] * 4


@pytest.mark.posix_only(reason="a console of Windows cannot be read through a pipe")
def test_a_terminal_shows_live_rows_and_leaves_the_lines(site: Site, tmp_path: Path) -> None:
    with served_here(
        site.published, tmp_path / "emulator", bandwidth_bytes_per_s=6_000_000
    ) as gateway:
        source = ("--from", f"cmg+{gateway.url}", *gateway.access)
        shown, document = in_terminal(
            "fetch", "ABC00002", *source, "-o", str(tmp_path / "to"), "--json"
        )
    assert b"verified" in shown
    assert b"MiB" in shown
    assert b"\x1b[" in shown
    assert b"ABC00002: ready" in shown
    assert b"connection" in shown
    assert b"\x1b" not in document


@pytest.mark.posix_only(reason="a console of Windows cannot be read through a pipe")
def test_a_terminal_shows_which_step_waits_for_which_package(site: Site, tmp_path: Path) -> None:
    with served_here(
        site.published, tmp_path / "emulator", bandwidth_bytes_per_s=3_000_000
    ) as gateway:
        where = ("--config", str(gateway.config), "--state", str(tmp_path / "state"))
        shown, _ = in_terminal("run", str(site.sequence), *where, "--simulate", "0", "--json")
    assert b"step 0 Upgrade" in shown
    assert b"waits for ABC00001, 0:0" in shown
    assert b"ABC00001 for step 0" in shown
    assert b"step 1 Drivers: succeeded" in shown


def in_terminal(*arguments: str) -> tuple[bytes, bytes]:
    """Run a command whose standard error is a terminal; what that and standard output get."""
    import pty

    ours, theirs = pty.openpty()
    env = {k: v for k, v in os.environ.items() if k not in {"CI", "NO_COLOR"}}
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**env, "TERM": "xterm-256color", "COLUMNS": "100"},
    ) as process:
        os.close(theirs)
        shown = read_all(ours)
        assert process.stdout is not None
        document = process.stdout.read()
    os.close(ours)
    return shown, document


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


async def test_a_wrong_file_is_told_with_what_it_makes_fail(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Fault: a digest is wrong, and three lines say so. What its package fails with says it."""
    bus = EventBus()
    async with shown(bus.listen(), Lines()):
        for package, endpoint in (("a", "dp"), ("a", "dp"), ("b", "dp")):
            bus.emit(RangeFailed(package, endpoint, "corrupt", f"dp: {package} does not match"))
        bus.emit(PackageFailed("b", "blocks are missing: dp: b does not match"))
        bus.close()
    told = [line.split(" ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    assert told == [
        "dp: a does not match (corrupt)",
        "b: failed: blocks are missing: dp: b does not match",
    ]
