"""What the agent is told of a task sequence: its packages, and none of its passwords."""

from __future__ import annotations

from xml.sax.saxutils import escape

import pytest

from dlcore.hook.handed_sequence import without_secrets
from dlcore.hook.position import sequence_point
from dlcore.hook.stand_in import VariablesInMemory
from dlcore.tasksequence import packages_in_order, read
from tests.engine.scene import sequence, step, when

SECRET = "correct horse & <battery>"
INSTALL = step("Install", package="ABC00012")
HOLDERS = {
    "parameter": step("Join", "JoinDomainWorkgroupAction", OSDJoinPassword=SECRET),
    "author's own": step("Run", CommandLine="x.exe", MyServicePassword=SECRET),
    "hidden": step(
        *("Set", "SetVariableAction"),
        VariableName="Code",
        VariableValue=SECRET,
        DoNotShowVariableValue="true",
    ),
    "hidden of its own": step(
        *("Set", "SetVariableAction"),
        VariableName="Code",
        HiddenVariableValue=SECRET,
        DoNotShowVariableValue="True",
    ),
    "set by name": step(
        "Set", "SetVariableAction", VariableName="OSDLocalAdminPassword", VariableValue=SECRET
    ),
    "compared": step("Run", condition=when("JoinPassword", escape(SECRET)), CommandLine="x.exe"),
    "repeated": step("Join", "Action", OSDJoinPassword=SECRET, CommandLine=f"net use /x {SECRET}"),
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_secret_in_the_sequence_is_not_told(holder: str) -> None:
    document = sequence(HOLDERS[holder], INSTALL).decode()
    assert "correct horse" in document
    point = sequence_point(VariablesInMemory({"_SMSTSTaskSequence": document}), "ABC00012").point
    assert point is not None
    assert "correct horse" not in point.document
    assert packages_in_order(read(point.document.encode(), source="told")) == ("ABC00012",)


def test_an_action_that_sets_a_secret_is_not_told() -> None:
    """Old exports have the value in the action only."""
    action = 'tsenv.exe "Code=correct horse" /hiddenflag:true'
    document = (
        '<sequence version="3.00"><step type="SMS_TaskSequence_SetVariableAction" name="Set">'
        f"<action>{action.replace(chr(34), '&quot;')}</action></step></sequence>"
    )
    assert "correct horse" not in without_secrets(document)


def test_what_is_no_secret_is_told_as_it_is() -> None:
    document = sequence(INSTALL, step("Run", condition=when("Model", "A &amp; B"))).decode()
    before, after = (
        read(each.encode(), source="x") for each in (document, without_secrets(document))
    )
    assert before.steps == after.steps
    assert before.groups == after.groups
