"""What conditions read and steps write, so that early decisions are right."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.tasksequence import (
    ANY,
    And,
    Condition,
    Expression,
    FileExpression,
    FolderExpression,
    FrozenVariables,
    Not,
    Operator,
    Or,
    OtherExpression,
    RegistryExpression,
    VariableExpression,
    Verdict,
    WmiExpression,
    evaluate,
    names_read,
    variables_read,
    variables_written,
)
from tests.tasksequence.conditions import conditions_of
from tests.tasksequence.documents import LAW, read_steps, step


def written(kind: str, action: str = "", **parameters: str) -> frozenset[str]:
    result = read_steps(step(kind, action=action, parameters=parameters))
    return variables_written(result.steps[0])


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        (None, set()),
        (VariableExpression("Model", Operator.EQUALS, "a%b%c"), {"MODEL", "B"}),
        (FileExpression("%windir%\\x", "%V%"), {"WINDIR", "V"}),
        (FolderExpression("%_SMSTSMDataPath%\\Drivers"), {"_SMSTSMDATAPATH"}),
        (RegistryExpression("%k%", Operator.EQUALS, "%v%", "", "%d%"), {"K", "V", "D"}),
        (WmiExpression("SELECT * FROM X WHERE N = '%n%'", "root\\%ns%"), {"N", "NS"}),
        (WmiExpression("Model LIKE '%Latitude E7270%'"), set()),
        (OtherExpression("t", FrozenVariables({"P": "%q%"})), {"Q"}),
        (Not(And((WmiExpression("%a%"), Or((WmiExpression("%b%"),))))), {"A", "B"}),
    ],
)
def test_a_condition_reads_what_it_names_and_quotes(
    condition: Condition | None, names: set[str]
) -> None:
    assert variables_read(condition) == (names | {ANY} if names else names)


def test_a_text_reads_what_it_quotes() -> None:
    assert names_read("%a%/%B%") >= {"A", "B", ANY}
    assert names_read("100%") == frozenset()


def test_every_step_writes_the_outcome_of_the_last_action() -> None:
    assert written("RunCommandLineAction") == {
        "_SMSTSLASTACTIONRETCODE",
        "_SMSTSLASTACTIONSUCCEEDED",
        "_SMSTSLASTACTIONNAME",
        "_SMSTSLASTCONTENTDOWNLOADLOCATION",
    }


@pytest.mark.parametrize(
    ("kind", "action", "parameters", "names"),
    [
        ("SetVariableAction", "", {"VariableName": "Mine"}, {"MINE"}),
        ("SetVariableAction", 'tsenv.exe "Mine=some value" /hiddenflag:False', {}, {"MINE"}),
        ("SetVariableAction", "", {"VariableName": "Drive%N%"}, {ANY}),
        ("SetDynamicVariablesAction", "", {}, {ANY}),
        ("BDD_Gather", "", {}, {ANY}),
        ("RunCommandLineAction", "", {"SMSTSRunCommandLineOutputVariableName": "Out"}, {"OUT"}),
        (
            "RunPowerShellScriptAction",
            "",
            {"OSDRunPowerShellScriptOutputVariableName": " Out "},
            {"OUT"},
        ),
        (
            "UpgradeOperatingSystemAction",
            "",
            {},
            {"_SMSTSOSUPGRADEACTIONRETURNCODE", "_SMSTSSETUPROLLBACK"},
        ),
        (
            "DownloadPackageContentAction",
            "",
            {
                "OSDDownloadDownloadPackages": "ABC00001,ABC00002",
                "OSDDownloadDestinationVariable": "Drivers",
            },
            {"DRIVERS01", "DRIVERS02", "_SMSTSABC00001", "_SMSTSABC00002"},
        ),
        ("InstallSoftwareAction", "", {"PackageID": "ABC00001"}, {"_SMSTSABC00001"}),
        ("PrestartCheckAction", "", {}, {"_TS_CRMEMORY", "_TS_CRDISK"}),
        ("RebootAction", "", {}, {"_SMSTSINWINPE"}),
    ],
)
def test_each_step_type_writes_what_is_documented(
    kind: str, action: str, parameters: dict[str, str], names: set[str]
) -> None:
    assert written(kind, action, **parameters) >= names


def test_an_open_list_meets_every_condition_that_reads_a_variable_and_no_other() -> None:
    open_list = written("SetDynamicVariablesAction")
    assert open_list & variables_read(VariableExpression("Model", Operator.EXISTS))
    assert not open_list & variables_read(WmiExpression("Model LIKE '%E7270 x%'"))


NAMES = ("A", "B", "C")
EXPRESSIONS: st.SearchStrategy[Condition] = st.one_of(
    st.builds(
        VariableExpression,
        st.sampled_from(NAMES),
        st.sampled_from(Operator),
        st.sampled_from(["", "1", "%A%", "x%B%"]),
    ),
    st.sampled_from([WmiExpression("%C%"), FolderExpression("%A%\\%B%"), FileExpression("f")]),
)
CONDITIONS = conditions_of(EXPRESSIONS, fewest=0, max_leaves=6)


def by_text(expression: Expression, variables: Mapping[str, str]) -> Verdict:
    """An evaluator whose answer depends on nothing but the expanded expression."""
    known = FrozenVariables(variables)
    text = known.expand(str(expression))
    return list(Verdict)[sum(text.encode()) % 3]


@LAW
@given(
    CONDITIONS,
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["", "1", "2"])),
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["", "1", "3"])),
)
def test_variables_that_are_not_read_do_not_change_a_verdict(
    condition: Condition, before: dict[str, str], changes: dict[str, str]
) -> None:
    read = variables_read(condition)
    unread = {name: value for name, value in changes.items() if name not in read}
    assert evaluate(condition, before | unread, by_text) is evaluate(condition, before, by_text)
