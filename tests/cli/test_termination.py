"""A request to end a command ends it within 2 s, whatever hangs, and nothing is half-done."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from dlcore.cli.ending.console_events import (
    CTRL_BREAK_EVENT,
    CTRL_C_EVENT,
    CTRL_CLOSE_EVENT,
    CTRL_LOGOFF_EVENT,
    MARGIN_S,
    handler_of,
    registered,
)
from dlcore.cli.ending.leaving import Leaving
from dlcore.cli.ending.loop import run_async
from dlcore.cli.ending.termination import GRACE_S, Terminated, Termination
from tests.cli.conftest import Site
from tests.cli.helpers import Ended, refused, start, tree, wait, wait_until
from tests.cli.test_endings import is_open
from tests.engine.scene import sequence, step
from tests.no_thread import no_thread

MAX_END_S = 2.0
HUGE_BYTES = 64 << 30  # as a hole it costs nothing, and takes long to hash
BOTH = pytest.mark.parametrize(
    ("number", "status", "code"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "terminated"),
        (getattr(signal, "SIGHUP", signal.SIGTERM), 143, "terminated"),
    ],
)
SIGNALS = pytest.mark.posix_only(reason="a signal that is sent to a process ends it on Windows")
STUBBORN = """
import os, signal, time
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
print("pid", os.getpid(), flush=True)
time.sleep(60)
"""
SCRIPT = """
import asyncio, contextlib, signal, sys, threading, time
import click
from dlcore.cli.ending.leaving import Leaving
from dlcore.cli.ending.loop import run_async
from dlcore.cli.ending.termination import Termination
from dlcore.waiting import in_thread

def in_a_thread():
    async def work():
        print("hangs", flush=True)
        await in_thread(threading.Event().wait)
    run_async(work())

def in_the_main_thread():
    # As in a read from a dead share: the main thread does not look at its signals.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
    says = ["hangs"]
    while True:
        with contextlib.suppress(BaseException):
            while says:
                print(says.pop(), flush=True)
            threading.Event().wait()

def at_a_second_request():
    try:
        print("hangs", flush=True)
        time.sleep(60)
    finally:
        print("cleans up", flush=True)
        time.sleep(60)

leaving = Leaving(as_json=True)
leaving.prepare()
termination = Termination(leaving.leave, grace_s=float(sys.argv[2]))
with click.Context(click.Command("x"), obj=termination), termination.handled():
    globals()[sys.argv[1]]()
"""


@pytest.fixture
def silent_server() -> Iterator[int]:
    """The port of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def ended(process: subprocess.Popen[str], number: signal.Signals) -> Ended:
    """Send a signal, and wait for the end: a process that hangs fails the test in a minute."""
    process.send_signal(number)
    return wait(process)


def wait_for_line(process: subprocess.Popen[str], text: str) -> None:
    assert process.stderr is not None
    while text not in (line := process.stderr.readline()):
        assert line, wait(process)


@BOTH
@SIGNALS
def test_a_fetch_from_a_server_that_never_answers(
    number: signal.Signals, status: int, code: str, silent_server: int, tmp_path: Path
) -> None:
    """Fault P3: a server never answers, and the user gives up. dlcore ends within 2 s."""
    url = f"http://127.0.0.1:{silent_server}/x"
    process = start(
        *("fetch", url, "--sha256", "0" * 64, "-o", tmp_path / "to", "--json", "-vv"),
    )
    wait_for_line(process, "is sent")
    refused(ended(process, number), status, code)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells when it hashes")
@BOTH
@SIGNALS
def test_a_verification_of_a_huge_file(
    number: signal.Signals, status: int, code: str, tmp_path: Path
) -> None:
    """Fault P3: a verification is terminated while it hashes. dlcore ends within 2 s."""
    folder = tmp_path / "folder"
    folder.mkdir()
    with (folder / "huge").open("wb") as file:
        file.truncate(HUGE_BYTES)
    (tmp_path / "x.meta4").write_text(
        '<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="huge">'
        f'<size>{HUGE_BYTES}</size><hash type="sha-256">{"0" * 64}</hash></file></metalink>'
    )
    process = start("verify", folder, "--manifest", tmp_path / "x.meta4", "--json")
    opened = Path(f"/proc/{process.pid}/fd")
    wait_until(lambda: is_open(opened, folder / "huge"), process)
    refused(ended(process, number), status, code)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells when it hashes")
@SIGNALS
def test_a_publication_that_is_terminated_leaves_the_destination_as_it_was(
    site: Site, tmp_path: Path
) -> None:
    """Fault P3: a publication is terminated while it hashes. dlcore leaves no trace of it."""
    source = tmp_path / "source"
    source.mkdir()
    with (source / "huge").open("wb") as file:
        file.truncate(HUGE_BYTES)
    process = start(
        *("publish", source, "--package-id", "ABC00001", "--to", tmp_path / "to", "--json")
    )
    opened = Path(f"/proc/{process.pid}/fd")
    wait_until(lambda: is_open(opened, source / "huge"), process)
    refused(ended(process, signal.SIGTERM), 143, "terminated")
    assert not [path for path in tree(tmp_path / "to") if "catalog" in path or "object" in path]


@BOTH
@SIGNALS
def test_a_run_whose_step_ignores_signals(
    number: signal.Signals, status: int, code: str, site: Site, tmp_path: Path
) -> None:
    """Fault P3: a step ignores every signal. dlcore kills it and ends within 2 s."""
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    stubborn = f"exec {sys.executable} {tmp_path / 'stubborn.py'}"
    (tmp_path / "sequence.xml").write_bytes(sequence(step("Stubborn", CommandLine=stubborn)))
    (tmp_path / "intranet.toml").write_text(
        f"[client]\non_internet = false\n[catalog]\npath = '{site.published}/catalog.json'\n"
        f"[[endpoint]]\nname = 'disk'\nkind = 'file'\npath = '{site.published}'\n"
    )
    process = start(
        *("run", tmp_path / "sequence.xml", "--config", tmp_path / "intranet.toml"),
        *("--state", tmp_path / "state", "--json"),
    )
    assert process.stderr is not None
    while not (line := process.stderr.readline()).startswith("pid "):
        assert line, wait(process)
    refused(ended(process, number), status, code)
    with pytest.raises(ProcessLookupError):
        os.kill(int(line.split()[1]), 0)


@SIGNALS
def test_a_gateway_that_serves_ends_well(site: Site, tmp_path: Path) -> None:
    process = start("serve", site.published, "--state", tmp_path / "state", "--json")
    assert process.stdout is not None
    assert process.stdout.readline()
    assert ended(process, signal.SIGTERM) == Ended(0, "", "")


# What hangs


def script(where: str, grace_s: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, where, str(grace_s)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "hangs\n"
    return process


@pytest.mark.parametrize("where", ["in_a_thread", "in_the_main_thread"])
@BOTH
@SIGNALS
def test_a_thread_that_hangs_for_ever(
    where: str, number: signal.Signals, status: int, code: str
) -> None:
    """Fault P3: a thread hangs on a dead file share. dlcore leaves it and ends within 2 s."""
    if where == "in_the_main_thread" and not hasattr(signal, "sigtimedwait"):
        pytest.skip("only Linux has sigtimedwait")
    refused(ended(script(where, 0.2), number), status, code)


@BOTH
@SIGNALS
def test_a_second_request_ends_it_at_once(number: signal.Signals, status: int, code: str) -> None:
    """Fault P3: cleaning up hangs, and the user is impatient. dlcore ends at the second request."""
    process = script("at_a_second_request", 60.0)
    process.send_signal(number)
    assert process.stdout is not None
    assert process.stdout.readline() == "cleans up\n"
    refused(ended(process, number), status, code)


@SIGNALS
def test_a_signal_that_the_process_was_told_to_ignore_is_ignored() -> None:
    ignored = (
        "import os, signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from dlcore.cli.ending.termination import Termination\n"
        "with Termination(lambda cause: os._exit(9)).handled():\n"
        "    signal.raise_signal(signal.SIGHUP)\n"
    )
    assert subprocess.run([sys.executable, "-c", ignored], check=False).returncode == 0


def test_the_end_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    left: list[int] = []
    leaving = Leaving(as_json=True, leave=left.append)
    assert leaving.tell(Terminated()) == 143
    leaving.leave(Terminated())
    assert left == [143]
    out, err = capsys.readouterr()
    assert json.loads(out)["error"]["code"] == "terminated"
    assert err.count("terminated") == 2  # the code and the message, once each


def test_all_of_it_fits_in_two_seconds() -> None:
    from dlcore.cli.ending import leaving, termination

    assert 2 * termination._LOOK_EVERY_S + GRACE_S + leaving.TELL_S < MAX_END_S


# The console of Windows


@pytest.mark.parametrize("event", [CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT])
def test_closing_the_console_is_a_request_that_the_system_waits_for(event: int) -> None:
    """Fault P3: the user closes the console. dlcore ends in order while Windows waits."""
    waited_s: list[float] = []
    handle = handler_of(lambda: 1.0, lambda number: None, waited_s.append)
    assert handle(event)
    assert waited_s == [1.0 + MARGIN_S]


def test_a_log_off_does_not_end_a_service() -> None:
    """Fault: any user logs off, and Windows tells each service. A service goes on."""
    waited_s: list[float] = []
    ends = frozenset({CTRL_CLOSE_EVENT})
    handle = handler_of(lambda: 1.0, lambda number: None, waited_s.append, ends)
    assert not handle(CTRL_LOGOFF_EVENT)
    assert not waited_s
    assert handle(CTRL_CLOSE_EVENT)
    assert waited_s == [1.0 + MARGIN_S]


@pytest.mark.parametrize("event", [CTRL_C_EVENT, CTRL_BREAK_EVENT])
def test_a_key_of_the_console_is_told_and_left_to_be_a_signal(event: int) -> None:
    """Fault P3: Ctrl+C while the main thread hangs on a dead share. dlcore learns of it at once."""
    told: list[int] = []
    handle = handler_of(lambda: 1.0, told.append, lambda wait_s: None)
    assert not handle(event)
    is_break = event == CTRL_BREAK_EVENT and sys.platform == "win32"
    assert told == [signal.Signals["SIGBREAK"] if is_break else signal.SIGINT]


def test_the_handler_is_registered_only_while_a_command_runs() -> None:
    calls: list[tuple[object, bool]] = []

    class Kernel:
        def SetConsoleCtrlHandler(self, handler: object, add: bool) -> None:  # noqa: N802
            calls.append((handler, add))

    with contextlib.suppress(KeyError), registered(Kernel(), "handler"):
        assert calls == [("handler", True)]
        raise KeyError
    assert calls[1:] == [("handler", False)]


# Inside one process


def lookout_sees(termination: Termination) -> None:
    termination._seen(signal.SIGTERM, is_taken=False)
    signal.raise_signal(signal.SIGTERM)


def console_closes(termination: Termination) -> None:
    assert termination._console_closes() == 60.0
    time.sleep(0)  # the interpreter looks at its signals


@pytest.mark.parametrize("notice", [lookout_sees, console_closes])
def test_who_sees_a_request_first_leaves_the_end_to_the_main_thread(
    notice: Callable[[Termination], None],
) -> None:
    left: list[BaseException] = []
    termination = Termination(left.append, grace_s=60.0)
    with termination.handled(), pytest.raises(Terminated):
        notice(termination)
    assert not left


@SIGNALS
def test_a_loop_that_sleeps_is_woken_and_its_work_cleans_up() -> None:
    left: list[BaseException] = []
    cleaned: list[str] = []
    termination = Termination(left.append, grace_s=60.0)

    async def work() -> None:
        # The loop has fallen asleep by then; if not, the test is only weaker.
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
        try:
            await asyncio.sleep(3600)
        finally:
            cleaned.append("cleaned")

    with (
        click.Context(click.Command("x"), obj=termination),
        termination.handled(),
        pytest.raises(Terminated),
    ):
        run_async(work())
    assert cleaned == ["cleaned"]
    assert isinstance(termination.cause, Terminated)
    assert not left


@SIGNALS
def test_where_signals_cannot_be_waited_for_the_wake_up_socket_tells_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(signal, "sigtimedwait", raising=False)
    seen = threading.Event()
    left: list[BaseException] = []
    termination = Termination(left.append, grace_s=60.0)
    see = termination._seen

    def note(number: int, *, is_taken: bool) -> None:
        see(number, is_taken=is_taken)
        seen.set()

    monkeypatch.setattr(termination, "_seen", note)
    before = signal.set_wakeup_fd(-1)
    with termination.handled(), pytest.raises(Terminated):
        signal.raise_signal(signal.SIGTERM)
    assert seen.wait(10.0)
    assert signal.set_wakeup_fd(before) == before
    assert not left


def test_a_process_ends_though_an_import_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault: a share with dlcore on it is dead as a command begins. dlcore ends nevertheless."""
    left: list[int] = []
    never = threading.Event()
    monkeypatch.setattr(Leaving, "tell", lambda *_: never.wait())  # as an import from there
    leaving = Leaving(as_json=True, leave=left.append)
    leaving.leave(Terminated())
    leaving.leave(KeyboardInterrupt())
    never.set()
    assert left == [143, 130]


def test_a_process_ends_at_once_if_there_is_no_thread_that_could_end_it_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fault: the system gives no thread as a command is to end. dlcore ends it, at once."""
    left: list[int] = []
    termination = Termination(Leaving(as_json=False, leave=left.append).leave, grace_s=60.0)
    with termination.handled(), no_thread(monkeypatch), pytest.raises(Terminated):
        signal.raise_signal(signal.SIGTERM)
    assert left == [143]


def test_a_command_can_say_why_it_ends_before_it_is_imported() -> None:
    program = (
        "import sys\nfrom dlcore.cli import app, main\n"
        "def imported(name):\n"
        " print('dlcore.cli.ending.endings' in sys.modules, 'msgspec' in sys.modules)\n"
        " raise SystemExit\napp.importlib.import_module = imported\nmain(['list', '.'])"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert told.stdout == "True True\n"
