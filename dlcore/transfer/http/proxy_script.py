"""Which proxy a script names for a host (proxy auto-configuration, PAC).

The script is foreign code. It runs in a process of its own (`pac_process`), for a limited time.

Guarantees: a script is asked once for each scheme and host, and again after `life_s`, or when this
machine has got another address: then it is in another network. It is told scheme and host, never a
path or a query. The first way that it names counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple

from dlcore.transfer.http import pac_process

MAX_SCRIPT_BYTES: Final = 1 << 20
"""Source: Chromium's limit for proxy scripts."""

MAX_RUN_S: Final = 20.0
"""Of one run, the start of the process and the look-ups of names included."""

MAX_ANSWER_BYTES: Final = 64 << 10
DIRECT: Final = "DIRECT"

_LIFE_S: Final = 600.0
_RETRY_S: Final = 30.0
_MAX_DECISIONS: Final = 1000
_PASSED_ON: Final = ("SYSTEMROOT",)  # without it there are no sockets on Windows
_ELSEWHERE: Final = (
    (socket.AF_INET, "192.0.2.1"),  # for documentation. Source: RFC 5737
    (socket.AF_INET6, "2001:db8::1"),  # the same. Source: RFC 3849
)


class ProxyScriptError(Exception):
    """The script cannot be read or run, or names nothing. Its text is ours."""


class Question(NamedTuple):
    """What a script is asked.

    Attributes:
        script: The script's text.
        url: Scheme and host, as in ``https://server.example/``.
        host: The host alone.
    """

    script: str
    url: str
    host: str


Run = Callable[[Question], Awaitable[str]]
"""Runs a script, and tells its first way; raises `ProxyScriptError`."""


class _Decision(NamedTuple):
    way: str
    failure: str
    until_s: float


class ProxyScript:
    """One script.

    Args:
        shown: Its URL, for messages.
        read: Reads it. Raises `ProxyScriptError`.
        run: Runs it; None: in a process.
        addresses: Tells the addresses of this machine; they change with the network.
        now_s: Monotonic seconds.

    Attributes:
        shown: Its URL, for messages.
    """

    def __init__(
        self,
        shown: str,
        read: Callable[[], Awaitable[bytes]],
        run: Run | None = None,
        *,
        addresses: Callable[[], tuple[str, ...]] | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.shown = shown
        self._read = read
        self._run = run or run_in_process
        self._addresses = addresses or own_addresses
        self._now_s = now_s
        self._decisions: dict[tuple[str, str], _Decision] = {}
        self._text = ""
        self._read_again_s = 0.0
        self._network: tuple[str, ...] = ()
        self._asking = asyncio.Lock()

    async def way_to(self, scheme: str, host: str) -> str:
        """The URL of the proxy; empty to connect directly.

        Args:
            scheme: ``http`` or ``https``.
            host: Name or address of the host.

        Raises:
            ProxyScriptError: The script does not tell. It is not asked again for a while.
        """
        self._forget_another_network()
        key = scheme, host
        found = self._decisions.get(key)
        if found is None or found.until_s <= self._now_s():
            async with self._asking:
                found = self._decisions.get(key)
                if found is None or found.until_s <= self._now_s():
                    found = await self._decide(scheme, host)
                    if len(self._decisions) >= _MAX_DECISIONS:
                        self._decisions.clear()
                    self._decisions[key] = found
        if found.failure:
            raise ProxyScriptError(found.failure)
        return "" if found.way == DIRECT else found.way

    async def _decide(self, scheme: str, host: str) -> _Decision:
        try:
            if not self._text or self._read_again_s <= self._now_s():
                self._text = _decoded(await self._read())
                self._read_again_s = self._now_s() + _LIFE_S
            shown = f"[{host}]" if ":" in host else host
            way = await self._run(Question(self._text, f"{scheme}://{shown}/", host))
        except ProxyScriptError as error:
            return _Decision("", str(error), self._now_s() + _RETRY_S)
        return _Decision(way, "", self._now_s() + _LIFE_S)

    def _forget_another_network(self) -> None:
        network = self._addresses()
        if network != self._network:
            self._network = network
            self._decisions.clear()
            self._text = ""


def own_addresses() -> tuple[str, ...]:
    """The addresses with which this machine would reach others. Nothing is sent."""
    found = []
    for family, elsewhere in _ELSEWHERE:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((elsewhere, 9))  # of a datagram socket: it only looks for the way
            found.append(str(probe.getsockname()[0]))
    return tuple(found)


async def run_in_process(question: Question, *, max_run_s: float = MAX_RUN_S) -> str:
    """Run a script in a process of its own.

    Args:
        question: The script, and what it is asked.
        max_run_s: Seconds after which the process is ended. It ends by itself if this process is
            gone by then.

    Raises:
        ProxyScriptError: It takes too long, fails, or names no way.
    """
    asked = json.dumps({**question._asdict(), "max_run_s": max_run_s}).encode()
    environment = {key: text for key, text in os.environ.items() if key.upper() in _PASSED_ON}
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            str(Path(pac_process.__file__)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
    except OSError as error:
        raise ProxyScriptError(f"it cannot be run: {error.strerror}") from None
    try:
        async with asyncio.timeout(max_run_s):
            answer, _ = await process.communicate(asked)
    except TimeoutError:
        raise ProxyScriptError(f"it takes longer than {max_run_s:g} s") from None
    finally:
        await _end(process)
    return _first_way(answer)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill a process that still runs, and wait for it."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _first_way(answer: bytes) -> str:
    try:
        ways = json.loads(answer)
    except ValueError:
        ways = None
    if not isinstance(ways, list) or not ways or not isinstance(ways[0], str):
        raise ProxyScriptError("it fails, or names no proxy that is known")
    return ways[0]


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")  # as browsers do
