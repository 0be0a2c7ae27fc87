"""Where the task sequence stands, by variables of which some are not documented."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.hook.position import sequence_point
from dlcore.hook.stand_in import VariablesInMemory
from tests.engine.scene import group, sequence, step, when

DRIVERS, OFFICE = "ABC00012", "ABC00013"
DOCUMENT = sequence(
    step("Prepare"),
    group(
        "Before",
        step("Install", package=DRIVERS),
        step("Install", package=OFFICE, condition=when("Model", "This model")),
    ),
    group("After", step("Check"), step("Install", package=DRIVERS)),
).decode()


def position(package_id: str = DRIVERS, document: str = DOCUMENT, **values: str) -> int | None:
    variables = VariablesInMemory({"_SMSTSTaskSequence": document, **values})
    point = sequence_point(variables, package_id).point
    return point.position if point else None


def test_the_step_is_found_by_its_name_and_by_what_it_needs() -> None:
    assert position(OFFICE, _SMSTSCurrentActionName="Install") == 2
    assert position(OFFICE, _SMSTSCurrentActionName="Check") == 3  # a script wants a package
    assert position(OFFICE) == 2


def test_the_instruction_pointer_decides_between_steps_of_one_name() -> None:
    """It counts groups and steps: Prepare 0, Before 1, Install 2 and 3, After 4, Check 5, 6."""
    name = {"_SMSTSCurrentActionName": "Install"}
    assert position(**name, _SMSTSNextInstructionPointer="2") == 1
    assert position(**name, _SMSTSNextInstructionPointer="6") == 4
    assert position(**name, _SMSTSNextInstructionPointer="999999999") == 4


@pytest.mark.parametrize("pointer", ["", "x", "-1", "1.5", "²", "9" * 400])
def test_a_pointer_that_is_no_number_does_no_harm(pointer: str) -> None:
    assert position(_SMSTSNextInstructionPointer=pointer) == 1


@pytest.mark.parametrize(
    "document", ["", "opaque", "<sequence", "<other/>", "<sequence><step/></sequence>"]
)
def test_a_sequence_that_cannot_be_read_is_done_without(document: str) -> None:
    assert position(document=document) is None


def test_the_declaration_of_the_policy_does_not_say_how_a_text_is_encoded() -> None:
    declared = f'\ufeff<?xml version="1.0" encoding="utf-16"?>\r\n{DOCUMENT}'
    assert position(document=declared) == 1


def test_a_package_that_no_step_needs_has_no_position() -> None:
    assert position("ABC00099") is None


@given(st.text(max_size=200), st.text(max_size=12), st.text(max_size=30))
def test_no_value_of_a_variable_fails_the_call(document: str, pointer: str, name: str) -> None:
    found = position(
        document=document + DOCUMENT,
        _SMSTSNextInstructionPointer=pointer,
        _SMSTSCurrentActionName=name,
    )
    assert found is None or 0 <= found < 5
