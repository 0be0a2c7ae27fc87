"""The step types that dlcore knows by name, as exports write them.

Source: ConfigMgr SDK, task sequence action classes; ``BDD_`` types come from MDT.
"""

from __future__ import annotations

from typing import Final

PREFIX: Final = "SMS_TaskSequence_"

APPLY_DATA_IMAGE: Final = "SMS_TaskSequence_ApplyDataImageAction"
APPLY_DRIVER_PACKAGE: Final = "SMS_TaskSequence_ApplyDriverPackageAction"
APPLY_OPERATING_SYSTEM: Final = "SMS_TaskSequence_ApplyOperatingSystemAction"
CAPTURE_USER_STATE: Final = "SMS_TaskSequence_CaptureUserStateAction"
DOWNLOAD_CONTENT: Final = "SMS_TaskSequence_DownloadPackageContentAction"
INSTALL_SOFTWARE: Final = "SMS_TaskSequence_InstallSoftwareAction"
PRESTART_CHECK: Final = "SMS_TaskSequence_PrestartCheckAction"
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
MDT_USE_PACKAGE: Final = "BDD_UsePackage"
