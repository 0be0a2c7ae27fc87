"""Network namespaces: made, entered and removed with everything in them.

Their names are fixed, so that a run finds and removes what a killed one left; a lock keeps a second
laboratory from starting meanwhile, which would spoil the figures of both anyway.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from dlcore.disk.lock import FileLock
from dlcore.errors import LockedError

PREFIX = "dlcore-net-"
CLIENT = f"{PREFIX}client"
LOCK = Path("/run/dlcore-netlab.lock")
SETTINGS = (
    "net.ipv6.conf.all.disable_ipv6=1",  # no neighbour discovery among the packets counted
    "net.ipv4.tcp_no_metrics_save=1",  # no run learns from the one before
    "net.ipv4.tcp_rmem=4096 131072 33554432",
    "net.ipv4.tcp_wmem=4096 16384 67108864",  # the sender's buffer is not what bounds it
    "net.ipv4.ip_local_port_range=10000 65000",
)


class LaboratoryError(Exception):
    """The laboratory cannot be set up here; the message says why and what helps."""


def require() -> None:
    """Check that this machine can have a laboratory.

    Raises:
        LaboratoryError: It cannot.
    """
    if sys.platform != "linux":
        raise LaboratoryError("the network laboratory makes namespaces: run it on Linux")
    if os.geteuid() != 0:
        raise LaboratoryError("the network laboratory makes namespaces: run it as root")
    if not Path("/dev/net/tun").exists():
        raise LaboratoryError("/dev/net/tun is missing: load the kernel module tun")
    for tool, package in (("ip", "iproute2"), ("cc", "gcc")):
        if shutil.which(tool) is None:
            raise LaboratoryError(f"{tool} is not installed: apt-get install {package}")


@contextlib.contextmanager
def alone(*, wait: bool = True) -> Iterator[None]:
    """Hold the only laboratory of this machine; what a killed run left is removed first.

    Raises:
        LaboratoryError: Another one is at work, and it was not to be waited for.
    """
    with _lock(wait=wait):
        remove_all()
        try:
            yield
        finally:
            remove_all()


def _lock(*, wait: bool) -> FileLock:
    try:
        return FileLock(LOCK, wait_s=0.0)
    except LockedError:
        if not wait:
            raise LaboratoryError("another laboratory is at work on this machine") from None
    print("another laboratory is at work; waiting for it to end", file=sys.stderr)
    return FileLock(LOCK, wait_s=math.inf)


def make(name: str) -> None:
    """Make a namespace."""
    ip("netns", "add", name)
    ip("-n", name, "link", "set", "lo", "up")
    run([*inside(name), "sysctl", "-q", "-w", *SETTINGS])


def inside(name: str) -> list[str]:
    """What to put before a command so that it runs in the namespace."""
    return ["ip", "netns", "exec", name]


def ip(*words: str) -> str:
    """Run iproute2's ip."""
    return run(["ip", *words])


def run(command: Sequence[str]) -> str:
    """Run a command that must succeed; returns what it printed.

    Raises:
        LaboratoryError: It failed; says how.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LaboratoryError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def remove_all() -> None:
    """End every process in the laboratory's namespaces, and remove them."""
    for name in _existing():
        _end(name)
        ip("netns", "del", name)


def _existing() -> list[str]:
    names = (line.split()[0] for line in ip("netns", "list").splitlines() if line)
    return [name for name in names if name.startswith(PREFIX)]


def _end(name: str) -> None:
    deadline_s = time.monotonic() + 10
    while (pids := ip("netns", "pids", name).split()) and time.monotonic() < deadline_s:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        time.sleep(0.01)
