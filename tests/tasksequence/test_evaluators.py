"""Evaluators answer what they know and say undecided to the rest."""

from __future__ import annotations

import sys

import pytest

from dlcore.tasksequence import (
    Expression,
    FileExpression,
    FolderExpression,
    FrozenVariables,
    Operator,
    OtherExpression,
    RegistryExpression,
    Verdict,
    WmiExpression,
    default_evaluator,
    from_facts,
    undecided,
)

QUERY = WmiExpression("SELECT * FROM Win32_ComputerSystem WHERE Model LIKE '%E7270%'")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows can be asked")
def test_nothing_is_known_by_itself_off_windows() -> None:
    assert default_evaluator()(QUERY, {}) is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("expression", "fact"),
    [
        (QUERY, "select *  from WIN32_ComputerSystem\n where model like '%E7270%'"),
        (FileExpression("C:\\Windows\\x.exe"), "c:\\windows\\X.EXE"),
        (FolderExpression("%_SMSTSMDataPath%\\Drivers"), "%_smstsmdatapath%\\drivers"),
        (FolderExpression("%_SMSTSMDataPath%\\Drivers"), "C:\\Data\\Drivers"),
        (RegistryExpression("HKLM\\Key", Operator.EXISTS), "hklm\\key"),
        (RegistryExpression("HKLM\\Key", Operator.EXISTS, "Value"), "hklm\\key\\value"),
        (OtherExpression("os", FrozenVariables({"Name": "All x64"})), "all X64"),
        (OtherExpression("Software", FrozenVariables()), "software"),
    ],
)
@pytest.mark.parametrize("answer", [True, False])
def test_stated_facts_are_known_in_any_case_and_spacing(
    expression: Expression, fact: str, answer: bool
) -> None:
    evaluator = from_facts({fact: answer})
    assert evaluator(expression, {"_SMSTSMDataPath": "C:\\Data"}) is Verdict.of(answer)


def test_what_is_not_stated_is_asked_of_the_fallback() -> None:
    assert from_facts({"other": True})(QUERY, {}) is Verdict.UNDECIDED
    assert from_facts({"other": True}, lambda *_: Verdict.FALSE)(QUERY, {}) is Verdict.FALSE
    assert from_facts({}, undecided)(QUERY, {}) is Verdict.UNDECIDED
