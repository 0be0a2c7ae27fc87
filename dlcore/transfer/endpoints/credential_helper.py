"""Asks a credential helper, as Git has them, for the login at a server.

The helper is started with the argument ``get``. It reads what is asked for, and answers, as lines
``key=value``. dlcore never asks it to store or to erase anything.

Guarantees: no shell is involved. The helper gets no variable of the environment but those that let
it find itself, its settings and the user's key store: none holds a credential of dlcore's. Nothing
that it is told can pass for a further line, whatever the helper takes for the end of one. It has a
limited time, after which it and what it started is killed. What it writes to standard error is
dropped: it may hold secrets. Nothing that it answers is part of a message.

Source: the manual pages gitcredentials(7), "Custom helpers", and git-credential(1), "Input/output
format".
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from dlcore.errors import ConfigError
from dlcore.transfer.endpoints.lease import NEVER_S

MAX_HELPER_S: Final = 60.0  # a person may have to answer its question
MIN_LIFE_S: Final = 60.0  # a clock that is ahead takes each login for expired when it is told
MAX_END_S: Final = 2.0
MAX_ANSWER_BYTES: Final = 64 << 10
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_PASSED_ON: Final = frozenset(
    """
    PATH HOME USER LOGNAME LANG LC_ALL TMPDIR TERM DISPLAY
    WAYLAND_DISPLAY DBUS_SESSION_BUS_ADDRESS XDG_RUNTIME_DIR XDG_CONFIG_HOME
    XDG_CACHE_HOME XDG_DATA_HOME SSH_AUTH_SOCK GNUPGHOME
    SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT TEMP TMP USERNAME
    USERPROFILE USERDOMAIN HOMEDRIVE HOMEPATH APPDATA LOCALAPPDATA
    PROGRAMDATA PROGRAMFILES PROGRAMFILES(X86) COMMONPROGRAMFILES
    """.split()  # noqa: SIM905  # plainer than a name a line
)


class HelperAnswer(NamedTuple):
    """What a helper tells.

    Attributes:
        user: Who logs in; empty if ``token`` says all.
        password: The password.
        token: Scheme and credential of an ``Authorization``; empty if it tells a password.
        life_s: For how long it is used, in seconds, at least `MIN_LIFE_S`; `NEVER_S` if the helper
            does not say.
    """

    user: str = ""
    password: str = ""
    token: str = ""
    life_s: float = NEVER_S

    def __repr__(self) -> str:
        """Without the password and the token."""
        return "<answer of a credential helper>"


async def ask_helper(
    endpoint: str,
    command: Sequence[str],
    url: str,
    user: str = "",
    *,
    max_s: float = MAX_HELPER_S,
    now: Callable[[], float] = time.time,
) -> HelperAnswer:
    """Start the helper and wait for what it tells.

    Args:
        endpoint: Name of the endpoint, for messages.
        command: The helper and its arguments.
        url: The URL that the login is for; the helper gets its scheme and host.
        user: The user that the login is for; empty if the helper decides.
        max_s: How long it may take.
        now: Seconds since 1970, for ``password_expiry_utc``.

    Raises:
        ConfigError: It cannot be started, fails, takes too long, or tells no login.
    """
    name = f"endpoint {endpoint}: the credential helper {command[0]}"
    found = read_answer(await _run(name, command, _question(url, user), max_s), user, now())
    if found is None:
        raise ConfigError(
            f"{name} has no password for this server",
            remedy=f"Store one with it, or see why it does not have one: {_by_hand(command)}",
        )
    return found


def read_answer(answer: bytes, user: str, now_s: float) -> HelperAnswer | None:
    """Read what a helper has written; None if it tells no login.

    Args:
        answer: Untrusted.
        user: Who was asked for; empty if the helper decides.
        now_s: Seconds since 1970.
    """
    lines = answer.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    told = dict(line.partition("=")[::2] for line in lines)
    expiry = told.get("password_expiry_utc", "")
    life_s = max(MIN_LIFE_S, float(expiry) - now_s) if _is_number(expiry) else NEVER_S
    if "quit" in told:
        return None
    if told.get("authtype") and told.get("credential"):
        return HelperAnswer(token=f"{told['authtype']} {told['credential']}", life_s=life_s)
    if not told.get("password"):
        return None
    return HelperAnswer(told.get("username") or user, told["password"], "", life_s)


def _question(url: str, user: str) -> bytes:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    lines = ["capability[]=authtype", f"protocol={parts.scheme}", f"host={host}"]
    if user:
        lines.append(f"username={user}")
    if any(_CONTROL.search(line) for line in lines):
        raise ConfigError(
            "the question to a credential helper would contain a control character",
            remedy="Correct the user's name in the URL or the settings.",
        )
    return ("\n".join(lines) + "\n\n").encode()


async def _run(name: str, command: Sequence[str], question: bytes, max_s: float) -> bytes:
    program = shutil.which(command[0])
    if program is None:
        raise ConfigError(f"{name} is not there", remedy="Install it, or name it by its full path.")
    process = await _start(name, [program, *command[1:], "get"])
    try:
        async with asyncio.timeout(max_s):
            answer = await _talk(process, question)
            if len(answer) > MAX_ANSWER_BYTES:
                raise ConfigError(
                    f"{name} answers with more than a login", remedy="Name another helper."
                )
            status = await process.wait()
    except TimeoutError:
        raise ConfigError(
            f"{name} did not answer within {max_s:g} s",
            remedy=f"See what it waits for: {_by_hand(command)}",
        ) from None
    finally:
        await _end(process)
    if status:
        raise ConfigError(
            f"{name} failed with exit status {status}",
            remedy=f"See what it says: {_by_hand(command)}",
        )
    return answer


async def _start(name: str, arguments: Sequence[str]) -> asyncio.subprocess.Process:
    environment = {key: text for key, text in os.environ.items() if key.upper() in _PASSED_ON}
    try:
        return await asyncio.create_subprocess_exec(
            *arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            limit=MAX_ANSWER_BYTES,
            start_new_session=sys.platform != "win32",
        )
    except OSError as error:
        raise ConfigError(
            f"{name} cannot be started: {error.strerror}", remedy="Name a program that can be run."
        ) from None


async def _talk(process: asyncio.subprocess.Process, question: bytes) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it need not read
        process.stdin.write(question)
        await process.stdin.drain()
        process.stdin.close()
    answer = b""
    while len(answer) <= MAX_ANSWER_BYTES and (data := await process.stdout.read(1 << 12)):
        answer += data
    return answer


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill what is still running, with what it started, and wait for it."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            if sys.platform == "win32":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
    assert process.stdout is not None
    with contextlib.suppress(TimeoutError):  # a service that it has left behind may hold the pipe
        async with asyncio.timeout(MAX_END_S):
            while await process.stdout.read(MAX_ANSWER_BYTES):
                pass  # asyncio knows of the end only when all was read
            await process.wait()


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16


def _by_hand(command: Sequence[str]) -> str:
    return f"start {command[0]} get by hand, and type host=HOST and an empty line."
