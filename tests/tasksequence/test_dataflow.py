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
    simulated_variables,
    variables_read,
    variables_written,
)
from tests.tasksequence.conditions import conditions_of
from tests.tasksequence.documents import LAW, read_steps, step

RULES = "<Rules><Rule><Variables><Variable Name='Ring'>Pilot</Variable></Variables></Rule></Rules>"


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
        "_SMSTSCURRENTACTIONNAME",
        "_SMSTSLASTCONTENTDOWNLOADLOCATION",
    }


@pytest.mark.parametrize(
    ("kind", "action", "parameters", "names"),
    [
        ("SetVariableAction", "", {"VariableName": "Mine"}, {"MINE"}),
        ("SetVariableAction", 'tsenv.exe "Mine=some value" /hiddenflag:False', {}, {"MINE"}),
        ("SetVariableAction", "", {"VariableName": "Drive%N%"}, {ANY}),
        ("SetDynamicVariablesAction", "", {}, {"_SMSTSMODEL"}),
        ("SetDynamicVariablesAction", "", {"Rules": "<Rules><Ru"}, {ANY}),
        ("SetDynamicVariablesAction", "", {"Rules": RULES}, {"RING", "_SMSTSMAKE"}),
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
            {"DRIVERS", "DRIVERS01", "DRIVERS02", "_SMSTSABC00001", "_SMSTSABC00002"},
        ),
        ("InstallSoftwareAction", "", {"PackageID": "ABC00001"}, {"_SMSTSABC00001"}),
        ("PrestartCheckAction", "", {}, {"_TS_CRMEMORY", "_TS_CRDISK"}),
        ("BDD_Custom", "", {"MyOutputVariableName": "Out"}, {"OUT"}),
    ],
)
def test_each_step_type_writes_what_is_documented(
    kind: str, action: str, parameters: dict[str, str], names: set[str]
) -> None:
    assert written(kind, action, **parameters) >= names


def test_a_variable_overrides_the_parameter_that_names_an_output() -> None:
    result = read_steps(step(parameters={"SMSTSRunCommandLineOutputVariableName": "Out"}))
    overridden = variables_written(
        result.steps[0], {"smstsruncommandlineoutputvariablename": "Other"}
    )
    assert "OTHER" in overridden
    assert "OUT" not in overridden


def test_a_list_that_is_not_known_may_set_any_numbered_path() -> None:
    parameters = {"OSDDownloadDownloadPackages": "%L%", "OSDDownloadDestinationVariable": "D"}
    only = read_steps(step("DownloadPackageContentAction", parameters=parameters)).steps[0]
    assert {"D", "D01", "D99"} <= variables_written(only)
    known = variables_written(only, {"L": "ABC00001"})
    assert "D01" in known
    assert "D02" not in known


def test_a_restart_leads_back_to_the_full_operating_system() -> None:
    assert "_SMSTSINWINPE" not in written("RebootAction")


def test_a_simulated_scan_finds_nothing_and_a_simulated_upgrade_succeeds() -> None:
    code = "_SMSTSOSUpgradeActionReturnCode"
    scan, upgrade = read_steps(
        step("UpgradeOperatingSystemAction", parameters={"OSDUpgradeScanOnly": "true"}),
        step("UpgradeOperatingSystemAction", parameters={"OSDUpgradeScanOnly": "false"}),
    ).steps
    assert int(simulated_variables(scan)[code]) == 0xC1900210
    assert simulated_variables(upgrade)[code] == "0"
    assert simulated_variables(upgrade, {"OSDUpgradeScanOnly": "TRUE"})[code] == str(0xC1900210)


def test_a_simulated_check_tells_only_what_was_asked() -> None:
    parameters = {"OSDCheckMemory": "true", "OSDCheckDeviceUEFI": "false"}
    only = read_steps(step("PrestartCheckAction", parameters=parameters)).steps[0]
    assert simulated_variables(only)["_TS_CRMEMORY"] == "1"
    assert simulated_variables(only)["_TS_CRUEFI"] == ""
    assert simulated_variables(read_steps(step("BDD_Custom")).steps[0]) == {}


def test_an_open_list_meets_every_condition_that_reads_a_variable_and_no_other() -> None:
    open_list = written("BDD_Gather")
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
