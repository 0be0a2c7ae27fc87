"""Which packages a step needs: the table of package variables, and all its traps."""

from __future__ import annotations

import pytest

from dlcore.tasksequence import (
    Variables,
    downloads,
    needs,
    package_id,
    packages_in_order,
    unresolved_needs,
)
from tests.tasksequence.documents import group, read_steps, step, when

TABLE = [
    ("ApplyOperatingSystemAction", ["ImagePackageID", "InstallPackageID", "ConfigFilePackage"]),
    ("ApplyDataImageAction", ["ImagePackageID"]),
    ("ApplyDriverPackageAction", ["OSDApplyDriverDriverPackageID"]),
    ("InstallSoftwareAction", ["PackageID"]),
    ("RunCommandLineAction", ["PackageID"]),
    ("RunPowerShellScriptAction", ["OSDRunPowerShellScriptPackageID"]),
    ("UpgradeOperatingSystemAction", ["OSDUpgradeInstallPackageID", "OSDUpgradeDriverPackageID"]),
    ("DownloadPackageContentAction", ["OSDDownloadDownloadPackages"]),
    ("CaptureUserStateAction", ["_OSDMigrateUsmtPackageID"]),
    ("RestoreUserStateAction", ["_OSDMigrateUsmtRestorePackageID"]),
    ("SetupWindowsAndSMSAction", ["_SMSClientPackageID", "_SMSClientPreProductionPackageID"]),
    ("BDD_UsePackage", ["BDDPackageID"]),
]


def needs_of(kind: str, action: str = "", **parameters: str) -> tuple[str, ...]:
    return needs(read_steps(step(kind, action=action, parameters=parameters)).steps[0])


@pytest.mark.parametrize(("kind", "names"), TABLE)
def test_each_step_type_needs_what_its_variables_name(kind: str, names: list[str]) -> None:
    values = {name.swapcase(): f"abc0001{n}" for n, name in enumerate(names)}
    assert needs_of(kind, **values) == tuple(f"ABC0001{n}" for n in range(len(names)))


@pytest.mark.parametrize(("kind", "names"), TABLE)
@pytest.mark.parametrize("value", ["", "00000000", "not an id", "ABC0001", "ABC0001G", "ABC000123"])
def test_what_is_no_package_id_is_no_need(kind: str, names: list[str], value: str) -> None:
    assert needs_of(kind, **dict.fromkeys(names, value)) == ()


@pytest.mark.parametrize(
    ("kind", "action", "packages"),
    [
        (
            "ApplyOperatingSystemAction",
            'OSDApplyOS.exe /image:ABC00001,1 "/config:abc00002,unattend.xml" /runfromnet:False',
            ("ABC00001", "ABC00002"),
        ),
        ("ApplyOperatingSystemAction", "OSDApplyOS.exe /install:ABC00003,2", ("ABC00003",)),
        ("ApplyDataImageAction", "OSDApplyOS.exe /data /image:ABC00001,2", ("ABC00001",)),
        ("ApplyDriverPackageAction", "osddriverclient.exe /install:ABC00001 /x", ("ABC00001",)),
        ("InstallSoftwareAction", "smsswd.exe /pkg:ABC00001 /install /basevar:", ("ABC00001",)),
        ("RunCommandLineAction", "smsswd.exe /run:ABC00001 cmd /c x", ("ABC00001",)),
        ("RunCommandLineAction", '"SMSSWD.EXE" /run:ABC00001 cmd', ("ABC00001",)),
        ("RunCommandLineAction", "smsswd.exe /run: ABC00001.exe /pkg:ABC00002", ()),
        ("RunCommandLineAction", "smsswd.exe /run: x.cmd smsswd.exe /run:ABC00001", ()),
        ("RunCommandLineAction", "cmd /c tool /run:ABC00001 /install:ABC00001", ()),
        ("UpgradeOperatingSystemAction", "OSDUpgradeOS.exe /install:ABC00001", ()),
    ],
)
def test_the_action_tells_where_the_variable_is_missing(
    kind: str, action: str, packages: tuple[str, ...]
) -> None:
    assert needs_of(kind, action) == packages


def test_the_variable_counts_where_both_are_there() -> None:
    action = "smsswd.exe /run:ABC00001 cmd"
    assert needs_of("RunCommandLineAction", action, PackageID="ABC00002") == ("ABC00002",)
    assert needs_of("RunCommandLineAction", action, PackageID="") == ()


def test_text_that_looks_like_an_id_is_none() -> None:
    looks = {"CommandLine": "E7450A17", "OSDUpgradeInstallPackageID2": "ABC00001", "X": "C1900200"}
    for kind, _ in TABLE:
        assert needs_of(kind, "echo C1900200 E7450A17 ABC00001", **looks) == ()


def test_variables_of_another_step_type_do_not_count() -> None:
    assert needs_of("SetVariableAction", PackageID="ABC00001", ImagePackageID="ABC00002") == ()
    assert needs_of("InstallApplicationAction", PackageID="ABC00001", OSDApp0Name="ABC00002") == ()
    assert needs_of("SubTasksequence", OSDSubTasksequencePackageID="ABC00001") == ()
    assert needs_of("RunCommandLineAction", ImagePackageID="ABC00001") == ()


def test_a_path_to_install_from_is_no_package() -> None:
    assert (
        needs_of(
            "UpgradeOperatingSystemAction",
            OSDUpgradeInstallPackageID="",
            OSDUpgradeInstallPath="C:\\ABC00001",
            OSDUpgradeStagedContent="ABC00002",
        )
        == ()
    )


def test_downloads_are_listed_and_counted_from_zero() -> None:
    only = read_steps(
        step(
            "DownloadPackageContentAction",
            parameters={
                "OSDDownloadDownloadPackages": "ABC00001, abc00002,,ABC00001",
                "OSDPackageCount": "2",
                "OSDPackage0PackageId": "ABC00003",
                "OSDPackage1PackageId": "ABC00001",
                "OSDPackage2PackageId": "ABC00004",
            },
        )
    ).steps[0]
    assert needs(only) == ("ABC00001", "ABC00002", "ABC00003")
    assert downloads(only) == needs(only)
    assert downloads(read_steps(step()).steps[0]) == ()


@pytest.mark.parametrize("count", ["", "x", "-1", "999999999999", "0"])
def test_a_count_that_is_none_counts_nothing(count: str) -> None:
    found = needs_of(
        "DownloadPackageContentAction", OSDPackageCount=count, OSDPackage0PackageId="ABC00001"
    )
    assert found == ()


def test_an_id_may_be_quoted_from_a_variable() -> None:
    only = read_steps(
        step("ApplyOperatingSystemAction", parameters={"ImagePackageID": "%WINPKG01%"})
    ).steps[0]
    assert needs(only) == ()
    assert unresolved_needs(only) == ("%WINPKG01%",)
    known = Variables({"winpkg01": "abc00001"})
    assert needs(only, known) == ("ABC00001",)
    assert unresolved_needs(only, known) == ()
    assert unresolved_needs(only, {"WINPKG01": "nonsense"}) == ("nonsense",)


@pytest.mark.parametrize("digits", [3, 2])
@pytest.mark.parametrize("as_parameter", [True, False])
def test_a_dynamic_list_is_known_with_its_variables(digits: int, as_parameter: bool) -> None:
    only = read_steps(
        step(
            "InstallSoftwareAction",
            action="smsswd.exe /pkg: /install /basevar:PKGS /continueOnError:",
            parameters={"BaseVariableName": "PKGS"} if as_parameter else {},
        )
    ).steps[0]
    assert needs(only) == ()
    assert unresolved_needs(only) == ("PKGS001",)
    known = {f"pkgs{n:0{digits}}": f"ABC0001{n}:Program {n}" for n in (1, 2, 4)}
    known[f"PKGS{2:0{digits}}"] = "%second%:All"
    known["SECOND"] = "ABC00099"
    assert needs(only, known) == ("ABC00011", "ABC00099")  # 4 stands behind a gap
    assert unresolved_needs(only, known) == ()
    assert unresolved_needs(only, {}) == ()


def test_an_empty_base_variable_is_no_list() -> None:
    only = read_steps(
        step("InstallSoftwareAction", action="smsswd.exe /pkg:ABC00001 /install /basevar: /x:")
    ).steps[0]
    assert unresolved_needs(only) == ()
    assert needs(only, {"/X:001": "ABC00002:P"}) == ("ABC00001",)


def test_a_list_of_applications_is_no_content_of_packages() -> None:
    only = read_steps(
        step("InstallApplicationAction", parameters={"BaseVariableName": "APPS"})
    ).steps[0]
    assert needs(only, {"APPS01": "ABC00001:P"}) == ()
    assert unresolved_needs(only) == ()


def test_only_enabled_steps_count_in_order_of_first_need() -> None:
    def install(package: str, **attributes: str) -> str:
        return step("InstallSoftwareAction", parameters={"PackageID": package}, **attributes)

    result = read_steps(
        install("ABC00003"),
        install("ABC00001", disable="true"),
        group("off", install("ABC00002"), group("in", install("ABC00004")), disable="true"),
        group("on", install("ABC00005"), condition=when("Never", "1")),
        install("ABC00003"),
        install("ABC00001"),
    )
    assert packages_in_order(result) == ("ABC00003", "ABC00005", "ABC00001")
    assert needs(result.steps[1]) == ("ABC00001",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abc0001f", "ABC0001F"),
        (" ABC00012\n", "ABC00012"),
        ("PS10005C", "PS10005C"),
        ("00000000", None),
        ("AB-00012", None),
        ("ABC0001G", None),
        ("ABC00012 ABC00013", None),
        ("ABC0001\u0662", None),
        ("\u0130BC00012", None),
    ],
)
def test_package_ids_have_one_form(text: str, expected: str | None) -> None:
    assert package_id(text) == expected
