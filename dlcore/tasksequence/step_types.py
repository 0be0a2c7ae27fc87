"""The registry of step types: what is documented of each, as data.

Guarantees: every step type that the public documentation lists stands in `STEP_TYPES`, and so do
the steps of MDT that name packages or are often found in exports. A type that is not in it has no
`StepType`; the little that is known of its steps is in ``content``.

Sources: Microsoft Learn, "Task sequence steps" (titles, where a step runs, what it sets); ConfigMgr
SDK, task sequence action classes (types, names of parameters); exports of real task sequences
(parameters that the SDK does not name, the form of actions). ``BDD_`` types come from MDT.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

PREFIX: Final = "SMS_TaskSequence_"

APPLY_DATA_IMAGE: Final = "SMS_TaskSequence_ApplyDataImageAction"
APPLY_DRIVER_PACKAGE: Final = "SMS_TaskSequence_ApplyDriverPackageAction"
APPLY_NETWORK_SETTINGS: Final = "SMS_TaskSequence_ApplyNetworkSettingsAction"
APPLY_OPERATING_SYSTEM: Final = "SMS_TaskSequence_ApplyOperatingSystemAction"
APPLY_WINDOWS_SETTINGS: Final = "SMS_TaskSequence_ApplyWindowsSettingsAction"
AUTO_APPLY_DRIVERS: Final = "SMS_TaskSequence_AutoApplyAction"
CAPTURE_IMAGE: Final = "SMS_TaskSequence_CaptureSystemImageAction"
CAPTURE_NETWORK_SETTINGS: Final = "SMS_TaskSequence_CaptureNetworkSettingsAction"
CAPTURE_USER_STATE: Final = "SMS_TaskSequence_CaptureUserStateAction"
CAPTURE_WINDOWS_SETTINGS: Final = "SMS_TaskSequence_CaptureWindowsSettingsAction"
CONNECT_NETWORK_FOLDER: Final = "SMS_TaskSequence_ConnectNetworkFolderAction"
CONVERT_DISK: Final = "SMS_TaskSequence_ConvertDiskAction"
DISABLE_BITLOCKER: Final = "SMS_TaskSequence_DisableBitLockerAction"
DOWNLOAD_CONTENT: Final = "SMS_TaskSequence_DownloadPackageContentAction"
ENABLE_BITLOCKER: Final = "SMS_TaskSequence_EnableBitLockerAction"
INSTALL_APPLICATION: Final = "SMS_TaskSequence_InstallApplicationAction"
INSTALL_DEPLOYMENT_TOOLS: Final = "SMS_TaskSequence_InstallDeployToolsAction"
INSTALL_SOFTWARE: Final = "SMS_TaskSequence_InstallSoftwareAction"
INSTALL_UPDATES: Final = "SMS_TaskSequence_InstallUpdateAction"
JOIN_DOMAIN: Final = "SMS_TaskSequence_JoinDomainWorkgroupAction"
PARTITION_DISK: Final = "SMS_TaskSequence_PartitionDiskAction"
PREPARE_CLIENT: Final = "SMS_TaskSequence_PrepareSMSClientAction"
PREPARE_WINDOWS: Final = "SMS_TaskSequence_PrepareOSAction"
PRE_PROVISION_BITLOCKER: Final = "SMS_TaskSequence_OfflineEnableBitLockerAction"
PRESTART_CHECK: Final = "SMS_TaskSequence_PrestartCheckAction"
RELEASE_STATE_STORE: Final = "SMS_TaskSequence_ReleaseStateStoreAction"
REQUEST_STATE_STORE: Final = "SMS_TaskSequence_RequestStateStoreAction"
RESTART: Final = "SMS_TaskSequence_RebootAction"
RESTORE_USER_STATE: Final = "SMS_TaskSequence_RestoreUserStateAction"
RUN_COMMAND_LINE: Final = "SMS_TaskSequence_RunCommandLineAction"
RUN_POWERSHELL: Final = "SMS_TaskSequence_RunPowerShellScriptAction"
SET_DYNAMIC_VARIABLES: Final = "SMS_TaskSequence_SetDynamicVariablesAction"
SET_VARIABLE: Final = "SMS_TaskSequence_SetVariableAction"
SETUP_WINDOWS: Final = "SMS_TaskSequence_SetupWindowsAndSMSAction"
SUBSEQUENCE: Final = "SMS_TaskSequence_SubTasksequence"
UPGRADE: Final = "SMS_TaskSequence_UpgradeOperatingSystemAction"

MDT_GATHER: Final = "BDD_Gather"
MDT_RUN_POWERSHELL: Final = "BDD_RunPowerShellAction"
MDT_USE_PACKAGE: Final = "BDD_UsePackage"
MDT_VALIDATE: Final = "BDD_Validate"

RunsIn: TypeAlias = Literal["FullOS", "WinPE", "WinPEandFullOS"]

ANY: Final = "*"  # no variable can have this name

DOWNLOAD_LIST: Final = "OSDDownloadDownloadPackages"
DOWNLOAD_VARIABLE: Final = "OSDDownloadDestinationVariable"
LIST_BASE: Final = "BaseVariableName"
SUBSEQUENCE_ID: Final = "OSDSubTasksequencePackageID"


class PackageParameter(NamedTuple):
    """A parameter that holds the ids of packages.

    Attributes:
        name: The variable name of the parameter.
        switch: Regular expression that finds the id in the action, for exports that leave the
            parameter out; empty if no export does.
        is_list: It holds several ids, separated by commas, semicolons or white space.
        is_possible: The step may need these packages, and may not.
    """

    name: str
    switch: str = ""
    is_list: bool = False
    is_possible: bool = False


class StepType(msgspec.Struct, frozen=True):
    """What is known of all steps of one type.

    Attributes:
        name: As exports write it: ``SMS_TaskSequence_RunCommandLineAction``.
        title: As the documentation calls the step.
        runs_in: Where the documentation says that it runs.
        packages: Its package parameters, in the order in which the step uses them.
        writes: Variables that it sets, apart from those that its parameters name; `ANY` if the
            list is open.
        output_parameters: Parameters that hold the name of a variable that it sets.
        runs_commands: Whether it runs programs of others, which may set any variable.
        success_codes: Exit codes that count as success where an export names none.
        simulated: Variables and the values that they have after it succeeded, where they do not
            depend on the machine.
        simulated_if: Parameter -> variables and values that come on top of ``simulated`` if the
            parameter is true.
        content_note: Why its content, or some of it, cannot be told from the sequence alone, and
            what would be needed; empty if it can be told.
        noted_if: Parameters of which one must have a value for ``content_note`` to be right; empty
            if it always is.
    """

    name: str
    title: str
    runs_in: RunsIn = "FullOS"
    packages: tuple[PackageParameter, ...] = ()
    writes: tuple[str, ...] = ()
    output_parameters: tuple[str, ...] = ()
    runs_commands: bool = False
    success_codes: tuple[int, ...] = (0,)
    simulated: Mapping[str, str] = {}
    simulated_if: Mapping[str, Mapping[str, str]] = {}
    content_note: str = ""
    noted_if: tuple[str, ...] = ()


_BOTH: Final = "WinPEandFullOS"
_PE: Final = "WinPE"
_COMMAND_CODES: Final = (0, 3010)
"""Source: ConfigMgr SDK, ``SuccessCodes`` of SMS_TaskSequence_RunCommandLineAction and
SMS_TaskSequence_RunPowerShellScriptAction: "0 3010" by default."""

_RUN_SWITCH = r"^\s*\"?smsswd\.exe\"?\s+/run:([^\s\"]*)"
_PKG_SWITCH = r"^\s*\"?smsswd\.exe\"?\s+/pkg:([^\s\"]*)"
_IMAGE_SWITCH = r"/image:([^\s,\"]*)"

SCAN_WITHOUT_ISSUES: Final = "3247440400"
"""0xC1900210, which Windows Setup returns after a compatibility scan that found nothing.

Source: Microsoft Learn, "Task sequence steps: Upgrade Operating System". Exports compare it in
this form, as an unsigned decimal number.
"""

GATHERED: Final = (
    "_SMSTSMake",
    "_SMSTSModel",
    "_SMSTSSerialNumber",
    "_SMSTSAssetTag",
    "_SMSTSUUID",
    "_SMSTSMacAddresses",
    "_SMSTSIPAddresses",
    "_SMSTSDefaultGateways",
)
"""What Set Dynamic Variables sets before it evaluates its rules.

Source: Microsoft Learn, "Task sequence steps: Set Dynamic Variables", and "Task sequence variables"
for the last one.
"""

_READINESS: Final = {
    "OSDCheckMemory": "_TS_CRMEMORY",
    "OSDCheckProcessorSpeed": "_TS_CRSPEED",
    "OSDCheckFreeDiskSpace": "_TS_CRDISK",
    "OSDCheckOSType": "_TS_CROSTYPE",
    "OSDCheckOSArchitecture": "_TS_CRARCH",
    "OSDCheckMinOSVersion": "_TS_CRMINOSVER",
    "OSDCheckMaxOSVersion": "_TS_CRMAXOSVER",
    "OSDCheckCMClientMinVersion": "_TS_CRCLIENTMINVER",
    "OSDCheckOSLanguageID": "_TS_CROSLANGUAGE",
    "OSDCheckPowerState": "_TS_CRACPOWER",
    "OSDCheckNetworkConnected": "_TS_CRNETWORK",
    "OSDCheckNetworkWired": "_TS_CRWIRED",
    "OSDCheckDeviceUEFI": "_TS_CRUEFI",
    "OSDCheckDeviceTpmEnabled": "_TS_CRTPMENABLED",
    "OSDCheckDeviceTpmActivated": "_TS_CRTPMACTIVATED",
}
"""Parameters of Check Readiness that ask for a check, and the variable with its result.

Source: ConfigMgr SDK, SMS_TaskSequence_PrestartCheckAction; Microsoft Learn, "Task sequence
variables"; exports for the parameters about a wired network and the TPM.
"""

_MDT_NOTE = (
    "it runs scripts of the MDT toolkit: that package is named by the step Use Toolkit Package"
)

STEP_TYPES: Final[tuple[StepType, ...]] = (
    StepType(
        RUN_COMMAND_LINE,
        "Run Command Line",
        _BOTH,
        packages=(PackageParameter("PackageID", _RUN_SWITCH),),
        output_parameters=("SMSTSRunCommandLineOutputVariableName", "OutputVariableName"),
        runs_commands=True,
        success_codes=_COMMAND_CODES,
    ),
    StepType(
        RUN_POWERSHELL,
        "Run PowerShell Script",
        _BOTH,
        packages=(PackageParameter("OSDRunPowerShellScriptPackageID"),),
        output_parameters=("OSDRunPowerShellScriptOutputVariableName", "OutputVariableName"),
        runs_commands=True,
        success_codes=_COMMAND_CODES,
    ),
    StepType(SET_VARIABLE, "Set Task Sequence Variable", _BOTH),
    StepType(
        SET_DYNAMIC_VARIABLES,
        "Set Dynamic Variables",
        _BOTH,
        writes=GATHERED,
    ),
    StepType(
        SUBSEQUENCE,
        "Run Task Sequence",
        _BOTH,
        packages=(
            PackageParameter(
                "OSDSubTasksequenceTsReferencePackages", is_list=True, is_possible=True
            ),
        ),
        writes=(ANY,),
        runs_commands=True,
        content_note=(
            "the child sequence is not in this file; export it together with the one that runs it"
        ),
    ),
    StepType(RESTART, "Restart Computer", _BOTH),
    StepType(
        PRESTART_CHECK,
        "Check Readiness",
        writes=tuple(_READINESS.values()),
        simulated=dict.fromkeys(_READINESS.values(), ""),
        simulated_if={parameter: {name: "1"} for parameter, name in _READINESS.items()},
    ),
    StepType(CONNECT_NETWORK_FOLDER, "Connect To Network Folder", _BOTH),
    StepType(JOIN_DOMAIN, "Join Domain or Workgroup"),
    StepType(
        INSTALL_SOFTWARE,
        "Install Package",
        packages=(PackageParameter("PackageID", _PKG_SWITCH),),
        runs_commands=True,
        content_note=(
            "the packages of a dynamic list are in variables, which only the run knows for"
            " certain: set them under [variables] to have them checked"
        ),
        noted_if=(LIST_BASE,),
    ),
    StepType(
        INSTALL_APPLICATION,
        "Install Application",
        writes=("_TSAppInstallStatus", "_SMSTSAppInstallNeedsRetry"),
        runs_commands=True,
        simulated={"_TSAppInstallStatus": "Success", "_SMSTSAppInstallNeedsRetry": "false"},
        content_note=(
            "the content of an application is known by its deployment types, which are not in the"
            " sequence: the ConfigMgr client and its policy would be needed"
        ),
    ),
    StepType(
        INSTALL_UPDATES,
        "Install Software Updates",
        runs_commands=True,
        content_note=(
            "which updates the machine needs is known after a scan on it: the ConfigMgr client"
            " and its update deployments would be needed"
        ),
    ),
    StepType(
        DOWNLOAD_CONTENT,
        "Download Package Content",
        _BOTH,
        packages=(PackageParameter(DOWNLOAD_LIST, is_list=True),),
    ),
    StepType(DISABLE_BITLOCKER, "Disable BitLocker"),
    StepType(ENABLE_BITLOCKER, "Enable BitLocker"),
    StepType(PRE_PROVISION_BITLOCKER, "Pre-provision BitLocker", _PE),
    StepType(PARTITION_DISK, "Format and Partition Disk", _PE),
    StepType(CONVERT_DISK, "Convert Disk to Dynamic", _BOTH),
    StepType(
        UPGRADE,
        "Upgrade Operating System",
        packages=(
            PackageParameter("OSDUpgradeInstallPackageID"),
            PackageParameter("OSDUpgradeDriverPackageID"),
        ),
        writes=("_SMSTSOSUpgradeActionReturnCode", "_SMSTSSetupRollback"),
        simulated={"_SMSTSOSUpgradeActionReturnCode": "0", "_SMSTSSetupRollback": "false"},
        simulated_if={
            "OSDUpgradeScanOnly": {"_SMSTSOSUpgradeActionReturnCode": SCAN_WITHOUT_ISSUES}
        },
        content_note=(
            "the content of a feature update is not a package: the ConfigMgr client and its"
            " update deployments would be needed"
        ),
        noted_if=(
            "OSDUpgradeFeatureUpdateName",
            "OSDUpgradeFeatureUpdateAssignmentId",
            "OSDFeatureUpdateAssignmentID",
        ),
    ),
    StepType(
        APPLY_OPERATING_SYSTEM,
        "Apply Operating System Image",
        _PE,
        packages=(
            PackageParameter("ImagePackageID", _IMAGE_SWITCH),
            PackageParameter("InstallPackageID", r"/install:([^\s,\"]*)"),
            PackageParameter("ConfigFilePackage", r"/config:([^\s,\"]*)"),
        ),
        writes=("OSDTargetSystemDrive",),
    ),
    StepType(
        APPLY_DATA_IMAGE,
        "Apply Data Image",
        _PE,
        packages=(PackageParameter("ImagePackageID", _IMAGE_SWITCH),),
    ),
    StepType(
        SETUP_WINDOWS,
        "Setup Windows and ConfigMgr",
        _PE,
        packages=(
            PackageParameter("_SMSClientPackageID"),
            PackageParameter("_SMSClientPreProductionPackageID"),
        ),
    ),
    StepType(
        INSTALL_DEPLOYMENT_TOOLS,
        "Install Deployment Tools",
        packages=(PackageParameter("OSDSysprepPackageID", r"/sysprep:([^\s,\"]*)"),),
    ),
    StepType(PREPARE_CLIENT, "Prepare ConfigMgr Client for Capture"),
    StepType(PREPARE_WINDOWS, "Prepare Windows for Capture", writes=("OSDTargetSystemRoot",)),
    StepType(CAPTURE_IMAGE, "Capture Operating System Image", _PE),
    StepType(
        APPLY_DRIVER_PACKAGE,
        "Apply Driver Package",
        _PE,
        packages=(PackageParameter("OSDApplyDriverDriverPackageID", r"/install:([^\s,\"]*)"),),
    ),
    StepType(
        AUTO_APPLY_DRIVERS,
        "Auto Apply Drivers",
        _PE,
        content_note=(
            "which drivers the machine needs is answered by a management point: the driver"
            " catalog of the site would be needed"
        ),
    ),
    StepType(CAPTURE_NETWORK_SETTINGS, "Capture Network Settings", writes=(ANY,)),
    StepType(
        CAPTURE_WINDOWS_SETTINGS,
        "Capture Windows Settings",
        _BOTH,
        writes=("OSDComputerName", "OSDRegisteredOrgName", "OSDRegisteredUserName", "OSDTimeZone"),
    ),
    StepType(APPLY_NETWORK_SETTINGS, "Apply Network Settings", _PE),
    StepType(APPLY_WINDOWS_SETTINGS, "Apply Windows Settings", _PE),
    StepType(REQUEST_STATE_STORE, "Request State Store", _BOTH, writes=("OSDStateStorePath",)),
    StepType(
        CAPTURE_USER_STATE,
        "Capture User State",
        _BOTH,
        packages=(PackageParameter("_OSDMigrateUsmtPackageID"),),
        writes=("_SMSTSUserStatePath",),
    ),
    StepType(
        RESTORE_USER_STATE,
        "Restore User State",
        packages=(PackageParameter("_OSDMigrateUsmtRestorePackageID"),),
    ),
    StepType(RELEASE_STATE_STORE, "Release State Store"),
    StepType(
        MDT_USE_PACKAGE,
        "Use Toolkit Package (MDT)",
        _BOTH,
        packages=(PackageParameter("BDDPackageID"),),
        writes=(ANY,),
        runs_commands=True,
    ),
    StepType(
        MDT_GATHER,
        "Gather (MDT)",
        _BOTH,
        writes=(ANY,),
        runs_commands=True,
        content_note=_MDT_NOTE,
    ),
    StepType(
        MDT_RUN_POWERSHELL,
        "Run PowerShell Script (MDT)",
        _BOTH,
        packages=(PackageParameter("PackageID"),),
        runs_commands=True,
    ),
    StepType(MDT_VALIDATE, "Validate (MDT)", _BOTH, runs_commands=True, content_note=_MDT_NOTE),
)

_BY_NAME: Final = {item.name.upper(): item for item in STEP_TYPES}


def step_type(name: str) -> StepType | None:
    """What is known of a type by its name in exports; None if the type is not known."""
    return _BY_NAME.get(name.upper())
