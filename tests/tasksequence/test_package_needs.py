"""Which packages a step needs: the table of package variables, and all its traps."""

from __future__ import annotations

import pytest

from dlcore.tasksequence import (
    Step,
    UnresolvedNeed,
    Variables,
    content_note,
    downloads,
    is_download,
    needs,
    package_id,
    packages_in_order,
    possible_needs,
    unresolved_needs,
)
from tests.tasksequence.documents import (
    element,
    group,
    read_steps,
    read_text,
    reference,
    sequence,
    step,
    variables,
    when,
)

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
    ("InstallDeployToolsAction", ["OSDSysprepPackageID"]),
    ("BDD_UsePackage", ["BDDPackageID"]),
    ("BDD_RunPowerShellAction", ["PackageID"]),
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
        ("InstallDeployToolsAction", "OSDInstallDeployTools.exe /sysprep:abc00001", ("ABC00001",)),
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


NUMBERED = {
    "OSDPackageCount": "2",
    "OSDPackage0PackageId": "ABC00003",
    "OSDPackage1PackageId": "ABC00001",
    "OSDPackage2PackageId": "ABC00004",
}


@pytest.mark.parametrize(
    "text",
    [
        "ABC00001, abc00002,,ABC00001",
        "ABC00001;ABC00002",
        " ABC00001\n ABC00002 ",
        "%ONE%,ABC00002",
        "%BOTH%",
        "%OUTER%",
    ],
)
def test_a_list_is_expanded_then_split(text: str) -> None:
    parameters = {"OSDDownloadDownloadPackages": text}
    only = read_steps(step("DownloadPackageContentAction", parameters=parameters)).steps[0]
    known = {"ONE": "ABC00001", "BOTH": "ABC00001,ABC00002", "OUTER": "%BOTH%"}
    assert needs(only, known) == ("ABC00001", "ABC00002")
    assert unresolved_needs(only, known) == ()


def test_numbered_downloads_count_only_where_there_is_no_list() -> None:
    listed = {"OSDDownloadDownloadPackages": "ABC00002", **NUMBERED}
    assert needs_of("DownloadPackageContentAction", **listed) == ("ABC00002",)
    empty = {"OSDDownloadDownloadPackages": "", **NUMBERED}
    assert needs_of("DownloadPackageContentAction", **empty) == ("ABC00003", "ABC00001")


def test_a_list_may_name_what_is_not_an_id() -> None:
    parameters = {"OSDDownloadDownloadPackages": "ABC00001,nonsense"}
    only = read_steps(step("DownloadPackageContentAction", parameters=parameters)).steps[0]
    assert needs(only) == ("ABC00001",)
    assert unresolved_needs(only) == (UnresolvedNeed("nonsense"),)
    assert unresolved_needs(only)[0].reason == "it is not a package id"


@pytest.mark.parametrize(("kind", "names"), TABLE)
def test_a_variable_overrides_each_package_parameter(kind: str, names: list[str]) -> None:
    """Fault: an earlier step chooses another package by variable. dlcore fetches that one."""
    only = read_steps(step(kind, parameters=dict.fromkeys(names, "ABC00001"))).steps[0]
    for name in names:
        assert "ABC00002" in needs(only, {name.lower(): "ABC00002"})
        assert "ABC00002" not in needs(only, {name: ""}), "an empty variable counts as not set"
    assert needs(only, dict.fromkeys(names, "ABC00002")) == ("ABC00002",)


def test_an_override_that_leads_nowhere_is_named_and_its_value_is_not_shown() -> None:
    only = read_steps(step(parameters={"PackageID": "ABC00001"})).steps[0]
    assert unresolved_needs(only, {"PackageID": "pass word"}) == (UnresolvedNeed("%PackageID%"),)
    left = unresolved_needs(only, {"PackageID": "%X%"})
    assert left == (UnresolvedNeed("%PackageID%", ("X",)),)


def test_each_variable_that_is_not_set_is_named_as_it_is_spelled() -> None:
    parameters = {"OSDDownloadDownloadPackages": "%One%,%Two%x%Three%"}
    only = read_steps(step("DownloadPackageContentAction", parameters=parameters)).steps[0]
    (left,) = unresolved_needs(only, {"ONE": "ABC00001", "three": ""})
    assert left.reference == "%One%,%Two%x%Three%"
    assert left.variables == ("Two", "Three")
    assert left.reason == "the variables Two, Three are not set"


def test_an_empty_variable_leaves_a_need_unresolved() -> None:
    only = read_steps(step(parameters={"PackageID": "%X%"})).steps[0]
    (left,) = unresolved_needs(only, {"X": ""})
    assert left.reason == "the variable X is not set"


@pytest.mark.parametrize(
    "command",
    [
        "OSDDownloadContent.exe",
        "osddownloadcontent.exe /x",
        "%windir%\\CCM\\OSDDownloadContent.exe",
        '"C:\\Program Files\\CCM\\OSDDownloadContent.exe"',
        "cmd.exe /c OSDDownloadContent.exe",
        'cmd /c "C:\\Program Files\\CCM\\OSDDownloadContent.exe"',
    ],
)
@pytest.mark.parametrize("in_action", [True, False])
def test_the_downloader_as_a_command_takes_its_list_from_variables(
    command: str, *, in_action: bool
) -> None:
    only = read_steps(
        step(
            action=f"smsswd.exe /run: {command}",
            parameters={} if in_action else {"CommandLine": command},
        )
    ).steps[0]
    assert is_download(only)
    assert downloads(only, {"OSDDownloadDownloadPackages": "ABC00001,ABC00002"}) == (
        *("ABC00001", "ABC00002"),
    )
    (left,) = unresolved_needs(only, {})
    assert left.variables == ("OSDDownloadDownloadPackages",)


@pytest.mark.parametrize(
    "command",
    [
        "echo OSDDownloadContent.exe",
        "MyOSDDownloadContent.exe",
        "cmd /c echo OSDDownloadContent.exe",
        "cmd /c OSDDownloadContent.exe && reg add HKLM\\X",
        "cmd.exe /c OSDDownloadContent.exe | find x",
        "OSDDownloadContent.exe2",
    ],
)
def test_other_commands_are_not_downloads(command: str) -> None:
    only = read_steps(step(parameters={"CommandLine": command})).steps[0]
    assert not is_download(only)
    assert unresolved_needs(only, {}) == ()


@pytest.mark.parametrize(
    "command",
    [
        "smsswd.exe /run:ABC00001 setup.cmd",
        '"C:\\Windows\\CCM\\smsswd.exe" /pkg:abc00001 /install',
        "%windir%\\CCM\\smsswd.exe /run:%P% x",
        "C:\\Windows\\System32\\cmd.exe /c smsswd.exe /run:ABC00001 x",
    ],
)
def test_a_command_line_that_runs_a_package_needs_it(command: str) -> None:
    only = read_steps(step(parameters={"CommandLine": command, "PackageID": ""})).steps[0]
    assert needs(only, {"P": "ABC00001"}) == ("ABC00001",)


def read_listed(*steps: str) -> tuple[Step, ...]:
    listed = "".join(reference(f"ABC0000{n}") for n in (1, 2, 3))
    return read_text(sequence(*steps, references=listed)).steps


@pytest.mark.parametrize(
    ("action", "parameters", "packages"),
    [
        ("smsswd.exe /run:ABC00003 hp.exe", {"HPPackage": "ABC00003"}, ("ABC00003",)),
        ("smsswd.exe /run:abc00003 hp.exe", {}, ("ABC00003",)),
        ("smsswd.exe /pkg:ABC00002 /install", {"Other": "abc00001"}, ("ABC00001", "ABC00002")),
        ("hp.exe ABC00003", {"Text": "see ABC00001"}, ()),
        ("smsswd.exe /run:ABC00009 hp.exe", {"Code": "C1900200"}, ()),
    ],
)
def test_the_reference_list_confirms_what_an_unknown_type_names(
    action: str, parameters: dict[str, str], packages: tuple[str, ...]
) -> None:
    only = read_listed(step("Vendor_Action", action=action, parameters=parameters))[0]
    assert needs(only) == packages
    assert (content_note(only) == "") == bool(packages)


def test_a_variable_overrides_the_parameter_of_an_unknown_type() -> None:
    only = read_listed(step("Vendor_Action", parameters={"P": "ABC00001"}))[0]
    assert needs(only, {"P": "ABC00007"}) == ("ABC00007",)


def test_a_known_type_gets_nothing_from_the_reference_list() -> None:
    only = read_listed(step("SetVariableAction", parameters={"VariableValue": "ABC00001"}))[0]
    assert needs(only) == ()


def test_a_child_that_is_not_in_the_file_may_need_what_its_parent_lists() -> None:
    inside = variables(
        {
            "OSDSubTasksequencePackageID": "ABC00090",
            "OSDSubTasksequenceTsReferencePackages": "ABC00001,ABC00002",
        }
    )
    only = read_listed(
        element("subtasksequence", {"name": "Child"}, element("defaultVarList", {}, inside))
    )[0]
    assert needs(only) == ()
    assert possible_needs(only) == ("ABC00001", "ABC00002")
    assert content_note(only).startswith("ABC00090: the child sequence is not in this file")


@pytest.mark.parametrize(
    ("kind", "parameters", "is_noted"),
    [
        ("InstallApplicationAction", {}, True),
        ("InstallUpdateAction", {}, True),
        ("AutoApplyAction", {}, True),
        ("InstallSoftwareAction", {"PackageID": "ABC00001"}, False),
        ("InstallSoftwareAction", {"BaseVariableName": "PKGS"}, True),
        ("UpgradeOperatingSystemAction", {"OSDUpgradeInstallPackageID": "ABC00001"}, False),
        ("UpgradeOperatingSystemAction", {"OSDUpgradeFeatureUpdateName": "Windows 11"}, True),
        ("RunCommandLineAction", {"PackageID": "ABC00001"}, False),
    ],
)
def test_what_no_sequence_can_tell_is_said(
    kind: str, parameters: dict[str, str], *, is_noted: bool
) -> None:
    only = read_steps(step(kind, parameters=parameters)).steps[0]
    assert (content_note(only) != "") is is_noted


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
    assert unresolved_needs(only) == (UnresolvedNeed("%WINPKG01%", ("WINPKG01",)),)
    known = Variables({"winpkg01": "abc00001"})
    assert needs(only, known) == ("ABC00001",)
    assert unresolved_needs(only, known) == ()
    assert unresolved_needs(only, {"WINPKG01": "nonsense"}) == (UnresolvedNeed("%WINPKG01%"),)


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
    assert unresolved_needs(only) == (UnresolvedNeed("PKGS001", ("PKGS001",)),)
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


def test_only_steps_that_may_run_count_in_order_of_first_need() -> None:
    def install(package: str, **attributes: str) -> str:
        return step("InstallSoftwareAction", parameters={"PackageID": package}, **attributes)

    result = read_steps(
        install("ABC00003"),
        install("ABC00001", disable="true"),
        install("ABC00006", runIn="WinPE"),
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
