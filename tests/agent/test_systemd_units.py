"""The agent's units: whatever a path holds, systemd runs what was meant."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.agent.addresses import SYSTEM_STATE, AgentAddress, Scope
from dlcore.agent.system.systemd_units import (
    MAX_SOCKET_PATH_BYTES,
    UNIT,
    Units,
    command_line,
    units,
)
from dlcore.errors import ConfigError
from tests.agent.systemd_words import shown_words, words_of
from tests.users import ORDINARY, folder_of, needs_root

pytestmark = pytest.mark.posix_only(reason="Windows has no systemd")

PROGRAM = "/opt/my python/bin/python"
texts = st.binary(max_size=30).map(lambda each: os.fsdecode(each.replace(b"\0", b"")))
typed = st.text("ab \"'\\%$%{}~#;\t\n\u00e9\u20ac", max_size=20)
TYPED = ["", " ", "a b", 'a"b', "it's", "\\", "C:\\x\\n", "100%", "%h", "$HOME", "${HOME}", "$$"]
TYPED += ["\n", "\t", "\x7f", "\u00e9", "\udcff", ";", "#", "-x", "@x", "a\\ b", "%%", "~", "*"]
VARIABLES = {"HOME": "replaced", "a": "replaced"}


@given(st.lists(texts | typed, max_size=4))
def test_every_argument_arrives(arguments: list[str]) -> None:
    line = command_line([PROGRAM, *arguments])
    assert line.isascii()
    assert line.isprintable()
    assert words_of(line, VARIABLES) == [PROGRAM, *arguments]


@given(typed)
def test_a_program_is_run_or_refused(name: str) -> None:
    program = f"/opt/{name}"
    try:
        line = command_line([program])
    except ConfigError:
        assert set(program) & set("\"'\\$\n\t") or not program.isprintable()
    else:
        assert words_of(line, VARIABLES) == [program]


@pytest.mark.parametrize("program", ["python", "/a\udcff", "/a$b", '/a"b', "/a\nb"])
def test_what_systemd_cannot_run_is_refused(program: str) -> None:
    with pytest.raises(ConfigError, match="systemd does not run a program"):
        command_line([program])


def address_at(state: str) -> AgentAddress:
    return AgentAddress(Path(state), f"{state}/agent.sock")


@pytest.mark.parametrize(
    ("state", "refusal"),
    [
        ("/s" * 60, "too long"),
        ("/" + "\u20ac" * 34, "too long"),  # in bytes
        ("/a\nb", "cannot listen"),
        ("/a\udcff", "cannot listen"),
    ],
)
def test_where_systemd_cannot_listen_is_refused(state: str, refusal: str) -> None:
    with pytest.raises(ConfigError, match=refusal) as refused:
        units(Scope.USER, address_at(state), [PROGRAM])
    assert "--state" in refused.value.remedy


def test_the_longest_path_is_accepted() -> None:
    state = "/" + "s" * (MAX_SOCKET_PATH_BYTES - len("/agent.sock") - 1)
    assert (
        f"ListenStream={state}/agent.sock\n"
        in units(Scope.USER, address_at(state), [PROGRAM]).socket
    )


# Systemd's own opinion


def unusual(scope: Scope) -> Units:
    state = '/srv/my "state" 100% $HOME \u00e9'
    return units(scope, address_at(state), [sys.executable, *TYPED])


def write(made: Units, folder: Path) -> list[Path]:
    for name, text in made.files().items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in made.files()]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize("is_unusual", [False, True])
def test_systemd_has_nothing_against_the_units(
    scope: Scope, is_unusual: bool, tmp_path: Path
) -> None:
    usual = units(scope, address_at(str(SYSTEM_STATE)), [sys.executable])
    paths = write(unusual(scope) if is_unusual else usual, tmp_path)
    ended = subprocess.run(
        ["systemd-analyze", f"--{scope}", "verify", *paths],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    told = [line for line in ended.stderr.splitlines() if UNIT in line]
    assert (ended.returncode, told) == (0, [])


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_the_agent_of_the_machine_is_shut_in(tmp_path: Path) -> None:
    """By systemd's own measure: 10 is a service that may do everything."""
    paths = write(units(Scope.SYSTEM, address_at(str(SYSTEM_STATE)), [sys.executable]), tmp_path)
    ended = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=30", paths[1]],
        capture_output=True,
        check=False,
    )
    if b"unrecognized option" in ended.stderr:
        pytest.skip("before systemd 250 it is asked of running services only")
    assert ended.returncode == 0


SYSTEMD = Path("/lib/systemd/systemd")


@needs_root
@pytest.mark.skipif(not SYSTEMD.exists(), reason="systemd is not installed")
def test_systemd_itself_reads_what_was_written() -> None:
    """It shows what it has read; root is not allowed to ask it that."""
    with folder_of(ORDINARY, mode=0o755) as home:
        folder = home / "systemd" / "user"
        folder.mkdir(parents=True)
        write(unusual(Scope.USER), folder)
        shown = subprocess.run(
            [SYSTEMD, "--user", "--test", f"--unit={UNIT}.socket"],
            env={"XDG_CONFIG_HOME": str(home), "XDG_RUNTIME_DIR": str(home), "HOME": str(home)},
            user=ORDINARY,
            group=ORDINARY,
            extra_groups=[],
            capture_output=True,
            check=False,
        ).stdout
    service, socket = (_shown_of(f"{UNIT}.{kind}", shown) for kind in ("service", "socket"))
    if not service:
        pytest.skip("this systemd shows no units here")
    line = service.partition("Command Line: ")[2].partition("\n")[0]
    assert shown_words(line) == [sys.executable, *(each.replace("$", "$$") for each in TYPED)]
    assert "agent.sock" in socket
    assert '/srv/my "state" 100% $HOME \u00e9/agent.sock' in socket


def _shown_of(unit: str, shown: bytes) -> str:
    """What systemd shows of one unit."""
    return os.fsdecode(shown).partition(f"-> Unit {unit}:")[2].partition("-> Unit ")[0]


def test_an_obstacle_that_goes_away_needs_nobody_to_start_the_agent() -> None:
    """Fault: a full disk. Starts that wait as the unit says are not a burst after which systemd
    gives up.
    """
    text = units(Scope.SYSTEM, AgentAddress(SYSTEM_STATE, "/x/agent.sock"), [PROGRAM]).service
    seconds = {"s": 1, "min": 60}

    def setting(name: str) -> int:
        found = re.search(rf"^{name}=(\d+)(s|min|)$", text, re.MULTILINE)
        assert found
        return int(found[1]) * seconds.get(found[2], 1)

    assert setting("StartLimitBurst") * setting("RestartSec") > setting("StartLimitIntervalSec")
