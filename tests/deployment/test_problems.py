"""All that is wrong with a deployment file is told at once, and nothing that is right."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlcore.deployment import parse_deployment
from dlcore.deployment.problems import Problems
from dlcore.errors import ConfigError, StorageError

PATH = Path("/etc/dlcore/deployment.toml")

# One line each, and what is told of it; none depends on another one.
FAULTS = {
    "clent = 1": "clent is not a known key",
    "[deployment]\ndownload = 'sometimes'": "deployment.download: not an allowed value",
    "[client]\nuse_cmg = 1\non_intranet = true": "client.use_cmg: must be true or false",
    "[launch]\nfrom = 'dvd'": "launch.from: not an allowed value",
    "[catalog]\nsha256 = 'abc'": "catalog.sha256: not 64 hexadecimal digits",
    "[trust]\nrot = 'root.json'": "trust: rot is not a known key",
    "[transfer]\ncap_bytes_per_s = '1 mbit'": "transfer.cap_bytes_per_s: unknown unit",
    "[content]\nreserve = '1 gib'": "content.reserve: not a size",
    "[conditions]\nundecided = 'ask'": "conditions.undecided: not an allowed value",
    "[variables]\nCount = 5": 'variables."Count": must be text',
    "[[endpoint]]\nname = 'cmg1'\nkind = 'cmg'\nurl = 'cmg1'": 'endpoint "cmg1".url: not an http',
    "[[endpoint]]\nkind = 'dp'": "name is missing",
    "[[endpoint]]\nname = 'd'\nkind = 'dp'\nurl = 'http://d'\ncap_bps = 5": "cap_bps is now cap_",
}


def refusal(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse_deployment(text.encode(), PATH)
    return caught.value


def told_of(text: str) -> list[str]:
    """The problems that are told of a text, one message each."""
    error = refusal(text)
    return [one.message for one in error.problems or (error,)]


@settings(derandomize=True, max_examples=200)
@given(st.sets(st.sampled_from(sorted(FAULTS)), min_size=1))
def test_any_set_of_faults_is_told_each_of_them(faults: set[str]) -> None:
    """Fault: a settings file has several mistakes. dlcore names all of them at once."""
    tables = sorted(faults, key=lambda fault: fault.startswith("["))  # plain keys come first
    told = told_of("\n".join([*tables, ""]))
    for fault in faults:
        assert [message for message in told if FAULTS[fault] in message], (fault, told)
    assert all(message.startswith(f"{PATH}: ") for message in told)


def test_several_problems_are_a_line_each_with_what_to_do() -> None:
    error = refusal("[client]\nuse_cmg = 'yes'\n[launch]\nform = 'pxe'\n[catalog]\npath = 'c'\n")
    assert error.message == (
        f"{PATH}: 2 settings cannot be used:\n"
        "  client.use_cmg: must be true or false, not text."
        " Allowed: true, false (without quotes).\n"
        "  launch: form is not a known key (did you mean from?). Known keys: from."
    )
    assert error.remedy == "Correct all of them and run again."
    assert error.exit_status == 2


def test_one_problem_is_told_as_it_is() -> None:
    error = refusal("[client]\nuse_cmg = 'yes'\n[catalog]\npath = 'c'\n")
    assert error.message == f"{PATH}: client.use_cmg: must be true or false, not text"
    assert error.problems == ()


BLOB = "[catalog]\npath = 'c'\n[[endpoint]]\nname = 'b'\nkind = 'blob'\n"
CMG = "[catalog]\npath = 'c'\n[[endpoint]]\nname = 'b'\nkind = 'cmg'\nurl = 'https://b'\n"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (BLOB, 1),  # no URL: not also one that is not usable
        (CMG + "token_file = 5\n", 1),  # not also: has no registration token
        (CMG + "token = 'x'\n", 1),
        (BLOB + "url = 'ftp://b'\nsas = 'x'\nconections = 1\nconnections = 0\n", 4),
        (CMG + "token_file = 't'\ntoken_env = 'T'\ncontent_hosts = ['a b']\n", 2),
        (CMG.replace("path = 'c'", "endpoint = 'b'"), 1),  # not also: no endpoint is named b
        (
            "[trust]\nroot = 5\n"
            + BLOB.replace("path = 'c'", "endpoint = 'b'")
            + "url = 'http://b'",
            1,
        ),
        ("[catalog]\npath = 'c'\nendpoint = 'x'\nsha256 = 'y'\n", 3),
    ],
)
def test_what_only_follows_from_another_problem_is_not_told(text: str, count: int) -> None:
    assert len(told_of(text)) == count, told_of(text)


def test_a_key_cannot_break_the_lines_of_the_list() -> None:
    error = refusal('"a\\nb\\u001b" = 1\n"c" = 1\n')
    assert len(error.message.splitlines()) == 1 + len(error.problems)
    assert "\x1b" not in error.message


def test_other_errors_are_not_gathered() -> None:
    problems = Problems()
    with pytest.raises(StorageError), problems:
        raise StorageError("the disk failed")
    problems.refuse()
