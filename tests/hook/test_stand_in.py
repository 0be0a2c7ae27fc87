"""Variables where there is no Windows engine: both forms behave like the COM object."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.hook.environment import EnvironmentUnavailableError, TaskSequenceEnvironment
from dlcore.hook.opening import STAND_IN_VARIABLE, open_environment
from dlcore.hook.stand_in import VariablesInFile, VariablesInMemory


@pytest.fixture(params=["memory", "file"])
def variables(request: pytest.FixtureRequest, tmp_path: Path) -> TaskSequenceEnvironment:
    if request.param == "memory":
        return VariablesInMemory()
    return VariablesInFile(tmp_path / "variables.json")


def test_names_ignore_case_and_an_empty_value_removes(variables: TaskSequenceEnvironment) -> None:
    assert variables.get("Model") == ""
    variables.set("Model", "first")
    variables.set("MODEL", "Grüße ☃")
    assert variables.get("model") == "Grüße ☃"
    assert variables.names() == ("MODEL",)
    variables.set("model", "")
    assert variables.names() == ()


@given(st.dictionaries(st.text("aAbB_", min_size=1, max_size=4), st.text(min_size=1)))
def test_what_is_set_is_found_by_any_spelling(values: dict[str, str]) -> None:
    variables = VariablesInMemory(values)
    last = {name.upper(): value for name, value in values.items()}
    assert {name.upper(): variables.get(name.lower()) for name in variables.names()} == last


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', '"x"'])
def test_a_file_that_is_damaged_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "variables.json"
    path.write_text(text)
    with pytest.raises(EnvironmentUnavailableError, match=r"variables\.json: .*cannot be used"):
        VariablesInFile(path).get("x")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_a_pipe_in_the_place_of_the_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "variables.json")
    with pytest.raises(EnvironmentUnavailableError, match="not a plain file"):
        VariablesInFile(tmp_path / "variables.json").get("x")


def test_what_lies_beside_the_file_is_not_written_to(tmp_path: Path) -> None:
    """Fault: somebody has put a link beside the file of the emulated engine's variables, where a
    new one might be written. dlcore gives each new one a name that nobody can foresee.
    """
    (tmp_path / "victim").write_text("of another program")
    (tmp_path / "variables.json.new").hardlink_to(tmp_path / "victim")
    variables = VariablesInFile(tmp_path / "variables.json")
    variables.set("a", "b")
    assert variables.get("a") == "b"
    assert (tmp_path / "victim").read_text() == "of another program"
    assert len([*tmp_path.glob("variables.json*")]) == 2


def test_without_a_task_sequence_the_process_variables_are_taken(tmp_path: Path) -> None:
    found = open_environment({"DLCORE_HOOK_CONFIG": "x"})
    assert found.get("dlcore_hook_config") == "x"
    found = open_environment({STAND_IN_VARIABLE: str(tmp_path / "v.json")})
    found.set("a", "b")
    assert VariablesInFile(tmp_path / "v.json").get("a") == "b"
