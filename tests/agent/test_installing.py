"""What is installed, for whom, and what is refused before anything is changed."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.agent.addresses import (
    SOCKET_NAME,
    SYSTEM_STATE,
    Scope,
    address_of,
    default_state,
)
from dlcore.agent.system import installing
from dlcore.agent.system.install_checks import (
    check_it_starts,
    check_nobody_alters,
    check_nobody_listens,
    check_seen,
    named_paths,
    programs,
    relied_on,
    usable_deployment,
)
from dlcore.agent.system.installing import previews, settings_of, windows_command_line
from dlcore.disk.ownership import check_unalterable
from dlcore.errors import AgentError, ConfigError, OwnershipError, StorageError
from tests.agent.local_application import served
from tests.others import let_others_change
from tests.users import ADVERSARY, ORDINARY, folder_of, give, needs_root, run_as

IS_WINDOWS = sys.platform == "win32"


USABLE = """\
[catalog]
path = "published/catalog.json"
[[endpoint]]
name = "disk"
kind = "file"
path = "published"
"""
CLOUD = """\
[[endpoint]]
name = "cloud"
kind = "blob"
url = "https://h/"
sas_file = "sas"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "deployment.toml"
    path.write_text(USABLE, encoding="utf-8")
    return path


def test_settings_are_made_absolute(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = settings_of(Scope.SYSTEM, Path("x/../deployment.toml"), Path("state"))
    assert settings.config == config
    assert settings.address == address_of(tmp_path / "state")
    texts = [each.text for each in previews(settings)]
    assert any(str(config) in text and str(tmp_path / "state") in text for text in texts)


def test_the_machines_agent_has_a_place_of_its_own(config: Path) -> None:
    state = settings_of(Scope.SYSTEM, config, None).address.state
    assert state == default_state(Scope.SYSTEM)
    if IS_WINDOWS:
        assert state.parts[-2:] == ("dlcore", "state")
        assert "programdata" in str(state).lower()
    else:
        assert state == SYSTEM_STATE
    assert state != default_state(Scope.USER)


@pytest.mark.posix_only(reason="only administrators have a Windows service")
def test_an_ordinary_user_cannot_install_the_machines_agent(config: Path) -> None:
    settings = settings_of(Scope.SYSTEM, config, None)

    def install() -> None:
        for doing in (installing.install(settings), installing.uninstall(Scope.SYSTEM)):
            with pytest.raises(AgentError, match="by an administrator") as refused:
                next(doing)
            assert "as root, or with --user" in refused.value.remedy

    run_as(ORDINARY if os.geteuid() == 0 else None, install)


@pytest.mark.skipif(not IS_WINDOWS, reason="elsewhere a user may have an agent")
def test_windows_has_no_service_of_a_user(config: Path) -> None:
    with pytest.raises(AgentError, match="no services of a single user"):
        settings_of(Scope.USER, config, None)


# What could not run


def test_settings_that_can_be_used_pass(config: Path, tmp_path: Path) -> None:
    assert usable_deployment(config, tmp_path / "state").catalog.path
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no TOML", "at line 1"),
        ("", "names no catalog"),
        (USABLE.partition("[[")[0], "may use no endpoint"),
        (USABLE.partition("[[")[0] + CLOUD, "Allow access to cloud distribution point"),
        (USABLE.replace("[[", "[no-table]\n[["), "no-table"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(
    config: Path, tmp_path: Path, text: str, told: str
) -> None:
    """Fault: the agent is installed with a deployment file that it cannot use. Nothing is
    installed, and the message names the setting.
    """
    config.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=told) as refused:
        usable_deployment(config, tmp_path / "state")
    assert str(config) in refused.value.message


def test_an_endpoint_that_cannot_be_opened_is_refused(config: Path, tmp_path: Path) -> None:
    """Fault: the authorities that the agent's settings name cannot be read. Nothing is
    installed.
    """
    web = '[[endpoint]]\nname = "web"\nkind = "http"\nurl = "https://h/"\nca_file = "none.pem"\n'
    config.write_text(USABLE + web, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"none\.pem"):
        usable_deployment(config, tmp_path / "state")


def test_what_the_agent_would_not_see_is_refused(tmp_path: Path) -> None:
    """Fault: settings of the machine's agent lie below /tmp, and its unit has a /tmp of its own.
    Nothing is installed, and the message names the path.
    """
    hidden, seen = tmp_path / "tmp", tmp_path / "etc"
    hidden.mkdir()
    seen.mkdir()
    check_seen([("the deployment file", seen / "x.toml")], [hidden])
    with pytest.raises(ConfigError, match="does not see the deployment file") as refused:
        check_seen([("the deployment file", hidden / "x.toml")], [hidden])
    assert str(hidden / "x.toml") in refused.value.message


@pytest.mark.posix_only(reason="only systemd has such a folder")
def test_a_link_to_what_the_agent_would_not_see_is_refused(tmp_path: Path) -> None:
    hidden = tmp_path / "tmp"
    hidden.mkdir()
    (tmp_path / "link").symlink_to(hidden)
    with pytest.raises(ConfigError, match="does not see the state directory"):
        check_seen([("the state directory", tmp_path / "link" / "state")], [hidden])


@pytest.mark.posix_only(reason="only systemd has such a folder")
def test_only_the_machines_agent_has_a_tmp_of_its_own(config: Path) -> None:
    state = Path("/var/tmp/dlcore-state")
    with pytest.raises(ConfigError, match="of its own"):
        installing.check(
            settings_of(Scope.SYSTEM, Path("/etc/none"), state)._replace(config=config)
        )
    installing.check(settings_of(Scope.USER, config, state))


def test_every_path_that_the_settings_name_is_looked_at(config: Path, tmp_path: Path) -> None:
    rest = '[trust]\nroot = "root.json"\n[cache]\nseeds = ["seed"]\n'
    config.write_text(USABLE + CLOUD + rest)
    named = dict(named_paths(usable_deployment(config, tmp_path / "state")))
    assert {each.name for each in named.values()} == {
        *("catalog.json", "root.json", "seed", "published", "sas")
    }
    assert all(each.is_absolute() for each in named.values())


# What would run with the rights of the system


def test_the_trusted_root_and_helpers_are_looked_at(config: Path, tmp_path: Path) -> None:
    """Fault: another user may change the root that the machine's agent trusts. Nothing is
    installed.
    """
    endpoint = '[[endpoint]]\nname = "web"\nkind = "http"\nurl = "https://h/"\n'
    helper = f"credential_command = ['{Path(sys.executable).as_posix()}']\n"
    config.write_text(USABLE + endpoint + helper + '[trust]\nroot = "root.json"\n')
    found = [*relied_on(usable_deployment(config, tmp_path / "state"))]
    assert found == [tmp_path / "root.json", Path(sys.executable)]


def test_settings_that_others_may_change_are_refused(config: Path) -> None:
    """Fault: another user may change the file with the settings of the machine's agent.
    Nothing is installed.
    """
    check_nobody_alters((), config)
    let_others_change(config)
    with pytest.raises(OwnershipError):
        check_nobody_alters((), config)


def test_settings_that_are_gone_are_an_error(config: Path) -> None:
    def gone(path: Path) -> None:
        raise PermissionError(13, "denied", str(path))

    with pytest.raises(StorageError, match="cannot look at what the agent runs"):
        check_nobody_alters((), config, gone)


@needs_root
@pytest.mark.parametrize("whose", ["program", "folder"])
def test_a_program_of_another_user_is_refused(whose: str, config: Path) -> None:
    """Fault: root installs an agent out of a user's virtual environment. Nothing is installed."""
    with folder_of(None, mode=0o755) as home:
        program = home / "venv" / "python"
        program.parent.mkdir()
        program.touch()
        check_nobody_alters((program,), config)
        give(program if whose == "program" else program.parent, ADVERSARY)
        with pytest.raises(OwnershipError):
            check_nobody_alters((program,), config)


def test_python_and_dlcore_are_looked_at() -> None:
    found = programs()
    assert Path(sys.executable) in found
    assert Path(installing.__file__).parents[2] in found
    for each in found:
        check_unalterable(each) if not IS_WINDOWS else None


def test_what_would_not_start_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault: dlcore is found by the variables of the command, and by nothing else. Nothing
    is installed, because a service would not start.
    """
    monkeypatch.setenv("PYTHONPATH", str(Path(installing.__file__).parents[3]))
    with pytest.raises(AgentError, match="does not find dlcore"):
        check_it_starts((sys.executable, "-P", "-S"))  # without what is installed


@pytest.mark.posix_only(reason="the first server of a pipe keeps its name anyway")
async def test_an_agent_that_runs_is_not_pushed_aside(tmp_path: Path) -> None:
    """Fault: systemd would take the socket's name from an agent that was started by hand.
    Nothing is installed while it runs.
    """
    address = address_of(tmp_path / "state")
    check_nobody_listens(address)
    async with served(address):
        with pytest.raises(AgentError, match="that was not installed runs"):
            check_nobody_listens(address)
    check_nobody_listens(address)
    address.state.joinpath(SOCKET_NAME).write_text("no socket")
    check_nobody_listens(address)


# The command line of a service


def taken_apart(line: str) -> list[str]:
    """The words of a command line, as Microsoft describes `CommandLineToArgvW`.

    Source: learn.microsoft.com/en-us/windows/win32/api/shellapi/nf-shellapi-commandlinetoargvw;
    ".../cpp/c-language/parsing-c-command-line-arguments", for the program: quotes, no backslashes.
    """
    program = re.match(r'"([^"]*)"|(\S*)', line)
    assert program
    words = [program[1] if program[1] is not None else program[2]]
    word, is_quoted, is_begun = "", False, False
    for run in re.findall(r'\\*"|\\+|[^\\"]', line[program.end() :]):
        backslashes = run.count("\\")
        if run.endswith('"'):
            word += "\\" * (backslashes // 2)
            is_begun = True
            if backslashes % 2:
                word += '"'
            else:
                is_quoted = not is_quoted
        elif run in " \t" and not is_quoted:
            if is_begun:
                words.append(word)
            word, is_begun = "", False
        else:
            word, is_begun = word + run, True
    return [*words, word] if is_begun else words


arguments = st.text("ab \\\"\t'&|^<>é€", max_size=12)
programs_of_windows = st.text("ab &'é", min_size=1, max_size=12).map(lambda each: f"C:\\{each}x")


@given(programs_of_windows, st.lists(arguments, max_size=5))
def test_every_argument_arrives(program: str, arguments: list[str]) -> None:
    words = [program, *arguments]
    line = windows_command_line(words)
    assert taken_apart(line) == words
    if sys.platform == "win32":
        assert taken_apart_by_windows(line) == words


if sys.platform == "win32":
    import ctypes

    def taken_apart_by_windows(line: str) -> list[str]:
        take_apart = ctypes.windll.shell32.CommandLineToArgvW
        take_apart.restype = ctypes.POINTER(ctypes.c_wchar_p)
        count = ctypes.c_int()
        found = take_apart(ctypes.c_wchar_p(line), ctypes.byref(count))
        words = [found[number] or "" for number in range(count.value)]
        ctypes.windll.kernel32.LocalFree(found)
        return words


@pytest.mark.parametrize("argument", [r"C:\%TEMP%\x", "100%", "a\0b"])
def test_what_windows_would_replace_is_refused(argument: str) -> None:
    with pytest.raises(ConfigError, match="between percent signs"):
        windows_command_line(["python", argument])


@pytest.mark.skipif(not IS_WINDOWS, reason="only Windows has such services")
def test_a_service_starts_this_installation(config: Path, tmp_path: Path) -> None:
    (shown,) = previews(settings_of(Scope.SYSTEM, config, tmp_path / "my state"))
    words = taken_apart(shown.text)
    assert words[0] == sys.executable
    assert words[1:4] == ["-P", "-m", "dlcore.cli.windows_service"]
    assert words[-4:] == ["--config", str(config), "--state", str(tmp_path / "my state")]
    assert str(tmp_path / "agent.log") in words
