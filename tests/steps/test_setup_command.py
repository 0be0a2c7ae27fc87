"""The command line of Windows Setup."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.steps.commands.quoting.windows_arguments import arguments_of
from dlcore.steps.setup_command import SetupOptions, options_from, quoted_path, setup_line
from dlcore.tasksequence import FrozenVariables, Step, StepParameters
from dlcore.tasksequence.step_types import UPGRADE

SETUP = "C:\\_SMSTaskSequence\\Packages\\ABC00003\\SETUP.EXE"
COMPLETE = "C:\\WINDOWS\\SMSTSPostUpgrade\\SetupComplete.cmd"
ROLLBACK = "C:\\WINDOWS\\SMSTSPostUpgrade\\SetupRollback.cmd"


def options(variables: dict[str, str] | None = None, /, **parameters: str) -> SetupOptions:
    named = {f"OSDUpgrade{name}": value for name, value in parameters.items()}
    step = Step(0, "upgrade", UPGRADE, variables=FrozenVariables(named))
    known = FrozenVariables(variables or {})
    return options_from(StepParameters(step, known), known)


def line(found: SetupOptions) -> str:
    return setup_line(SETUP, found)


def test_the_line_is_that_of_a_real_log() -> None:
    # Source: as in setup_command.py; the log is of ConfigMgr 1906.
    found = SetupOptions(index="3", when_complete=COMPLETE, when_rolled_back=ROLLBACK)
    assert line(found) == (
        '"C:\\_SMSTaskSequence\\Packages\\ABC00003\\SETUP.EXE" /ImageIndex 3 /auto Upgrade /quiet'
        ' /noreboot /postoobe "C:\\WINDOWS\\SMSTSPostUpgrade\\SetupComplete.cmd" /postrollback'
        ' "C:\\WINDOWS\\SMSTSPostUpgrade\\SetupRollback.cmd" /DynamicUpdate Disable'
        " /postrollbackcontext system"
    )


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, "/ImageIndex 1 /auto Upgrade /quiet /noreboot /DynamicUpdate Disable"),
        ({"InstallEditionIndex": "6"}, "/ImageIndex 6 "),
        ({"ScanOnly": "true"}, "/compat ScanOnly"),
        ({"IgnoreMessages": "TRUE"}, "/compat IgnoreWarning"),
        (
            {"ScanOnly": "true", "IgnoreMessages": "true"},
            "/compat ScanOnly /compat IgnoreWarning",
        ),
        ({"DynamicUpdateSettings": "OveridePolicy"}, "/DynamicUpdate Enable"),
        ({"DynamicUpdateSettings": "Disable"}, "/DynamicUpdate Disable"),
        ({"OsProductKey": "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"}, "/pkey AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"),
        ({"PreserveSettings": "dataonly"}, "/auto DataOnly "),
    ],
)
def test_each_setting_gives_its_option(parameters: dict[str, str], expected: str) -> None:
    assert expected in line(options(**parameters))


@pytest.mark.parametrize("name", ["ScanOnly", "IgnoreMessages"])
def test_a_setting_that_is_off_gives_no_option(name: str) -> None:
    assert "/compat" not in line(options(**{name: "false"}))


def test_a_variable_overrides_a_setting() -> None:
    found = options({"OSDUpgradeInstallEditionIndex": "%EDITION%", "EDITION": "4"})
    assert found.index == "4"


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"InstallEditionIndex": "1 /evil"}, "OSDUpgradeInstallEditionIndex is '1 /evil'"),
        ({"PreserveSettings": "Everything"}, "not one of Upgrade, DataOnly, Clean"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(parameters: dict[str, str], told: str) -> None:
    """Fault: a parameter of the upgrade cannot be used. dlcore refuses the step and names it."""
    with pytest.raises(ValueError, match=told):
        options(**parameters)


def test_a_product_key_that_is_none_is_refused_and_not_told() -> None:
    """Fault: a product key holds more than a key. dlcore refuses it, and does not show it."""
    with pytest.raises(ValueError, match="not a product key") as caught:
        options(OsProductKey="AAAAA /installfrom x")
    assert "AAAAA" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("/Priority High /telemetry disable", "/Priority High /telemetry disable"),
        ('/ReflectDrivers "C:\\Program Files\\X"', '/ReflectDrivers "C:\\Program Files\\X"'),
        ("/copylogs %LOGS%", '/copylogs "C:\\My Logs"'),
        ('/copylogs "%LOGS%"', '/copylogs "C:\\My Logs"'),
    ],
)
def test_what_the_author_appends_stands_at_the_end(written: str, expected: str) -> None:
    known = {"OSDSetupAdditionalUpgradeOptions": written, "LOGS": "C:\\My Logs"}
    assert line(options(known, ScanOnly="true")).endswith(f" /compat ScanOnly {expected}")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("C:\\Drivers", "C:\\Drivers"),
        ("C:\\My Drivers", '"C:\\My Drivers"'),
        ("C:\\My Drivers\\", '"C:\\My Drivers"'),
        ("M:\\", "M:\\"),
        ("\\\\server\\share name\\", '"\\\\server\\share name"'),
    ],
)
def test_a_path_becomes_one_argument(path: str, expected: str) -> None:
    assert quoted_path(path) == expected
    found = arguments_of(line(SetupOptions(drivers=path, scans_only=True)))
    assert found[-2:] == ["/installdrivers", expected.strip('"')]


def test_a_path_with_a_quotation_mark_is_refused() -> None:
    """Fault: a path tries to end its quotes. dlcore refuses it before Windows Setup starts."""
    with pytest.raises(ValueError, match="quotation mark"):
        line(SetupOptions(drivers='C:\\a" /installfrom x'))


PATHS = st.text("aB \t\\./:;%&^'()-_", min_size=1, max_size=12).filter(lambda p: p.strip("\\ \t"))


@given(PATHS, PATHS, PATHS, PATHS)
def test_windows_takes_the_line_apart_into_what_was_put_in(
    folder: str, complete: str, rolled_back: str, drivers: str
) -> None:
    program = f"/{folder}/setup.exe"
    found = SetupOptions(when_complete=complete, when_rolled_back=rolled_back, drivers=drivers)
    arguments = arguments_of(setup_line(program, found))
    assert arguments == [
        *(program, "/ImageIndex", "1", "/auto", "Upgrade", "/quiet", "/noreboot"),
        *("/postoobe", _whole(complete), "/postrollback", _whole(rolled_back)),
        *("/DynamicUpdate", "Disable", "/postrollbackcontext", "system"),
        *("/installdrivers", _whole(drivers)),
    ]


def _whole(path: str) -> str:
    """The path without what means nothing at its end."""
    is_drive = len(path) > 2 and path[1] == ":" and path[0].isalpha() and not path[2:].strip("\\")
    return path[:3] if is_drive else path.rstrip("\\")
