"""What the commands of steps get as their environment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.steps.commands.step_environment import (
    LOADER_PREFIXES,
    LOADER_VARIABLES,
    MAX_VALUE_CHARACTERS,
    step_environment,
)

CANARY = "canary"


@pytest.mark.parametrize(
    "name",
    [
        *("DLCORE_TOKEN", "DLCORE_SAS", "dlcore_token", "DLCORE_ANYTHING", "MY_TOKEN", "my_token"),
        *("OTEL_EXPORTER_OTLP_HEADERS", "otel_exporter_otlp_traces_headers"),
    ],
)
def test_no_credential_of_the_process_is_passed_on(name: str) -> None:
    """Fault K4: a token lies in dlcore's environment. dlcore passes it to no command."""
    made = step_environment({name: CANARY, "OTHER": "x"}, {}, {"MY_TOKEN"})
    assert made.values == {"OTHER": "x"}
    assert made.withheld == (name,)


@pytest.mark.parametrize(
    ("proxy", "passed"),
    [
        ("http://user:canary@proxy:8080", "http://proxy:8080"),
        ("http://user:can@ry@proxy:8080/", "http://proxy:8080/"),
        ("user:canary@proxy:8080", "http://proxy:8080"),
        ("http://[canary@proxy", ""),
        ("http://proxy:8080", "http://proxy:8080"),
        ("proxy:8080", "proxy:8080"),
    ],
)
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "http_proxy", "ALL_PROXY"])
def test_the_password_of_a_proxy_is_not_passed_on(name: str, proxy: str, passed: str) -> None:
    """Fault: the proxy's URL contains a password. dlcore passes the URL on without it."""
    assert step_environment({name: proxy}, {}, ()).values == {name: passed}


@pytest.mark.parametrize(
    "name",
    [
        *sorted(LOADER_VARIABLES),
        *(f"{prefix}X" for prefix in LOADER_PREFIXES),
        *("ld_preload", "Path", "PythonPath", "HTTPS_PROXY", "DLCORE_VARIABLES"),
        *("BASH_FUNC_ls%%", "A=B", "", "a b", "A\nB"),
    ],
)
def test_a_task_sequence_variable_never_chooses_what_is_loaded(name: str) -> None:
    """Fault: a task sequence sets PATH, LD_PRELOAD or the like. dlcore does not pass it on."""
    made = step_environment({}, {name: "x", "Own-Name_1": "y"}, ())
    assert made.values == {"Own-Name_1": "y"}
    assert made.not_set == (name,)


@given(st.text(min_size=1), st.text(), st.text())
def test_a_task_sequence_variable_never_replaces_what_the_process_has(
    name: str, own: str, other: str
) -> None:
    values = step_environment({name: own}, {name.upper(): other, name.lower(): other}, ()).values
    assert other == own or other not in values.values()


@pytest.mark.parametrize("value", ["a\0b", "x" * (MAX_VALUE_CHARACTERS + 1)])
def test_a_value_that_no_environment_can_hold_is_left_out(value: str) -> None:
    made = step_environment({}, {"A": value, "B": "x" * MAX_VALUE_CHARACTERS}, ())
    assert (list(made.values), made.not_set) == (["B"], ("A",))
