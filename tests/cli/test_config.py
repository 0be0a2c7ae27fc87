"""Options are set by the environment and by a file, and `config show` tells which, and where."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.cli.app import COMMANDS, group
from dlcore.cli.configuration import option_file
from dlcore.cli.configuration.command_tree import found_commands
from dlcore.cli.configuration.option_file import OptionFile, config_path, lines_of
from dlcore.cli.configuration.option_names import (
    COMMON,
    OTHER_VARIABLES,
    configurable,
    name_of,
    variables,
)
from dlcore.cli.configuration.option_values import given_values, idle_variables
from dlcore.errors import ConfigError, StorageError
from tests.cli.helpers import Here, refused
from tests.users import folder_of, needs_root, run_as_ordinary_user

PATH = Path("config.toml")
LEVELS = ("command line", "DLCORE_X_WAIT", "DLCORE_WAIT", "config.toml:3", "config.toml:1")


@click.command()
@click.option("--wait", default="default")
@click.option("--from", "sources", multiple=True)
@click.option("-q", "--quiet", is_flag=True)
@click.option("-v", "--verbose", count=True)
def command(**_: Any) -> None:
    """Has an option of each kind."""


def file_of(text: str) -> OptionFile:
    return OptionFile(PATH, text.encode(), ["x", "fetch", "trust"])


def values(environment: dict[str, str], text: str = "") -> dict[str, Any]:
    found = given_values(("x",), command.params, environment, file_of(text))
    return {name: each.value for name, each in found.items()}


@given(st.sets(st.sampled_from(LEVELS)))
def test_the_nearest_place_counts(levels: set[str]) -> None:
    """Law: command line, variable of the command, of all, table of the command, of all, default."""
    environment = {name: name for name in levels if name.startswith("DLCORE_")}
    top = "wait = 'config.toml:1'\n" if LEVELS[4] in levels else "\n"
    own = "wait = 'config.toml:3'\n" if LEVELS[3] in levels else "\n"
    file = file_of(f"{top}[x]\n{own}")
    found = given_values(("x",), command.params, environment, file)
    arguments = ["--wait", LEVELS[0]] if LEVELS[0] in levels else []
    defaults = {name: each.value for name, each in found.items()}
    context = command.make_context("x", arguments, default_map=defaults)
    expected = next((level for level in LEVELS if level in levels), "default")
    assert context.params["wait"] == expected
    if found:  # the value is the name of its place, so the origin must be the same
        assert found["wait"].origin == found["wait"].value


def test_an_empty_variable_sets_nothing() -> None:
    assert values({"DLCORE_X_WAIT": "", "DLCORE_WAIT": ""}) == {}


def test_each_kind_of_option_is_read_from_a_variable() -> None:
    environment = {
        "DLCORE_X_FROM": 'a "b c" https://d',
        "DLCORE_QUIET": "true",
        "DLCORE_VERBOSE": "2",
    }
    expected = {"sources": ["a", "b c", "https://d"], "quiet": True, "verbose": 2}
    assert values(environment) == expected
    assert values({"DLCORE_QUIET": "0"}, "quiet = true") == {"quiet": False}


def test_each_kind_of_option_is_read_from_the_file() -> None:
    text = "quiet = false\n[x]\nfrom = ['a', '~/b']\nverbose = 1\nwait = 2.5"
    home = os.path.join(os.path.expanduser("~"), "b")  # noqa: PTH111, PTH118  # as a shell does
    found = values({}, text)
    found["sources"] = [each.replace("\\", "/") for each in found["sources"]]
    expected = {"quiet": False, "sources": ["a", home.replace("\\", "/")]}
    assert found == {**expected, "verbose": 1, "wait": "2.5"}
    assert values({}, "[x]\nfrom = 'a b'") == {"sources": ["a b"]}


@pytest.mark.parametrize(
    ("environment", "text", "told"),
    [
        ({"DLCORE_QUIET": "perhaps"}, "", "DLCORE_QUIET is neither 1 nor 0"),
        ({"DLCORE_VERBOSE": "much"}, "", "DLCORE_VERBOSE is not a number"),
        ({"DLCORE_VERBOSE": "9" * 5000}, "", "DLCORE_VERBOSE is not a number"),
        ({}, "quiet = 1", "config.toml:1: quiet is neither true nor false"),
        ({}, "[x]\n\nverbose = true", "config.toml:3: verbose is not a number"),
        ({}, "[x]\nwait = [1]", "config.toml:2: wait is neither text nor a number"),
        ({}, "[x]\nfrom = [true]", "config.toml:2: from is neither text nor a number"),
        ({}, "[x]\nwiat = 1", r"config.toml:2: x has no option wiat \(did you mean wait\?\)"),
        ({}, "[fecth]\n", r"config.toml:1: no command has the name fecth \(did you mean fetch"),
        (
            {},
            "wiat = 1",
            r"config.toml:1: wiat is not an option of all commands \(did you mean wait",
        ),
        ({}, "x = 1", "config.toml:1: x is not an option of all commands"),
        ({}, "[x]\ntoken = 'eyJcanary'", "config.toml:2: token: a secret does not belong"),
        ({}, "[x", "config.toml: Expected"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(
    environment: dict[str, str], text: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=told) as refusal:
        values(environment, text)
    assert refusal.value.remedy
    assert "canary" not in refusal.value.message + refusal.value.remedy


def test_lines_of_tables_and_keys_are_found() -> None:
    text = '\na = 1\n[x] # one\n"b" = 2\n[trust . init]\nc=3\n# d = 4\nf.g = 1'
    assert lines_of(text) == {
        ("a",): 2,
        ("x",): 3,
        ("x", "b"): 4,
        ("trust", "init"): 5,
        ("trust", "init", "c"): 6,
        ("trust", "init", "f"): 8,
    }


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("DLCORE_VERBOS", " (did you mean DLCORE_VERBOSE?)"),
        ("DLCORE_TOKN", " (did you mean DLCORE_TOKEN?)"),
        ("DLCORE_OUTPUT", " (did you mean DLCORE_X_OUTPUT?)"),
        ("DLCORE_X_SITE", " (SITE is given on the command line only)"),
        ("DLCORE_SITE", " (SITE is given on the command line only)"),
        ("DLCORE_X_Y", ""),
    ],
)
def test_a_variable_that_sets_no_option_is_told_with_what_was_meant(
    variable: str, meant: str
) -> None:
    """Fault: a user sets DLCORE_OUTPUT, and nothing happens. dlcore says which name counts."""
    parameters = [*command.params, click.Option(["-o", "--output"]), click.Argument(["site"])]
    idle = idle_variables(("x",), parameters, {variable: "1"}, ["x", "fetch"])
    assert idle == {variable: meant}


@pytest.mark.parametrize(
    "variable",
    [
        *("DLCORE_X_WAIT", "DLCORE_WAIT", "DLCORE_STATE", "DLCORE_DEBUG", "PATH"),
        "DLCORE_FETCH_OUTPUT",  # of another command
        "DLCORE_CMG1_TOKEN",  # of a deployment file
        "DLCORE_BUILD_NUMBER",  # of a program around dlcore
    ],
)
def test_a_variable_that_means_something_somewhere_is_left_alone(variable: str) -> None:
    assert idle_variables(("x",), command.params, {variable: "1"}, ["x", "fetch"]) == {}


def test_the_variables_of_sister_commands_are_left_alone() -> None:
    told = {"DLCORE_TRUST_INIT_KEYS": "1", "DLCORE_TRUST_ROTATE_X": "1", "DLCORE_TRUST_INIT_X": "1"}
    assert list(idle_variables(("trust", "rotate"), command.params, told, ["trust"])) == [
        "DLCORE_TRUST_ROTATE_X"
    ]


def test_no_variable_means_two_things() -> None:
    with click.Context(group, info_name="dlcore") as root:
        found = found_commands(root)
    own = [
        variables(each.words, name_of(option))[0]
        for each in found
        for option in configurable(each.command.params)
    ]
    assert len(own) == len(set(own))
    common = {name for name in own if name in {variables((), name)[0] for name in COMMON}}
    assert not common
    assert not OTHER_VARIABLES & {f"DLCORE_{name}".replace("-", "_").upper() for name in COMMON}
    assert {each.words[0] for each in found} == set(COMMANDS)


# On the command line


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("quiet = true\n[list]\nearlier = true\n", encoding="utf-8")
    monkeypatch.setenv("DLCORE_CONFIG", str(path))
    return path


def test_an_option_is_shown_with_its_origin(
    here: Here, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCORE_FETCH_CONNECTIONS", "7")
    monkeypatch.setenv("DLCORE_FETCH_FROM", "https://name:canary@host.example/?sig=canary")
    ended = here("config", "show", "--origin", "--json")
    assert (ended.status, ended.document["file"]) == (0, str(config))
    rows = {(each["command"], each["option"]): each for each in ended.document["options"]}
    assert rows["list", "earlier"]["origin"] == f"{config}:3"
    assert rows["run", "quiet"] == {
        "command": "run",
        "option": "quiet",
        "value": True,
        "origin": f"{config}:1",
    }
    assert rows["fetch", "connections"]["value"] == "7"
    assert rows["fetch", "connections"]["origin"] == "DLCORE_FETCH_CONNECTIONS"
    assert "canary" not in ended.out
    shown = here("config", "show", "fetch", "--origin").out
    assert "DLCORE_FETCH_CONNECTIONS" in shown
    assert "default" in shown
    assert "DLCORE_FETCH_CONNECTIONS" not in here("config", "show", "fetch").out


def test_no_credential_is_shown(here: Here, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault K4: an option holds a credential. dlcore shows where it is set, and not what it is."""
    headers = '["Authorization: Bearer canary", "X: canary", "@header.txt"]'
    config.write_text(f"[fetch]\nheader = {headers}\nproxy = 'name:canary@proxy:8080'\n")
    monkeypatch.setenv("DLCORE_FROM", "https://name:canary@host.example/?sig=canary")
    ended = here("config", "show", "fetch", "--json")
    assert "canary" not in ended.out
    shown = {each["option"]: each["value"] for each in ended.document["options"]}
    assert shown["header"] == ["Authorization: ***", "X: ***", "@header.txt"]
    assert shown["proxy"] == "***@proxy:8080"
    ended = here("config", "show", "fetch", "--origin")
    assert "canary" not in ended.out
    assert "Authorization: ***" in ended.out


@pytest.mark.parametrize(
    ("command", "shown"),
    [("helper --password canary", "helper ***"), ("helper", "helper"), ("'helper canary", "***")],
)
def test_no_argument_of_a_credential_helper_is_shown(
    here: Here, config: Path, monkeypatch: pytest.MonkeyPatch, command: str, shown: str
) -> None:
    """Fault K4: an argument of a credential helper holds a credential. dlcore shows only the name
    of the program.
    """
    monkeypatch.setenv("DLCORE_FETCH_CREDENTIAL_COMMAND", command)
    ended = here("config", "show", "fetch", "--json")
    rows = {each["option"]: each["value"] for each in ended.document["options"]}
    assert rows["credential-command"] == shown
    assert "canary" not in ended.out + here("config", "show").out


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        ("fetch", "credential-command", "'helper canary"),
        ("fetch", "header", "canary"),
        ("fetch", "proxy", "ftp://user:canary@proxy"),
        ("fetch", "sha256", "canary"),
        ("fetch", "catalog-sha256", "canary"),
        ("fetch", "content-hash", "canary"),
        ("cache prune", "max-size", "canary"),
    ],
)
def test_what_a_command_refuses_is_told_before_it_is_used(
    here: Here,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    option: str,
    value: str,
) -> None:
    """Fault: an option is set to what its command refuses. dlcore config show ends with status 2,
    and does not repeat the value.
    """
    variable = f"DLCORE_{command}_{option}".upper().replace("-", "_").replace(" ", "_")
    monkeypatch.setenv(variable, value)
    shown = here("config", "show", "--json")
    assert shown.status == 2
    (wrong,) = shown.document["wrong"]
    assert (wrong["command"], wrong["option"], wrong["origin"]) == (command, option, variable)
    arguments = ("-o", "out", "https://host.example/f") if command == "fetch" else ()
    refused = here(*command.split(), *arguments, "--json")
    assert (refused.status, refused.error["code"]) == (2, "config")
    assert "canary" not in shown.out + shown.err + refused.out + refused.err


@pytest.mark.parametrize(("value", "shown"), [("canary", "***"), ("a" * 64, "a" * 64)])
def test_what_cannot_be_a_sha256_is_not_shown(
    here: Here, config: Path, monkeypatch: pytest.MonkeyPatch, value: str, shown: str
) -> None:
    monkeypatch.setenv("DLCORE_FETCH_SHA256", value)
    options = here("config", "show", "fetch", "--json").document["options"]
    assert {each["option"]: each["value"] for each in options}["sha256"] == shown


@pytest.mark.parametrize("option", ["connections", "max-size", "limit-rate", "log-format"])
@pytest.mark.parametrize("is_variable", [True, False])
def test_no_refusal_repeats_a_value(
    here: Here, config: Path, monkeypatch: pytest.MonkeyPatch, option: str, is_variable: bool
) -> None:
    """Fault K4: a secret was put into a wrong option. The refusal does not repeat it."""
    variable = f"DLCORE_FETCH_{option}".replace("-", "_").upper()
    if is_variable:
        monkeypatch.setenv(variable, "canary")
    else:
        config.write_text(f"[fetch]\n{option} = 'canary'\n", encoding="utf-8")
    fields = refused(here("fetch", "ABC00001", "--output", "x", "--json"), 2, "config")
    assert "canary" not in str(fields)
    assert f"--{option}" in str(fields["message"])
    assert f"({variable if is_variable else f'{config}:2'})" in str(fields["message"])


def test_an_unknown_command_is_told(here: Here, config: Path) -> None:
    ended = here("config", "show", "fecth", "--json")
    assert "did you mean fetch" in str(refused(ended, 2, "config")["message"])


def test_a_value_that_is_refused_is_told_with_its_place(here: Here, config: Path) -> None:
    config.write_text("[fetch]\nconnections = 0\noutput = 'x'\n", encoding="utf-8")
    fields = refused(here("fetch", "ABC00001", "--json"), 2, "config")
    assert str(fields["message"]).endswith(f"({config}:2)")
    config.write_text("[verify]\nmanifest = '/no/canary'\n", encoding="utf-8")
    fields = refused(here("verify", ".", "--json"), 4, "not-found")
    assert f"It was set by {config}:2." in str(fields["remedy"])


def test_programs_are_told_if_a_variable_says_so(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCORE_JSON", "1")
    refused(here("list", tmp_path), 4, "not-found")
    refused(here("fetch", "ABC00001"), 2, "config")  # an option is missing


def test_help_is_there_though_the_file_is_wrong(
    here: Here, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text("wrong", encoding="utf-8")
    assert here("help", "command-line").status == 0
    assert here("list", "--help").status == 0
    monkeypatch.setenv("DLCORE_JSON", "1")
    refused(here("list", "."), 2, "config")


def test_a_misspelt_variable_is_told_unless_all_is_quiet(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCORE_FETCH_OUTPT", "x")
    told = "warning: DLCORE_FETCH_OUTPT sets no option (did you mean DLCORE_FETCH_OUTPUT?)"
    assert told in here("fetch", "ABC00001").err
    assert told not in here("fetch", "ABC00001", "-q").err
    assert told not in here("fetch", "--help").err


def test_a_value_that_its_command_would_refuse_is_told_with_its_origin(
    here: Here, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: a value cannot be used, and only its command says so. dlcore's overview tells it."""
    config.write_text("[fetch]\nconnections = 5000\n", encoding="utf-8")
    monkeypatch.setenv("DLCORE_FETCH_LIMIT_RATE", "secret-word")
    ended = here("config", "show", "--json")
    assert ended.status == 2
    wrong = {each["option"]: each for each in ended.document["wrong"]}
    assert set(wrong) == {"connections", "limit-rate"}
    assert wrong["connections"]["origin"] == f"{config}:2"
    assert wrong["connections"]["message"] == "--connections: the value is not from 1 to 256"
    assert wrong["limit-rate"]["origin"] == "DLCORE_FETCH_LIMIT_RATE"
    told = here("config", "show")
    assert f"error (config): {config}:2: fetch: --connections: the value is not from" in told.err
    assert "secret-word" not in ended.out + ended.err + told.out + told.err
    rows = {each["option"]: each for each in ended.document["options"]}
    assert (rows["limit-rate"]["value"], rows["connections"]["value"]) == ("***", "***")


def test_an_overview_of_good_values_succeeds(here: Here, config: Path) -> None:
    config.write_text('[fetch]\nconnections = 5\nlimit-rate = "1 MB/s"\n', encoding="utf-8")
    ended = here("config", "show", "--json")
    assert (ended.status, ended.document["wrong"]) == (0, [])


@pytest.mark.posix_only(reason="modes")
def test_a_file_that_others_may_write_is_refused(here: Here, config: Path) -> None:
    """Fault: another user may write the configuration file. dlcore uses nothing of it."""
    config.chmod(0o666)
    fields = refused(here("list", ".", "--json"), 9, "ownership")
    assert str(fields["message"]).startswith(f"the configuration file {config} is not used: ")
    assert "chmod go-w" in str(fields["remedy"])
    assert here("list", "--help").status == 0


@pytest.mark.posix_only(reason="modes")
def test_the_doctor_tells_of_a_file_that_is_refused(
    here: Here, config: Path, tmp_path: Path
) -> None:
    """Fault: another user may write the configuration file. The doctor goes on, and says so."""
    doctor = ("doctor", "--state", tmp_path / "state", "--json")
    assert here(*doctor).document["machine"][0]["outcome"] == "passed"
    config.chmod(0o666)
    ended = here(*doctor)
    first, *others = ended.document["machine"]
    assert (ended.status, first["name"], first["outcome"]) == (14, "configuration-file", "failed")
    assert "chmod go-w" in first["remedy"]
    assert len(others) > 5


@pytest.mark.posix_only(reason="Windows has no other owner and no links for this")
def test_a_link_to_the_file_is_followed(
    here: Here, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "link"
    link.symlink_to(config)
    monkeypatch.setenv("DLCORE_CONFIG", str(link))
    told = here("config", "show", "list", "--origin")
    assert f"{link}:3" in told.out
    config.parent.chmod(0o777)
    refused(here("list", ".", "--json"), 9, "ownership")


def test_the_null_device_is_as_no_file(
    here: Here, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCORE_CONFIG", os.devnull)
    assert here("config", "show").status == 0


@needs_root
def test_a_folder_that_is_closed_to_the_user_is_told() -> None:
    """Fault: the user may not look into the folder of the configuration file, as after `sudo -u`.
    Commands say so by its name.
    """
    with folder_of(None) as closed:

        def work() -> None:
            with pytest.raises(StorageError, match="cannot read the configuration file"):
                option_file.read({"DLCORE_CONFIG": str(closed / "config.toml")}, COMMANDS)

        run_as_ordinary_user(work)


def test_a_file_that_is_named_must_exist(here: Here, config: Path) -> None:
    config.unlink()
    fields = refused(here("list", ".", "--json"), 4, "not-found")
    assert "DLCORE_CONFIG" in str(fields["message"])


def test_the_table_of_a_group_has_its_commands_only(here: Here, config: Path) -> None:
    config.write_text("[trust.inti]\nkeys = 'x'\n", encoding="utf-8")
    for words in (("config", "show"), ("trust", "show", ".", "--root", config)):
        fields = refused(here(*words, "--json"), 2, "config")
        assert "did you mean init" in str(fields["message"])


def test_the_file_is_where_the_system_keeps_such_files(monkeypatch: pytest.MonkeyPatch) -> None:
    assert config_path({"DLCORE_CONFIG": "/named"}) == Path("/named")
    assert config_path(os.environ).name == "config.toml"
    assert config_path(os.environ).parent.name == "dlcore"


def test_a_value_that_reads_like_none_is_shown(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLCORE_FETCH_NAME", "UNSET")
    rows = here("config", "show", "fetch", "--json").document["options"]
    shown = {row["option"]: row["value"] for row in rows}
    assert (shown["name"], shown["output"]) == ("UNSET", None)
