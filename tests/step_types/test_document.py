"""The page about task sequences says what dlcore's tables say, and its example runs as it says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from dlcore.engine.running.own_step_rules import is_own
from dlcore.steps.refused import REFUSALS
from dlcore.steps.registry import standard_executors
from dlcore.tasksequence import Step
from dlcore.tasksequence.step_types import STEP_TYPES
from tests.cases.client import Client, steps_of
from tests.step_types.document import EXECUTED, document
from tests.step_types.parameters import PARAMETERS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "task-sequences.md"
READERS = (
    *(ROOT / "dlcore" / "steps").rglob("*.py"),
    ROOT / "dlcore" / "engine" / "running" / "download_step.py",
    ROOT / "dlcore" / "tasksequence" / "set_variable.py",
    ROOT / "dlcore" / "tasksequence" / "builder.py",
    ROOT / "dlcore" / "tasksequence" / "step_types.py",
)
"""The files that read the parameters of steps."""
COMMAND = "python -m tests.step_types > docs/task-sequences.md"


def example() -> str:
    found = re.search(r"```xml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found
    return found[1]


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == document(), COMMAND


def test_each_step_type_is_either_executed_or_refused() -> None:
    names = [kind.name for kind in STEP_TYPES]
    assert sorted(names) == sorted([*EXECUTED, *REFUSALS])


@pytest.mark.parametrize("kind", EXECUTED)
def test_what_is_said_to_be_executed_has_an_executor(kind: str) -> None:
    step = Step(0, "Step", kind)
    assert is_own(step) or "no executor" not in standard_executors().obstacle(step, {})


def test_every_parameter_that_an_executor_reads_is_listed() -> None:
    listed = {name for parameters in PARAMETERS.values() for name in parameters}
    listed |= {parameter.name for kind in STEP_TYPES for parameter in kind.packages}
    calls = r'parameters\.(?:written|expanded|is_true|parts)\("(\w+)"'
    read = {name for path in READERS for name in re.findall(calls, path.read_text("utf-8"))}
    assert len(read) > 20
    assert read <= listed


def test_every_parameter_that_is_listed_is_read() -> None:
    text = "".join(path.read_text("utf-8") for path in READERS)
    for kind, parameters in PARAMETERS.items():
        for name in parameters:
            suffix = name.removeprefix("OSDBitLocker").removeprefix("...")
            assert f'{suffix}"' in text or suffix == "Rules", (kind, name)


def test_what_is_said_to_be_refused_is_refused_with_that_reason() -> None:
    executors = standard_executors()
    for kind, reason in REFUSALS.items():
        assert executors.obstacle(Step(0, "Step", kind), {}) == reason


def test_the_example_is_planned_as_the_page_says(client: Client) -> None:
    steps = {step["name"]: step for step in client.plan(example()).document["steps"]}
    assert steps["Download the drivers"]["packages"] == ["ABC00002"]
    assert (steps["Format the disk"]["runs"], steps["Format the disk"]["reason"]) == (
        "no",
        "Windows PE",
    )


def test_the_example_runs_as_the_page_says(client: Client) -> None:
    sequence = example() if sys.platform == "win32" else example().replace("cmd.exe /c ", "")
    assert client.run(sequence).status == 16
    assert [path.name for path in client.state.glob("packages/ABC*")] != []
    assert not list(client.state.glob("packages/ABC0000[13]*"))
    ended = client.run(sequence)
    assert (ended.status, steps_of(ended)["Tell"]) == (0, "succeeded")
    (told,) = [step for step in ended.document["steps"] if step["name"] == "Tell"]
    assert "ABC00002" in told["output"]
