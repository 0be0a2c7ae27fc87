"""The step *Set Dynamic Variables*, as the engine runs it."""

from __future__ import annotations

import logging
from xml.sax.saxutils import escape

import pytest

from dlcore.engine.running.dynamic_variables_step import gathered, set_dynamic_variables
from dlcore.errors import ConfigError, TaskSequenceError
from dlcore.machine import SilentMachine
from dlcore.steps.interface import Outcome
from dlcore.tasksequence import FrozenVariables, Step, Variables, undecided
from dlcore.tasksequence.step_types import GATHERED, SET_DYNAMIC_VARIABLES
from tests.machine.told import LAPTOP, ToldMachine

MACHINE = ToldMachine(**LAPTOP)


def rule(name: str, value: str, *, secret: bool = False, condition: str = "") -> str:
    return (
        f'<Rule>{condition}<Variables><Variable Name="{name}" IsSecret="{str(secret).lower()}">'
        f"{escape(value)}</Variable></Variables></Rule>"
    )


def step_with(*rules: str) -> Step:
    document = f"<Rules>{''.join(rules)}</Rules>"
    named = FrozenVariables({"OSDSetDynamicVariablesRules": document})
    return Step(3, "set defaults", SET_DYNAMIC_VARIABLES, variables=named)


async def run(step: Step, variables: Variables | None = None) -> Variables:
    known = Variables() if variables is None else variables
    outcome = await set_dynamic_variables(step, known, undecided, MACHINE)
    assert outcome == Outcome(output=outcome.output)
    return known


async def test_the_machine_is_asked_before_the_rules_are_evaluated() -> None:
    made = (
        '<condition><expression type="SMS_TaskSequence_VariableConditionExpression">'
        '<variable name="Operator">equals</variable><variable name="Value">contoso</variable>'
        '<variable name="Variable">_SMSTSMake</variable></expression></condition>'
    )
    variables = await run(step_with(rule("Drivers", "%_SMSTSModel%-drivers", condition=made)))
    assert variables == {
        "_SMSTSMake": "Contoso",
        "_SMSTSModel": "Model 1",
        "_SMSTSSerialNumber": "SN-1",
        "_SMSTSAssetTag": "TAG-9",
        "_SMSTSUUID": "UUID-1",
        "_SMSTSMacAddresses": "00:15:5D:01:02:03,00:15:5D:01:02:04",
        "_SMSTSIPAddresses": "192.0.2.7,192.0.2.8",
        "_SMSTSDefaultGateways": "192.0.2.1",
        "Drivers": "Model 1-drivers",
    }
    assert {name for name in variables if name.startswith("_")} == set(GATHERED)


def test_what_the_machine_does_not_tell_is_left_as_it_is() -> None:
    """Fault: the machine does not tell its make and model. dlcore sets no variable for them."""
    assert gathered(SilentMachine()) == {}


async def test_a_secret_is_marked_and_not_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Fault: a rule sets a password. dlcore marks the variable, and its value is in no log."""
    with caplog.at_level(logging.DEBUG):
        variables = await run(step_with(rule("Password", "hidden value", secret=True)))
    assert variables["Password"] == "hidden value"
    assert variables.masked("it is hidden value") == "it is ***"
    assert "hidden" not in caplog.text


async def test_an_undecided_rule_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Fault: a rule cannot be decided here. dlcore sets nothing of it, and logs its number."""
    battery = (
        '<condition><expression type="SMS_TaskSequence_WMIConditionExpression">'
        '<variable name="Query">SELECT * FROM Win32_Battery</variable></expression></condition>'
    )
    variables = Variables()
    step = step_with(rule("A", "1"), rule("B", "2", condition=battery))
    outcome = await set_dynamic_variables(step, variables, undecided, MACHINE)
    assert variables["A"] == "1"
    assert "B" not in variables
    told = "rule 2 cannot be decided on this machine, so it sets nothing"
    assert outcome == Outcome(output=told)
    assert f"step 3: {told}" in caplog.text


async def test_an_empty_value_removes_a_variable() -> None:
    variables = await run(step_with(rule("Ring", "")), Variables({"ring": "Pilot"}))
    assert "Ring" not in variables


async def test_a_read_only_variable_fails_the_step() -> None:
    """Fault: a rule sets a read-only variable. dlcore fails the step and names the variable."""
    with pytest.raises(ConfigError, match="_SMSTSMake is read-only"):
        await run(step_with(rule("_SMSTSMake", "Fabrikam")))


async def test_damaged_rules_fail_the_step_and_set_nothing() -> None:
    """Fault: a step's rules are damaged. dlcore fails the step, says where, and sets nothing."""
    variables = Variables()
    with pytest.raises(TaskSequenceError, match="'set defaults', OSDSetDynamicVariablesRules"):
        await run(step_with("<Rule>"), variables)
    assert variables == {}
