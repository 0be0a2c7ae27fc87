"""Values of variables that are not to be shown: in no report, event, log or message of a run."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from dlcore.engine.events import encode
from dlcore.steps.interface import Outcome
from dlcore.tasksequence import Step, Variables
from tests.engine.machine import GOES_ON, TOOLS, Acting, Machine, outcomes, parsed
from tests.engine.scene import step

SECRET = "Pa$$w0rd-of-contoso"


def hidden(name: str, value: str, **more: str) -> str:
    return step(
        "set",
        "SetVariableAction",
        VariableName=name,
        VariableValue=value,
        DoNotShowVariableValue="true",
        **more,
    )


def shown(machine: Machine, report: object, caplog: pytest.LogCaptureFixture) -> str:
    """All that people and programs get to see."""
    events = b"\n".join(map(encode, machine.events)).decode()
    return msgspec.json.encode(report).decode() + events + caplog.text


def test_what_a_step_says_holds_no_secret_even_after_a_restart(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def act(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        if step.name == "boot":
            assert variables["Key"] == SECRET
            variables["SMSTSRebootMessage"] = f"the key is {SECRET}"
            return Outcome(restart=True)
        told = f"{SECRET} was refused"
        return Outcome(7, message=told, output=told) if step.name == "bad" else Outcome()

    tree = parsed(hidden("Key", SECRET), step("boot"), step("bad"))
    report = machine.run(tree, Acting(act))
    assert report.restart is not None
    assert report.restart.message == "the key is ***"
    assert SECRET not in shown(machine, report, caplog)
    report = machine.run(tree, Acting(act))
    assert outcomes(report)["bad"] == report.steps[-1].output == "*** was refused"
    assert SECRET not in shown(machine, report, caplog)


def test_a_hidden_value_may_have_a_parameter_of_its_own(machine: Machine) -> None:
    def act(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        assert step.name == "os" or variables["Key"] == SECRET
        return Outcome()

    tree = parsed(hidden("Key", "", HiddenVariableValue=SECRET), step("last"))
    assert machine.run(tree, Acting(act)).outcome == "succeeded"


@pytest.mark.parametrize("kind", ["RunCommandLineAction", "DownloadPackageContentAction"])
def test_a_reference_that_is_a_secret_is_not_quoted(
    machine: Machine, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    machine.on_internet = False
    name = "PackageID" if kind == "RunCommandLineAction" else "OSDDownloadDownloadPackages"
    bad = step("bad", kind, attributes=GOES_ON, **{name: "%Key%"})
    report = machine.run(parsed(hidden("Key", SECRET), bad))
    assert "%Key%" in outcomes(report)["bad"]
    assert SECRET not in shown(machine, report, caplog)


def test_a_destination_that_is_a_secret_is_not_quoted(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    get = step(
        "get",
        "DownloadPackageContentAction",
        OSDDownloadDownloadPackages=TOOLS,
        OSDDownloadDestinationLocationType="%Key%",
    )
    report = machine.run(parsed(hidden("Key", SECRET), get))
    assert "unknown destination '***'" in outcomes(report)["get"]
    assert SECRET not in shown(machine, report, caplog)
