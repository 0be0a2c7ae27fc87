"""A credential helper, as Git has them, is asked for the login at a server; it is not trusted."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from dlcore.errors import AuthError, ConfigError
from dlcore.model import WebAccess
from dlcore.transfer import Keyring
from dlcore.transfer.endpoints.credential_helper import MIN_LIFE_S, ask_helper, read_answer
from tests.transfer.access import read
from tests.transfer.access_servers import BODY, guarded
from tests.transfer.endpoints.test_authorization import basic
from tests.transfer.test_secrets import said

CANARY = "canary"


def helper(folder: Path, text: str, name: str = "helper.py") -> tuple[str, ...]:
    """A helper that is a Python program; it finds its own question in ``asked``."""
    path = folder / name
    before = "import os, pathlib, sys, time\nasked = sys.stdin.read()\n"
    path.write_text(before + text, encoding="utf-8")
    return sys.executable, str(path)


async def test_it_is_told_the_server_and_tells_the_login(tmp_path: Path) -> None:
    command = helper(
        tmp_path,
        "pathlib.Path(__file__).with_name('asked').write_text(sys.argv[1] + '\\n' + asked)\n"
        "print('protocol=http\\nusername=anna\\npassword=a=b c')",
    )
    async with guarded(Authorization=basic("anna", "a=b c")) as server:
        keyring = Keyring(WebAccess(credential_command=command), server.url)
        assert await read(f"{server.url}/o", keyring) == BODY
        assert await read(f"{server.url}/o", keyring) == BODY  # and is not asked again
    lines = (tmp_path / "asked").read_text().splitlines()
    host = f"localhost:{server.port}"
    assert lines == ["get", "capability[]=authtype", "protocol=http", f"host={host}", ""]


async def test_it_may_tell_a_token(tmp_path: Path) -> None:
    command = helper(tmp_path, "print('authtype=Bearer\\ncredential=abc')")
    async with guarded(Authorization="Bearer abc") as server:
        keyring = Keyring(WebAccess(credential_command=command), server.url)
        assert await read(f"{server.url}/o", keyring) == BODY


async def test_it_is_asked_again_once_after_a_rejection(tmp_path: Path) -> None:
    """Fault: a token ends before its time. dlcore asks the helper for another one, once."""
    command = helper(
        tmp_path,
        "count = pathlib.Path(__file__).with_name('count')\n"
        "number = int(count.read_text()) + 1 if count.exists() else 1\n"
        "count.write_text(str(number))\n"
        "print(f'username=anna\\npassword=canary{number}')",
    )
    async with guarded(Authorization=basic("anna", "canary1")) as server:
        keyring = Keyring(WebAccess(credential_command=command), server.url)
        assert await read(f"{server.url}/o", keyring) == BODY
        server.wanted["Authorization"] = basic("anna", "canary2")
        assert await read(f"{server.url}/o", keyring) == BODY
        server.wanted["Authorization"] = "nothing"
        with pytest.raises(AuthError) as caught:
            await read(f"{server.url}/o", keyring)
    assert CANARY not in said(caught.value)


async def test_what_it_tells_is_valid_until_the_time_that_it_tells(tmp_path: Path) -> None:
    command = helper(tmp_path, "print('password=p\\nusername=a\\npassword_expiry_utc=1060')")
    told = await ask_helper("edge", command, "https://host/o", now=lambda: 1000.0)
    assert told.life_s == 60.0


@pytest.mark.parametrize("now_s", [1059.0, 1060.0, 90_000.0])
def test_a_login_is_used_although_this_machines_clock_calls_it_expired(now_s: float) -> None:
    """Fault C2: this machine's clock is ahead, and a new login seems expired. dlcore uses it for a
    minute, and does not start the helper for each request.
    """
    told = read_answer(b"username=a\npassword=p\npassword_expiry_utc=1060\n", "", now_s)
    assert told is not None
    assert told.life_s == MIN_LIFE_S


async def test_a_named_user_is_told_to_it(tmp_path: Path) -> None:
    command = helper(tmp_path, "print('password=' + asked.split('username=')[1].strip())")
    told = await ask_helper("edge", command, "https://host/o", "anna")
    assert (told.user, told.password) == ("anna", "anna")


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\0", "\v", "\f", "\x1c", "\x85", "\u2028"])
async def test_a_name_that_would_be_a_further_line_is_not_asked_for(
    tmp_path: Path, end: str
) -> None:
    """Fault: a user's name holds what some helpers take for a line. It is refused."""
    command = helper(tmp_path, "print('username=a\\npassword=b')")
    with pytest.raises(ConfigError, match="control character"):
        await ask_helper("edge", command, "https://host/o", f"anna{end}host=other.example")


async def test_it_gets_no_secret_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DLCORE_PASSWORD", "DLCORE_TOKEN", "GITHUB_TOKEN", "https_proxy"):
        monkeypatch.setenv(name, CANARY)
    command = helper(tmp_path, "print('username=a\\npassword=' + repr(dict(os.environ)))")
    told = await ask_helper("edge", command, "https://host/o")
    assert "PATH" in told.password
    assert CANARY not in told.password


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("print('username=canary')", "has no password"),
        ("print('quit=1\\npassword=canary')", "has no password"),
        ("", "has no password"),
        ("print('canary'); sys.exit(3)", "failed with exit status 3"),
        ("print('password=canary' + 'x' * 1_000_000)", "more than a login"),
        ("sys.stdout.buffer.write(b'\\xff\\xfecanary')", "has no password"),
    ],
)
async def test_what_it_does_wrong_is_told_without_what_it_says(
    tmp_path: Path, text: str, why: str, caplog: pytest.LogCaptureFixture, capfd: object
) -> None:
    command = helper(tmp_path, f"sys.stderr.write('canary')\n{text}")
    with caplog.at_level("DEBUG"), pytest.raises(ConfigError, match=why) as caught:
        await ask_helper("edge", command, "https://host/o")
    assert caught.value.remedy
    assert CANARY not in said(caught.value) + caplog.text
    assert isinstance(capfd, pytest.CaptureFixture)
    assert CANARY not in "".join(capfd.readouterr())


async def test_one_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"the credential helper no-such-helper is not there"):
        await ask_helper("edge", ("no-such-helper",), "https://host/o")


async def test_one_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    """Fault: a helper waits for an answer that nobody gives. dlcore kills it, and says so."""
    command = helper(tmp_path, "time.sleep(1000)")
    with pytest.raises(ConfigError, match="did not answer within 0 s"):
        await ask_helper("edge", command, "https://host/o", max_s=0.0)


@pytest.mark.posix_only(reason="the helper forks")
async def test_one_that_is_given_up_is_killed_with_what_it_started(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = helper(
        tmp_path,
        f"held = open({str(pipe)!r}, 'w')\nheld.write('here')\nheld.flush()\n"
        "os.fork()\ntime.sleep(1000)",
    )
    asking = asyncio.ensure_future(ask_helper("edge", command, "https://host/o"))
    opened = await asyncio.to_thread(pipe.open)
    with opened:
        assert await asyncio.to_thread(opened.read, 4) == "here"
        asking.cancel()
        assert await asyncio.to_thread(opened.read) == ""  # nobody has it open any more
    with pytest.raises(asyncio.CancelledError):
        await asking
