"""The rules of *Set Dynamic Variables* steps."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.errors import TaskSequenceError
from dlcore.tasksequence import FrozenVariables, Step, Variables, from_facts, undecided
from dlcore.tasksequence.dynamic_rules import (
    Assignment,
    Evaluated,
    dynamic_rules,
    evaluate_rules,
    names_assigned,
)
from dlcore.tasksequence.set_variable import set_variable
from dlcore.tasksequence.step_types import SET_DYNAMIC_VARIABLES

PARAMETER = "OSDSetDynamicVariablesRules"
DELL = (
    '<condition><operator type="and">'
    '<expression type="SMS_TaskSequence_VariableConditionExpression">'
    '<variable name="Operator">equals</variable><variable name="Value">DELL</variable>'
    '<variable name="Variable">_SMSTSMake</variable></expression>'
    '<expression type="SMS_TaskSequence_VariableConditionExpression">'
    '<variable name="Operator">like</variable><variable name="Value">*900?</variable>'
    '<variable name="Variable">_SMSTSModel</variable></expression></operator></condition>'
)
LAPTOP = (
    '<Condition><Expression Type="SMS_TaskSequence_WMIConditionExpression">'
    '<Variable Name="Query">SELECT * FROM Win32_Battery</Variable></Expression></Condition>'
)


def variable(name: str, value: str, secret: str = "false") -> str:
    return f'<Variable Name="{name}" IsSecret="{secret}">{value}</Variable>'


def rule(*variables: str, condition: str = "") -> str:
    return f"<Rule>{condition}<Variables>{''.join(variables)}</Variables></Rule>"


def step_of(document: str, parameter: str = PARAMETER) -> Step:
    return Step(
        0,
        "set defaults",
        SET_DYNAMIC_VARIABLES,
        variables=FrozenVariables({parameter: document}),
    )


def step_with(*rules: str) -> Step:
    return step_of(f"<Rules>{''.join(rules)}</Rules>")


def evaluated(step: Step, variables: Mapping[str, str] | None = None) -> Evaluated:
    facts = from_facts({"SELECT * FROM Win32_Battery": True})
    return evaluate_rules(dynamic_rules(step, variables), variables or {}, facts)


def values(step: Step, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    return {item.name: item.value for item in evaluated(step, variables).assignments}


def test_a_rule_without_a_condition_always_applies() -> None:
    assert values(step_with(rule(variable("Ring", "Pilot")))) == {"Ring": "Pilot"}


@pytest.mark.parametrize(
    ("model", "sets"), [("DELL-ABC-9001", True), ("dell9009", True), ("DELL-900", False)]
)
def test_a_rule_applies_if_its_condition_holds(model: str, sets: bool) -> None:
    step = step_with(rule(variable("Drivers", "ABC00001"), condition=DELL))
    found = values(step, {"_SMSTSMake": "Dell", "_SMSTSModel": model})
    assert found == ({"Drivers": "ABC00001"} if sets else {})


def test_case_does_not_matter_in_the_document() -> None:
    step = step_with(rule(variable("Kind", "laptop"), condition=LAPTOP))
    assert values(step) == {"Kind": "laptop"}


def test_a_rule_sees_what_the_rules_before_it_have_set() -> None:
    step = step_with(
        rule(variable("_SMSTSMake", "DELL"), variable("_SMSTSModel", "9001")),
        rule(variable("Drivers", "%_SMSTSModel%-drivers"), condition=DELL),
    )
    assert values(step)["Drivers"] == "9001-drivers"


def test_the_last_rule_counts() -> None:
    step = step_with(rule(variable("Ring", "Pilot")), rule(variable("Ring", "Broad")))
    assert values(step) == {"Ring": "Broad"}


def test_names_and_values_are_expanded() -> None:
    step = step_with(rule(variable("%WHICH%", "a %VALUE% b")))
    assert values(step, {"WHICH": "Ring", "VALUE": "%INNER%", "INNER": "x"}) == {"Ring": "a x b"}


def test_a_secret_is_marked() -> None:
    step = step_with(rule(variable("Password", "hidden", "true")))
    assert evaluated(step).assignments == (Assignment("Password", "hidden", is_secret=True),)


def test_an_undecided_rule_sets_nothing_and_is_told() -> None:
    """Fault: a rule asks what this machine cannot tell. dlcore leaves it out and names it."""
    step = step_with(
        rule(variable("A", "1")),
        rule(variable("B", "2"), condition=LAPTOP),
        rule(variable("C", "3")),
    )
    found = evaluate_rules(dynamic_rules(step), {}, undecided)
    assert [item.name for item in found.assignments] == ["A", "C"]
    assert found.undecided == (2,)


@pytest.mark.parametrize(
    "restricted",
    [
        '<Rule Make="Contoso"><Variables><Variable Name="A">1</Variable></Variables></Rule>',
        "<Rule><Gateway>192.0.2.1</Gateway><Variables><Variable Name='A'/></Variables></Rule>",
    ],
)
def test_an_unknown_restriction_is_undecided(restricted: str) -> None:
    """Fault: a rule is restricted in an unknown way. dlcore does not apply it everywhere."""
    found = evaluated(step_with(restricted))
    assert found == Evaluated((), (1,))


def test_a_variable_overrides_the_rules() -> None:
    step = step_with(rule(variable("Ring", "Pilot")))
    other = {PARAMETER: f"<Rules>{rule(variable('Ring', 'Broad'))}</Rules>"}
    assert values(step, other) == {"Ring": "Broad"}


def test_the_rules_are_found_by_their_text_too() -> None:
    document = f"\n <Rules>{rule(variable('Ring', 'Pilot'))}</Rules>"
    assert values(step_of(document, "Something")) == {"Ring": "Pilot"}


def test_a_step_without_rules_sets_nothing() -> None:
    assert dynamic_rules(Step(0, "empty", SET_DYNAMIC_VARIABLES)) == ()
    assert dynamic_rules(step_of("")) == ()


def test_the_names_that_may_be_set_are_known_beforehand() -> None:
    step = step_with(
        rule(variable("A", "1"), condition=LAPTOP), rule(variable("b", "2"), variable("A", "3"))
    )
    assert names_assigned(step) == {"A", "b"}


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ("<Rules><Rule></Rules>", "'set defaults', OSDSetDynamicVariablesRules: not well-formed"),
        ("<Regeln/>", "begins with <Regeln>"),
        (
            "<Rules><Rule/><Rule><Variables><Variable>x</Variable></Variables></Rule></Rules>",
            "rule 2: a variable without a name",
        ),
        ('<!DOCTYPE x [<!ENTITY e "e">]><Rules/>', "declares a document type"),
        ("<Rules>" + "<a>" * 200 + "</a>" * 200 + "</Rules>", "nested over"),
    ],
)
def test_a_document_that_cannot_be_read_is_refused_by_its_place(document: str, place: str) -> None:
    """Fault: a step's rules are damaged or hostile. dlcore fails the step and says where."""
    with pytest.raises(TaskSequenceError, match="set defaults") as caught:
        dynamic_rules(step_of(document))
    assert place in caught.value.message


NAMES = st.sampled_from(["A", "B", "Ring"])
TEXTS = st.sampled_from(["", "%A%", "x%Ring%"]) | st.text(
    st.characters(codec="ascii", exclude_categories=["C"], exclude_characters="<>&")
)


@given(st.lists(st.tuples(NAMES, TEXTS), max_size=6), st.dictionaries(NAMES, TEXTS))
def test_unconditional_rules_do_what_the_same_set_steps_do(
    pairs: list[tuple[str, str]], before: dict[str, str]
) -> None:
    known = Variables(before)
    for name, value in pairs:
        set_variable(known, name, known.expand(value))
    step = step_with(*(rule(variable(name, value)) for name, value in pairs))
    made = Variables(before)
    for item in evaluate_rules(dynamic_rules(step), before, undecided).assignments:
        set_variable(made, item.name, item.value)
    assert made == known
