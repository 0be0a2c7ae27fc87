"""What the agent is told of the variables, and what nobody is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.hook.handed_variables import (
    MAX_TOTAL_CHARACTERS,
    MAX_VALUE_CHARACTERS,
    handed_variables,
    may_be_told,
)
from dlcore.hook.stand_in import VariablesInMemory
from dlcore.tasksequence import read
from tests.engine.scene import sequence, step, when

SECRETS = (
    *("_SMSTSDPAuthToken", "_SMSTSAuthenticator", "OSDJoinPassword", "OSDProductKey"),
    *("_SMSTSReserved1-000", "_SMSTSMediaPFX", "OSDRecoveryKeyX", "_SMSTSHTTPSABC00012X"),
    *("MyPassword", "ApiToken", "SMSTSRunCommandLineUserPassword", "OSDLocalAdminPassword"),
    "_SMSTSSiteSigningCertificate",
)


def handed(document: bytes, **values: str) -> dict[str, str]:
    return handed_variables(VariablesInMemory(values), read(document, source="test"))


def test_what_conditions_and_package_parameters_read_is_told() -> None:
    document = sequence(
        step("One", condition=when("Model", "%Wanted%")),
        step("Two", PackageID="%DriverPackage%"),
        step("Three", "DownloadPackageContentAction"),
    )
    values = {
        "MODEL": "This model",
        "Wanted": "%Other%",
        "Other": "value",
        "DriverPackage": "ABC00012",
        "OSDDownloadDownloadPackages": "ABC00013",
        "Unread": "not told",
    }
    told = handed(document, **values)
    assert told == {name: value for name, value in values.items() if name != "Unread"}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_not_told_though_a_condition_reads_it(name: str) -> None:
    document = sequence(step("One", condition=when(name, "x"), CommandLine=f"%{name}%"))
    assert handed(document, **{name: "the secret"}) == {}


def test_what_a_step_sets_hidden_is_not_told() -> None:
    hidden = step(
        "Set",
        "SetVariableAction",
        VariableName="Code",
        VariableValue="",
        DoNotShowVariableValue="true",
    )
    document = sequence(hidden, step("One", condition=when("Code", "x")))
    assert handed(document, Code="the secret") == {}


@pytest.mark.parametrize("name", ["_SMSTSMODEL", "_SMSTSABC00012", "OSDCOMPUTERNAME", "MINE"])
def test_what_is_documented_or_an_engineers_own_may_be_told(name: str) -> None:
    assert may_be_told(name)


def test_a_value_that_is_too_long_is_left_out() -> None:
    document = sequence(step("One", condition=when("Long", "%Short%")))
    told = handed(document, Long="x" * (MAX_VALUE_CHARACTERS + 1), Short="y")
    assert told == {"Short": "y"}


@given(st.dictionaries(st.sampled_from([f"V{n}" for n in range(40)]), st.text(max_size=5000)))
def test_what_is_told_is_bounded(values: dict[str, str]) -> None:
    document = sequence(*(step("s", condition=when(f"V{n}", f"%V{n + 1}%")) for n in range(40)))
    told = handed(document, **values)
    assert sum(map(len, told.values())) <= MAX_TOTAL_CHARACTERS
    assert all(values[name] == value for name, value in told.items())
