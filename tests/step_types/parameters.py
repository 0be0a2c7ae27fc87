"""The parameters that the executed steps read, for ``docs/task-sequences.md``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dlcore.steps.readiness_checks import READINESS_CHECKS
from dlcore.tasksequence import step_types as types

_READINESS: Final = {
    **{check.switch: "`true` makes the check" for check in READINESS_CHECKS},
    **{
        check.limit: f"what `{check.switch}` compares with"
        for check in READINESS_CHECKS
        if check.limit
    },
}

PARAMETERS: Final[Mapping[str, Mapping[str, str]]] = {
    types.RUN_COMMAND_LINE: {
        "CommandLine": "the command, if the `<action>` (`smsswd.exe /run:ID COMMAND`) has none",
        "WorkingDirectory": "the folder in which it starts",
        "SMSTSRunCommandLineOutputVariableName": "the variable that gets the output",
        "SMSTSDisableWow64Redirection": "`true` starts 64-bit programs from `System32`",
        "SuccessCodes": "exit codes that count as success, separated by spaces",
        "SMSTSRunCommandLineAsUser": "`true` is refused",
        "_SMSTSRunCommandLineAsUser": "the same",
        "SMSTSRunCommandLineUserName": "refused with one of the two above",
    },
    types.RUN_POWERSHELL: {
        "OSDRunPowerShellScriptSourceScript": "the script itself",
        "OSDRunPowerShellScriptScriptName": "or its file in the package",
        "OSDRunPowerShellScriptParameters": "its parameters",
        "OSDRunPowerShellScriptExecutionPolicy": "`AllSigned` by default",
        "OSDRunPowerShellScriptOutputVariableName": "the variable that gets the output",
        "OSDRunPowerShellScriptSuccessCodes": "exit codes that count as success",
        "SMSTSRunPowerShellWorkingDirectory": "the folder in which it starts",
        "SMSTSRunPowerShellAsUser": "`true` is refused",
        "_SMSTSRunPowerShellAsUser": "the same",
        "SMSTSRunPowerShellUserName": "refused with one of the two above",
    },
    types.SET_VARIABLE: {
        "VariableName": "the variable",
        "VariableValue": "its value",
        "DoNotShowVariableValue": "`true` makes the value a secret",
        "HiddenVariableValue": "the value, if it is a secret",
    },
    types.SET_DYNAMIC_VARIABLES: {
        "...Rules": "its name ends with `Rules`; an XML document `<Rules>`, escaped",
    },
    types.RESTART: {
        "SMSRebootTimeout": "seconds of notice",
        "SMSRebootMessage": "text of the notice",
        "SMSRebootTarget": "`HD`; `WinPE` is refused. Also in the `<action>`: `/target:HD`",
    },
    types.PRESTART_CHECK: _READINESS,
    types.INSTALL_SOFTWARE: {
        "_SMSSWDProgramName": "the program, by the name with which it was published",
        "BaseVariableName": "or a list: variables of this name with 001, 002, ...: `ID:PROGRAM`",
        "ContinueOnInstallError": "`true` continues with the list after a program that failed",
    },
    types.DOWNLOAD_CONTENT: {
        "OSDDownloadDestinationLocationType": "`TSCache` (default), `CCMCache` or `Custom`",
        "OSDDownloadDestinationPath": "the folder, if it is `Custom`",
        "OSDDownloadDestinationVariable": "gets the folder; with 01, 02, ... those of packages",
        "OSDDownloadContinueDownloadOnError": "`false` stops at the first package that fails",
    },
    types.DISABLE_BITLOCKER: {
        "OSDBitLockerTargetDrive": "the drive; by default the system's",
        "OSDBitLockerRebootCount": "restarts until the protection resumes; 1 by default",
        "OSDBitLockerRebootCountOverride": "takes precedence over it; 0: until it is enabled again",
    },
    types.ENABLE_BITLOCKER: {
        "OSDBitLockerTargetDrive": "the drive; by default the system's",
        "OSDBitLockerMode": "`TPM` (default), `Key` or `TPMAndKey`; `TPMAndPIN` is refused",
        "OSDBitLockerStartupKeyDrive": "the drive for the key",
        "OSDBitLockerStartupKey": "refused",
        "OSDBitLockerEncryptMethod": "the method of encryption",
        "OSDBitLockerCreateRecoveryPassword": "`None` makes none",
        "OSDBitLockerRecoveryPassword": "refused",
        "OSDBitLockerEncryptFullDisk": "`true`: also unused space",
        "OSDBitLockerWaitForEncryption": "`true` waits for the end",
        "OSDBitLockerSkipWhenNoValidTPM": "`true`: succeeds on a machine without a TPM",
    },
    types.UPGRADE: {
        "OSDUpgradeInstallPath": "the folder of `setup.exe`, in place of the package",
        "OSDUpgradeInstallEditionIndex": "the edition in the image; 1 by default",
        "OSDUpgradeOsProductKey": "the product key",
        "OSDUpgradePreserveSettings": "`Upgrade` (default), `DataOnly` or `Clean`",
        "OSDUpgradeDynamicUpdateSettings": "whether Windows Setup looks for updates",
        "OSDUpgradeStagedContent": "the folder of the drivers, in place of their package",
        "OSDUpgradeScanOnly": "`true` checks compatibility and upgrades nothing",
        "OSDUpgradeIgnoreMessages": "`true` ignores compatibility messages that can be dismissed",
        "OSDUpgradeSetupTimeout": "minutes until Windows Setup is ended",
        "OSDSetupAdditionalUpgradeOptions": "further options for Windows Setup",
        "SetupCompletePause": "seconds to wait at the end of the upgrade",
        "OSDUpgradeFeatureUpdateName": "a feature update: refused",
        "OSDFeatureUpdateAssignmentID": "the same",
        "OSDUpgradeFeatureUpdateAssignmentId": "the same",
    },
}
"""By type and name; the parameters that hold package ids are in `StepType.packages`."""
