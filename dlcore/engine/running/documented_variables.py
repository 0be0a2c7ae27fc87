"""Every task sequence variable that Microsoft documents, and what becomes of it in a run of dlcore.

The table is for people and for tests; `docs/task-sequences.md` is generated from it. What sets the
variables is in `built_in_variables`, in the steps, and where content arrives.

Source: Microsoft Learn, "Task sequence variables".
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Final

import msgspec


class Use(enum.StrEnum):
    """What becomes of a variable."""

    START = "set before the first step"
    STEP = "set around each step"
    CONTENT = "set when content has arrived"
    RESULT = "set by a step"
    PARAMETER = "parameter of a step"
    SETTING = "read by the engine"
    NO_EFFECT = "not set and not read"


class DocumentedVariable(msgspec.Struct, frozen=True):
    """One variable.

    Attributes:
        name: As Microsoft writes it; ``<n>`` stands for a number.
        use: What becomes of it.
        note: Its value, the step that it belongs to, or why it is not set.
    """

    name: str
    use: Use
    note: str


_START = {
    "_SMSTSInWinPE": "`false`: dlcore runs in the full operating system only",
    "_SMSTSLaunchMode": "`SMS`",
    "_SMSTSUserStarted": "`true`",
    "_SMSTSDownloadOnDemand": "`true`, unless the deployment downloads everything first",
    "_SMSTSRunFromDP": "`false`: content is never run from a distribution point",
    "_SMSTSPackageID": "the sequence's id, if the export tells it",
    "_SMSTSPackageName": "the sequence's name, if the export tells it",
    "_SMSTSBootImageID": "the boot image's id, if the sequence refers to one",
    "_SMSTSType": "`2` if a step installs or upgrades the operating system, else `1`",
    "_TSAppInstallStatus": "`Undefined`: no application was installed yet",
    "_SMSTSMachineName": "the computer's name",
    "OSDComputerName": "the computer's name; also a parameter of *Apply Windows Settings*",
    "_SMSTSBootUEFI": "`true` or `false`, if the system tells",
    "_TSSecureBoot": "`NA`, `Enabled` or `Disabled`",
    "_SMSTSTimezone": "on Windows; other systems do not have it in this form",
    "_SMSTSMDataPath": "the folder `work` of the state directory",
    "_SMSTSLogPath": "the folder `logs` of the state directory",
}
_STEP = {
    "_SMSTSCurrentActionName": "before each step that runs: its name",
    "_SMSTSLastActionName": "after each step that ran: its name",
    "_SMSTSLastActionRetCode": "after each step that ran: its exit code, without a sign",
    "_SMSTSLastActionSucceeded": "after each step that ran: `true` or `false`",
}
_CONTENT = {
    "_SMSTSLastContentDownloadLocation": "endpoint and package of the last download",
}
_SETTING = {
    "SMSTSDownloadRetryCount": "further attempts when no endpoint is left for a package; 2",
    "SMSTSDownloadRetryDelay": "seconds between them; by default a random time that grows",
    "SMSTSRebootRequested": "after each step: the run ends with a restart, and continues after the "
    "step; `WinPE` fails the step",
    "SMSTSRetryRequested": "with `SMSTSRebootRequested`: the same step runs again afterwards",
    "SMSTSRebootDelay": "seconds of notice, in the report of a run that ends with a restart",
    "SMSTSRebootDelayNext": "the same from the second restart on",
    "SMSTSRebootMessage": "text of the notice, in the same report",
    "SMSTSPostAction": "command line that is started when the run has ended, however it ended; "
    "nothing waits for it",
}
_NO_MANAGEMENT_POINT = "dlcore talks to no management point"
_NO_SITE = "dlcore is not a client of a site"
_NO_WINPE = "dlcore does not run in Windows PE"
_NO_DISPLAY = "dlcore shows no dialog"
_NO_CLIENT = "the ConfigMgr client is not involved"
_NO_MEDIA = "dlcore does not start from media"
_OWN_DOWNLOADS = "dlcore is the downloader"
_NO_EFFECT = {
    "_OSDDetectedWinDir _OSDDetectedWinDrive": _NO_WINPE,
    "_SMSTSAdvertID _SMSTSClientGUID _SMSTSSiteCode": _NO_SITE,
    "_SMSTSClientCache": "dlcore keeps content in its own store; a sequence that downloads to "
    "`CCMCache` needs it under `[variables]`, as the folder to copy to",
    "_SMSTSMP _SMSTSMPPort _SMSTSUseCRL _SMSTSUseSSL SMSTSMP": _NO_MANAGEMENT_POINT,
    "_SMSTSMediaType _SMSTSWTG SMSTSAssignmentsDownloadInterval SMSTSAssignmentsDownloadRetry "
    "SMSTSPreferredAdvertID SMSTSLanguageFolder": _NO_MEDIA,
    "_SMSTSOrgName SMSTSErrorDialogTimeout TSDisableProgressUI TSProgressInfoLevel": _NO_DISPLAY,
    "SMSTSAllowTokenAuthURLForACP SMSTSDownloadAbortCode SMSTSDownloadProgram": _OWN_DOWNLOADS,
    "SMSTSDisableStatusRetry": "dlcore sends no status messages, so it repeats none",
    "SMSTSLocalDataDrive": "the state directory says where data is kept",
    "SMSTSPersistContent SMSTSPreserveContent": "content stays in the store until its room is "
    "needed",
    "SMSTSPeerDownload SMSTSPeerRequestPort": _NO_WINPE,
    "SMSTSAssignUsersMode SMSTSUDAUsers": _NO_SITE,
    "SMSTSWaitCcmexecOperationalTimeout SMSTSWaitForSecondReboot": _NO_CLIENT,
    "TSDebugMode TSDebugOnError": "dlcore has no debugger for task sequences; run with -vv",
    "TSUEFIDrive": "no disk is partitioned",
}
_RESULT = {
    "_SMSTSMake _SMSTSModel _SMSTSMacAddresses _SMSTSIPAddresses _SMSTSSerialNumber "
    "_SMSTSAssetTag _SMSTSUUID _SMSTSDefaultGateways": "Set Dynamic Variables",
    "_SMSTSOSUpgradeActionReturnCode _SMSTSSetupRollback": "Upgrade Operating System",
    "_TS_CRMEMORY _TS_CRSPEED _TS_CRDISK _TS_CROSTYPE _TS_CRARCH _TS_CRMINOSVER _TS_CRMAXOSVER "
    "_TS_CRCLIENTMINVER _TS_CROSLANGUAGE _TS_CRACPOWER _TS_CRNETWORK _TS_CRUEFI _TS_CRWIRED "
    "_TS_CRTPMACTIVATED _TS_CRTPMENABLED": "Check Readiness",
    "_SMSTSAppInstallNeedsRetry": "Install Application",
    "OSDTargetSystemDrive": "Apply Operating System Image",
    "OSDTargetSystemRoot": "Prepare Windows for Capture",
}
_PARAMETER = {
    "_OSDMigrateUsmtPackageID OSDMigrateAdditionalCaptureOptions OSDMigrateConfigFiles "
    "OSDMigrateContinueOnLockedFiles OSDMigrateMode OSDMigrateSkipEncryptedFiles": (
        "Capture User State"
    ),
    "_OSDMigrateUsmtRestorePackageID OSDMigrateAdditionalRestoreOptions "
    "OSDMigrateContinueOnRestore OSDMigrateLocalAccounts OSDMigrateLocalAccountPassword": (
        "Restore User State"
    ),
    "OSDMigrateEnableVerboseLogging": "Capture User State, Restore User State",
    "OSDStateStorePath": "Capture User State, Restore User State, Request State Store, "
    "Release State Store",
    "OSDStateFallbackToNAA OSDStateSMPRetryCount OSDStateSMPRetryTime": "Request State Store",
    "OSDAdapter<n>EnableDHCP OSDAdapter<n>IPAddressList OSDAdapter<n>SubnetMask "
    "OSDAdapter<n>Gateways OSDAdapter<n>DNSDomain OSDAdapter<n>DNSServerList "
    "OSDAdapter<n>EnableDNSRegistration OSDAdapter<n>EnableFullDNSRegistration "
    "OSDAdapter<n>EnableIPProtocolFiltering OSDAdapter<n>IPProtocolFilterList "
    "OSDAdapter<n>EnableTCPFiltering OSDAdapter<n>TCPFilterPortList "
    "OSDAdapter<n>TcpipNetbiosOptions OSDAdapter<n>MacAddress OSDAdapter<n>Name OSDAdapter<n>Index "
    "OSDAdapterCount OSDDNSDomain OSDDNSSuffixSearchOrder OSDDomainName OSDDomainOUName "
    "OSDEnableTCPIPFiltering OSDNetworkJoinType OSDWorkgroupName": "Apply Network Settings",
    "OSDJoinAccount OSDJoinPassword": "Apply Network Settings, Join Domain or Workgroup",
    "OSDJoinDomainName OSDJoinDomainOUName OSDJoinSkipReboot OSDJoinType OSDJoinWorkgroupName": (
        "Join Domain or Workgroup"
    ),
    "OSDAppInstallRetries OSDAppInstallRetryTimeout TSErrorOnWarning": "Install Application",
    "SMSTSMPListRequestTimeoutEnabled SMSTSMPListRequestTimeout": (
        "Install Application, Install Software Updates"
    ),
    "SMSInstallUpdateTarget SMSTSSoftwareUpdateScanTimeout": "Install Software Updates",
    "OSDApplyDriverBootCriticalContentUniqueID OSDApplyDriverBootCriticalHardwareComponent "
    "OSDApplyDriverBootCriticalID OSDApplyDriverBootCriticalINFFile "
    "OSDInstallDriversAdditionalOptions": "Apply Driver Package",
    "OSDAutoApplyDriverBestMatch OSDAutoApplyDriverCategoryList SMSTSDriverRequestConnectTimeOut "
    "SMSTSDriverRequestReceiveTimeOut SMSTSDriverRequestResolveTimeOut "
    "SMSTSDriverRequestSendTimeOut OSDAllowUnsignedDriver": "Auto Apply Drivers",
    "OSDBitLockerPIN OSDBitLockerRecoveryPassword OSDBitLockerStartupKey "
    "OSDRecoveryKeyPollingFrequency OSDRecoveryKeyPollingTimeout": "Enable BitLocker",
    "OSDBitLockerRebootCount OSDBitLockerRebootCountOverride": "Disable BitLocker",
    "OSDCaptureAccount OSDCaptureAccountPassword OSDCaptureDestination OSDImageCreator "
    "OSDImageDescription OSDImageVersion": "Capture Operating System Image",
    "OSDConfigFileName OSDImageIndex OsdLayeredDriver OSDInstallEditionIndex "
    "OSDPreserveDriveLetter OSDBuildStorageDriverList": "Apply Operating System Image",
    "OSDDataImageIndex OSDWipeDestinationPartition": "Apply Data Image",
    "OSDDiskIndex OSDGPTBootDisk OSDPartitions<n>Type OSDPartitions<n>FileSystem "
    "OSDPartitions<n>Bootable OSDPartitions<n>QuickFormat OSDPartitions<n>VolumeName "
    "OSDPartitions<n>Size OSDPartitions<n>SizeUnits OSDPartitions<n>VolumeLetterVariable "
    "OSDPartitionStyle OSDDiskpartBiosCompatibilityMode": "Format and Partition Disk",
    "OSDDoNotLogCommand": "Install Package, Run Command Line",
    "OSDKeepActivation": "Prepare Windows for Capture",
    "OSDLocalAdminPassword OSDProductKey OSDRandomAdminPassword OSDRegisteredUserName "
    "OSDServerLicenseConnectionLimit OSDServerLicenseMode OSDWindowsSettingsInputLocale "
    "OSDWindowsSettingsSystemLocale OSDWindowsSettingsUILanguage "
    "OSDWindowsSettingsUILanguageFallback OSDWindowsSettingsUserLocale": "Apply Windows Settings",
    "OSDRegisteredOrgName OSDTimeZone": "Apply Windows Settings, Capture Windows Settings",
    "OSDMigrateAdapterSettings OSDMigrateNetworkMembership": "Capture Network Settings",
    "OSDMigrateComputerName OSDMigrateRegistrationInfo OSDMigrateTimeZone": (
        "Capture Windows Settings"
    ),
    "OSDLogPowerShellParameters SMSTSRunPowerShellAsUser SMSTSRunPowerShellUserName "
    "SMSTSRunPowerShellUserPassword": "Run PowerShell Script",
    "SMSTSDisableWow64Redirection SMSTSRunCommandLineAsUser SMSTSRunCommandLineUserName "
    "SMSTSRunCommandLineUserPassword WorkingDirectory": "Run Command Line",
    "OSDSetupAdditionalUpgradeOptions SetupCompletePause": "Upgrade Operating System",
    "SMSClientInstallProperties": "Setup Windows and ConfigMgr",
    "SMSConnectNetworkFolderAccount SMSConnectNetworkFolderDriveLetter "
    "SMSConnectNetworkFolderPassword SMSConnectNetworkFolderPath": "Connect To Network Folder",
    "SMSRebootMessage SMSRebootTimeout": "Restart Computer",
}


def _rows() -> Iterator[DocumentedVariable]:
    tables = (
        (Use.START, _START),
        (Use.STEP, _STEP),
        (Use.CONTENT, _CONTENT),
        (Use.RESULT, _RESULT),
        (Use.PARAMETER, _PARAMETER),
        (Use.SETTING, _SETTING),
        (Use.NO_EFFECT, _NO_EFFECT),
    )
    for use, table in tables:
        for names, note in table.items():
            for name in names.split():
                yield DocumentedVariable(name, use, note)


DOCUMENTED_VARIABLES: Final = tuple(sorted(_rows(), key=lambda row: row.name.upper()))
"""All of them, in the order of their names."""
