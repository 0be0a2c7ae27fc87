"""The demonstration's task sequence: an in-place upgrade with all that a real one has.

It is exported as ConfigMgr does it: a zip file with one ``object.xml`` for the upgrade and one for
its child. Commands spend the seconds of `RUN_TIMES_S`, and fail if their package is not as it was
published.
"""

from __future__ import annotations

import io
import zipfile
from xml.sax.saxutils import escape, quoteattr

PREFIX = "SMS_TaskSequence_"
UPGRADE_ID = "DEM00100"
CHILD_ID = "DEM00101"
RUN_TIMES_S = {
    "Check applications": 2.0,
    "Install language features": 3.0,
    "Install the management agent": 3.0,
    "Install Office": 4.0,
    "Apply settings": 1.0,
}
WINDOWS_PE_MARK = "a-step-for-windows-pe-ran"
_RULES = (
    '<Rules><Rule><Variables><Variable Name="Ring" IsSecret="false">Pilot</Variable>'
    '<Variable Name="Language" IsSecret="false">German</Variable></Variables></Rule></Rules>'
)


def export() -> bytes:
    """The zip file that holds the task sequence and its child."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for package_id, name, sequence in (
            (UPGRADE_ID, "Upgrade to Windows 11", _upgrade()),
            (CHILD_ID, "Language features", _language_features()),
        ):
            path = f"SMS_TaskSequencePackage/{package_id}/object.xml"
            archive.writestr(path, _object(package_id, name, sequence))
    return target.getvalue()


def _object(package_id: str, name: str, sequence: str) -> str:
    rows = {"PackageID": package_id, "Name": name, "Sequence": sequence}
    inner = "".join(
        f"<PROPERTY NAME={quoteattr(key)}><VALUE>{escape(value)}</VALUE></PROPERTY>"
        for key, value in rows.items()
    )
    return f'<INSTANCE CLASSNAME="SMS_TaskSequencePackage">{inner}</INSTANCE>'


def _upgrade() -> str:
    return f'<sequence version="3.10">{_prepare()}{_install()}{_finish()}</sequence>'


def _prepare() -> str:
    return _group(
        "Prepare",
        _step(
            "Check readiness",
            "PrestartCheckAction",
            OSDCheckMemory="true",
            OSDMemory="512",
            OSDCheckProcessorSpeed="false",
            OSDCheckFreeDiskSpace="true",
            OSDFreeDiskSpace="2000",
            OSDCheckOSType="false",
        ),
        _step(
            "Set ring and language", "SetDynamicVariablesAction", OSDSetDynamicVariablesRules=_RULES
        ),
        _set_variable(
            "Choose the drivers of this model",
            "OSDDownloadDownloadPackages",
            "DEM00003",
            condition=_when("Model", "This model"),
        ),
        _step(
            "Download drivers",
            "DownloadPackageContentAction",
            OSDDownloadDownloadPackages="DEM00004",  # of another model; the variable overrides it
            OSDDownloadDestinationLocationType="Custom",
            OSDDownloadDestinationPath="%DemoDrivers%",
            OSDDownloadDestinationVariable="Drivers",
        ),
        _set_variable("Forget the choice", "OSDDownloadDownloadPackages", ""),
        _command("Check applications", "DEM00001", "readiness/rules.xml"),
        _step(
            "Language features",
            "SubTasksequence",
            condition=_when("Ring", "Pilot"),
            tag="subtasksequence",
            OSDSubTasksequencePackageID=CHILD_ID,
        ),
        _step(
            "Compatibility scan",
            "UpgradeOperatingSystemAction",
            OSDUpgradeInstallPackageID="DEM00005",
            OSDUpgradeScanOnly="true",
        ),
    )


def _language_features() -> str:
    install = _command("Install language features", "DEM00002", "fod/language3.cab")
    other = _command(
        "Install features of another language",
        "DEM00004",
        "never",
        condition=_when("Language", "French"),
    )
    return f'<sequence version="3.10">{other}{install}</sequence>'


def _install() -> str:
    return _group(
        "Upgrade",
        _step(
            "Upgrade the operating system",
            "UpgradeOperatingSystemAction",
            OSDUpgradeInstallPackageID="DEM00005",
            OSDUpgradeStagedContent="%Drivers01%",
            OSDUpgradeIgnoreMessages="true",
            OSDUpgradeDynamicUpdateSettings="Disable",
        ),
        _step("Restart", "RebootAction", action="smsboot.exe /target:HD"),
    )


def _finish() -> str:
    return _group(
        "Finish",
        _step(
            "Repair from Windows PE",
            "RunCommandLineAction",
            attributes='runIn="WinPE"',
            CommandLine=f"touch {WINDOWS_PE_MARK}",
            WorkingDirectory="%DemoDrivers%",
        ),
        _command("Install the management agent", "DEM00006", "agent/agent.msi"),
        _command("Install Office", "DEM00007", "office/setup2.cab"),
        _command("Apply settings", "DEM00008", "scripts/step40.ps1"),
        condition=_when("_SMSTSOSUpgradeActionReturnCode", "0"),
    )


def _command(name: str, package_id: str, last_file: str, *, condition: str = "") -> str:
    """A step that spends its seconds, and fails if the last file of its package is missing."""
    line = f"test -s {last_file} && sleep {RUN_TIMES_S.get(name, 0)}"
    return _step(
        name, "RunCommandLineAction", condition=condition, CommandLine=line, PackageID=package_id
    )


def _set_variable(name: str, variable: str, value: str, *, condition: str = "") -> str:
    return _step(
        name, "SetVariableAction", condition=condition, VariableName=variable, VariableValue=value
    )


def _group(name: str, *children: str, condition: str = "") -> str:
    return f"<group name={quoteattr(name)}>{condition}{''.join(children)}</group>"


def _step(
    name: str,
    kind: str,
    *,
    condition: str = "",
    action: str = "",
    attributes: str = "",
    tag: str = "step",
    **variables: str,
) -> str:
    rows = "".join(
        f"<variable name={quoteattr(key)}>{escape(value)}</variable>"
        for key, value in variables.items()
    )
    return (
        f'<{tag} type="{PREFIX}{kind}" name={quoteattr(name)} {attributes}>{condition}'
        f"<action>{escape(action)}</action><defaultVarList>{rows}</defaultVarList></{tag}>"
    )


def _when(variable: str, value: str) -> str:
    rows = {"Operator": "equals", "Value": value, "Variable": variable}
    inner = "".join(f'<variable name="{k}">{escape(v)}</variable>' for k, v in rows.items())
    return (
        f'<condition><expression type="{PREFIX}VariableConditionExpression">{inner}'
        "</expression></condition>"
    )
