"""A command of Windows is told by its console to end, and ends in order."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from dlcore.cli.ending.console_events import CTRL_BREAK_EVENT, CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT

pytestmark = pytest.mark.skipif(sys.platform != "win32", reason="the console of Windows")

CREATE_NO_WINDOW = 0x0800_0000  # `subprocess` has it on Windows only

MAX_END_S = 5.0
"""Windows ends the process then: Microsoft Learn, "HandlerRoutine callback function"."""

COMMAND = """
import asyncio, ctypes, signal, sys, threading, time
from ctypes import wintypes
import click
from dlcore.cli.ending.console_events import handler_of
from dlcore.cli.ending.leaving import Leaving
from dlcore.cli.ending.loop import run_async
from dlcore.cli.ending.termination import Termination

hangs, event = sys.argv[1] == "hangs", int(sys.argv[2])

async def work():
    print("works", flush=True)
    try:
        if hangs:
            time.sleep(60)  # in the main thread, as in a read from a dead share
        await asyncio.sleep(60)
    finally:
        print("cleaned up", flush=True)

def happens():
    # As Windows does it: a thread that Python does not know calls the function.
    kernel = ctypes.WinDLL("kernel32")
    pointer, number = ctypes.c_void_p, wintypes.DWORD
    kernel.CreateThread.argtypes = [pointer, ctypes.c_size_t, pointer, pointer, number, pointer]
    kernel.CreateThread(None, 0, ctypes.cast(called, pointer), event, 0, None)
    if event == 1:
        has_told.wait()
        signal.raise_signal(signal.SIGBREAK)  # as the interpreter's own handler does

leaving = Leaving(as_json=True)
leaving.prepare()
asked = Termination(leaving.leave)
seen = lambda number: asked._seen(number, is_taken=False)
handler = handler_of(asked._console_closes, seen, time.sleep)
has_told = threading.Event()

def told(number):
    try:
        return handler(number)
    finally:
        has_told.set()

called = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)(told)
try:
    with click.Context(click.Command("x"), obj=asked), asked.handled():
        if event >= 0:
            threading.Timer(0.5, happens).start()
        run_async(work())
except BaseException as error:
    sys.exit(leaving.tell(error))
"""
SENDER = """
import os, signal, subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-c", sys.argv[1], "sleeps", "-1"],
    stdout=subprocess.PIPE, text=True, creationflags=subprocess.CREATE_NEW_PROCESS_GROUP,
)
child.stdout.readline()
os.kill(child.pid, signal.CTRL_BREAK_EVENT)
print(child.stdout.read())
sys.exit(child.wait())
"""


def ended(*arguments: object) -> tuple[int, list[str], float]:
    """Run a program of its own: its status, its lines behind the first, and how long they took."""
    with subprocess.Popen(
        [sys.executable, "-c", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "works\n"
        began_s = time.monotonic()
        lines = process.stdout.read().splitlines()
        return process.wait(), lines, time.monotonic() - began_s


@pytest.mark.parametrize("event", [CTRL_BREAK_EVENT, CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT])
def test_a_command_that_its_console_tells_to_end_cleans_up(event: int) -> None:
    """Fault P3: the console is closed, or the user logs off. dlcore ends in order, in time."""
    status, (cleaned, *document), took_s = ended(COMMAND, "sleeps", event)
    assert (status, cleaned) == (143, "cleaned up")
    assert json.loads("".join(document))["error"]["code"] == "terminated"
    assert took_s < MAX_END_S


@pytest.mark.parametrize("event", [CTRL_BREAK_EVENT, CTRL_CLOSE_EVENT])
def test_a_command_that_hangs_ends_as_well(event: int) -> None:
    """Fault P3: the main thread hangs on a dead share as the console closes. dlcore ends."""
    status, document, took_s = ended(COMMAND, "hangs", event)
    assert status == 143
    assert json.loads("".join(document))["error"]["code"] == "terminated"
    assert took_s < MAX_END_S


@pytest.mark.wine_cannot(reason="GenerateConsoleCtrlEvent fails there with ERROR_INVALID_HANDLE")
def test_ctrl_break_that_another_process_sends_ends_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SENDER, COMMAND],
        capture_output=True,
        text=True,
        check=False,
        creationflags=CREATE_NO_WINDOW,  # a console that belongs to nobody else
    )
    assert (done.returncode, done.stdout.split("\n")[0]) == (143, "cleaned up")
