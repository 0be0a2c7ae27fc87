"""What the exit codes mean that a helpdesk sees: of Setup, installers, Windows and ConfigMgr.

Guarantees: the signed and the unsigned form of a code have the same explanation; a Win32 code is
also recognized as an HRESULT (``0x80070005`` is 5). Not for the codes of one particular program: a
program is free to end with any number, so an explanation says what the number usually stands for.

Sources: Microsoft Learn, "Windows upgrade error codes" and "Resolution procedures" for Windows
Setup; "MsiExec.exe and InstMsi.exe error messages" for installers; "System Error Codes" and
"HRESULT Values" ([MS-ERREF]) for Windows; "Task sequence steps" for ConfigMgr.
"""

from __future__ import annotations

import os
from typing import Final

CHECKS_FAILED: Final = 4316
"""Source: Microsoft Learn, "Task sequence steps: Check Readiness"."""

COMPATIBLE: Final = 0xC1900210
"""What Windows Setup ends with if it was only to look for problems, and found none.

Source: Microsoft Learn, "Task sequence steps: Upgrade Operating System".
"""

UPGRADED: Final = 3
"""What Windows Setup may end with instead of 0.

Source: Microsoft Learn, "Windows Setup command-line options": CONX_SETUP_EXITCODE_CONTINUE_REBOOT.
"""

PATH_NOT_FOUND: Final = 0x80070003
"""ERROR_PATH_NOT_FOUND as an HRESULT."""

RESTART_REQUIRED: Final = 3010
"""Source: Microsoft Learn, "MsiExec.exe and InstMsi.exe error messages"."""

RESTART_BEGUN: Final = 1641
"""Source: as for `RESTART_REQUIRED`."""

_SETUP: Final = {
    0xC1900101: "MOSETUP_E_SETUP_PLATFORM: the upgrade failed and was rolled back; the cause is"
    " most often a driver; see setuperr.log in $WINDOWS.~BT\\Sources\\Rollback",
    0xC1900102: "MOSETUP_E_SHUTDOWN_BLOCK: Windows Setup could not hold back a shutdown",
    0xC1900103: "MOSETUP_E_COMPAT_TIMEOUT: nobody resolved the compatibility problems in time",
    0xC1900104: "MOSETUP_E_PROCESS_TIMEOUT: Windows Setup did not finish in time",
    0xC1900106: "MOSETUP_E_TERMINATE_PROCESS: Windows Setup was ended from outside",
    0xC1900107: "MOSETUP_E_CLEANUP_PENDING: the clean-up of an earlier upgrade is pending; restart"
    " the machine first",
    0xC1900109: "MOSETUP_E_COMPAT_TERMINATE: Windows Setup was ended while it looked for problems",
    0xC190010A: "MOSETUP_E_UNKNOWN_CMD_LINE: Windows Setup does not know one of its options",
    0xC190010B: "MOSETUP_E_INSTALL_IMAGE_NOT_FOUND: the media holds no image to install",
    0xC190010C: "MOSETUP_E_AUTOMATION_INVALID: the answer file is not valid",
    0xC190010D: "MOSETUP_E_INVALID_CMD_LINE: one of Windows Setup's options is not valid",
    0xC190010E: "MOSETUP_E_EULA_ACCEPT_REQUIRED: the license must be accepted; add /EULA accept to"
    " OSDSetupAdditionalUpgradeOptions",
    0xC1900112: "MOSETUP_E_TARGET_DRIVE_NOT_FOUND: the drive to install on was not found",
    0xC190011F: "MOSETUP_E_PROCESS_CRASHED: Windows Setup crashed",
    0xC19001DF: "MOSETUP_E_DISK_FULL: the disk is full",
    0xC19001E1: "MOSETUP_E_PROCESS_SUSPENDED: Windows Setup was suspended",
    0xC19001E2: "MOSETUP_E_PREINSTALL_SCRIPT_FAILED: preinstall.cmd failed",
    0xC19001E3: "MOSETUP_E_PRECOMMIT_SCRIPT_FAILED: precommit.cmd failed",
    0xC19001E5: "MOSETUP_E_SCRIPT_TIMEOUT: a script of the upgrade did not finish in time",
    0xC1900200: "MOSETUP_E_COMPAT_SYSREQ_BLOCK: the machine does not meet the requirements of this"
    " version of Windows",
    0xC1900201: "MOSETUP_E_COMPAT_SYSREQ_CANCEL: the upgrade was cancelled because the machine does"
    " not meet the requirements",
    0xC1900202: "MOSETUP_E_COMPAT_DOWNLOADREQ_BLOCK: the machine does not meet the requirements for"
    " downloading the update",
    0xC1900204: "MOSETUP_E_COMPAT_MIGCHOICE_BLOCK: Windows Setup cannot keep what it was told to"
    " keep; the edition, the language or the architecture of the media differs",
    0xC1900206: "MOSETUP_E_COMPAT_DEVICEREQ_BLOCK: a device of the machine is not compatible",
    0xC1900208: "MOSETUP_E_COMPAT_INSTALLREQ_BLOCK: Windows Setup found a compatibility problem"
    " that can be corrected, such as an incompatible program; CompatData*.xml in"
    " $WINDOWS.~BT\\Sources\\Panther names it",
    0xC1900209: "MOSETUP_E_COMPAT_INSTALLREQ_CANCEL: the upgrade was cancelled because of a"
    " compatibility problem",
    0xC190020C: "MOSETUP_E_DOWNLOADDISKSPACE_BLOCK: the disk has too little free space for the"
    " download",
    0xC190020E: "MOSETUP_E_INSTALLDISKSPACE_BLOCK: the disk has too little free space for the"
    " upgrade",
    0xC1900215: "MOSETUP_E_NO_MATCHING_INSTALL_IMAGE: the media has no image for this system",
    0xC1900216: "MOSETUP_E_ROLLBACK_PENDING: an earlier upgrade is still being rolled back",
    COMPATIBLE: "MOSETUP_E_COMPAT_SCANONLY: Windows Setup found no compatibility problem",
}

_PLAIN_SETUP: Final = {
    UPGRADED: "CONX_SETUP_EXITCODE_CONTINUE_REBOOT: the upgrade succeeded, and goes on after a"
    " restart",
    5: "CONX_SETUP_EXITCODE_RESUME_AT_COMPAT_REPORT: Windows Setup found compatibility problems"
    " that must be resolved first",
    7: "CONX_SETUP_EXITCODE_AUTO_INSTALL_FAIL: Windows Setup cannot keep what it was told to keep",
}
"""Small codes, which mean something else in any other program."""

_INSTALLER: Final = {
    1601: "ERROR_INSTALL_SERVICE_FAILURE: the Windows Installer service could not be reached",
    1602: "ERROR_INSTALL_USEREXIT: the user cancelled the installation",
    1603: "ERROR_INSTALL_FAILURE: the installation failed; the installer's own log says why",
    1604: "ERROR_INSTALL_SUSPEND: the installation was suspended and is incomplete",
    1605: "ERROR_UNKNOWN_PRODUCT: the product is not installed",
    1608: "ERROR_UNKNOWN_PROPERTY: the installer does not know a property that it was given",
    1610: "ERROR_BAD_CONFIGURATION: the product's configuration data is damaged",
    1612: "ERROR_INSTALL_SOURCE_ABSENT: the installation source cannot be reached",
    1613: "ERROR_INSTALL_PACKAGE_VERSION: the package needs a newer Windows Installer",
    1614: "ERROR_PRODUCT_UNINSTALLED: the product has been uninstalled",
    1618: "ERROR_INSTALL_ALREADY_RUNNING: another installation is running",
    1619: "ERROR_INSTALL_PACKAGE_OPEN_FAILED: the installation package could not be opened",
    1620: "ERROR_INSTALL_PACKAGE_INVALID: the file is not a valid installation package",
    1621: "ERROR_INSTALL_UI_FAILURE: the installer could not start its user interface",
    1622: "ERROR_INSTALL_LOG_FAILURE: the installer could not open its log file",
    1623: "ERROR_INSTALL_LANGUAGE_UNSUPPORTED: the system does not support the package's language",
    1624: "ERROR_INSTALL_TRANSFORM_FAILURE: a transform could not be applied",
    1625: "ERROR_INSTALL_PACKAGE_REJECTED: a system policy forbids the installation",
    1633: "ERROR_INSTALL_PLATFORM_UNSUPPORTED: the package is for another type of processor",
    1638: "ERROR_PRODUCT_VERSION: another version of the product is already installed",
    1639: "ERROR_INVALID_COMMAND_LINE: the installer does not understand its command line",
    RESTART_BEGUN: "ERROR_SUCCESS_REBOOT_INITIATED: the installation succeeded, and the installer"
    " has begun to restart the machine",
    1642: "ERROR_PATCH_TARGET_NOT_FOUND: the product that the patch is for is not installed",
    1643: "ERROR_PATCH_PACKAGE_REJECTED: a system policy forbids the patch",
    RESTART_REQUIRED: "ERROR_SUCCESS_REBOOT_REQUIRED: the command succeeded, and a restart is"
    " required",
}

_WIN32: Final = {
    1: "ERROR_INVALID_FUNCTION: a general failure; what the program printed says more",
    2: "ERROR_FILE_NOT_FOUND: a file was not found",
    3: "ERROR_PATH_NOT_FOUND: a folder was not found",
    5: "ERROR_ACCESS_DENIED: access was denied",
    8: "ERROR_NOT_ENOUGH_MEMORY: memory ran out",
    13: "ERROR_INVALID_DATA: data is not valid",
    16: "ERROR_CURRENT_DIRECTORY: the current folder cannot be removed",
    32: "ERROR_SHARING_VIOLATION: another process has the file open",
    50: "ERROR_NOT_SUPPORTED: the request is not supported",
    53: "ERROR_BAD_NETPATH: the network path was not found",
    64: "ERROR_NETNAME_DELETED: the network connection was lost",
    67: "ERROR_BAD_NET_NAME: the network share was not found",
    85: "ERROR_ALREADY_ASSIGNED: the drive letter is in use",
    86: "ERROR_INVALID_PASSWORD: the network password is wrong",
    87: "ERROR_INVALID_PARAMETER: a parameter is wrong",
    112: "ERROR_DISK_FULL: the disk has too little free space",
    120: "ERROR_CALL_NOT_IMPLEMENTED: this system does not support the call",
    183: "ERROR_ALREADY_EXISTS: a file of this name exists already",
    193: "ERROR_BAD_EXE_FORMAT: the file is not a program for this system",
    216: "ERROR_EXE_MACHINE_TYPE_MISMATCH: the program is for another type of processor",
    259: "STILL_ACTIVE: the process was still running",
    740: "ERROR_ELEVATION_REQUIRED: the program needs administrator rights",
    995: "ERROR_OPERATION_ABORTED: the operation was ended from outside",
    1058: "ERROR_SERVICE_DISABLED: the service is disabled",
    1067: "ERROR_PROCESS_ABORTED: the process ended unexpectedly",
    1168: "ERROR_NOT_FOUND: the element was not found",
    1219: "ERROR_SESSION_CREDENTIAL_CONFLICT: the share is in use under another user name",
    1223: "ERROR_CANCELLED: the user cancelled the operation",
    1231: "ERROR_NETWORK_UNREACHABLE: the network cannot be reached",
    1259: "ERROR_APPHELP_BLOCK: the program is not compatible with this version of Windows",
    1314: "ERROR_PRIVILEGE_NOT_HELD: the account lacks a privilege",
    1326: "ERROR_LOGON_FAILURE: the user name or the password is wrong",
    1355: "ERROR_NO_SUCH_DOMAIN: the domain cannot be reached",
    1392: "ERROR_FILE_CORRUPT: a file or folder is damaged and cannot be read",
    1460: "ERROR_TIMEOUT: the time for the operation ran out",
    CHECKS_FAILED: "ERROR_RESOURCE_NOT_PRESENT: what is required is missing; Check Readiness ends"
    " with it if a check failed",
    12002: "ERROR_INTERNET_TIMEOUT: the server did not answer in time",
    12007: "ERROR_INTERNET_NAME_NOT_RESOLVED: the name of the server could not be resolved",
    12029: "ERROR_INTERNET_CANNOT_CONNECT: the server could not be reached",
    12030: "ERROR_INTERNET_CONNECTION_ABORTED: the connection to the server was lost",
    12175: "ERROR_INTERNET_DECODING_FAILED: the secure connection to the server failed",
}

_OTHERS: Final = {
    0x80004001: "E_NOTIMPL: the function is not implemented",
    0x80004002: "E_NOINTERFACE: a component does not support what was asked of it",
    0x80004005: "E_FAIL: an unspecified failure",
    0x8000FFFF: "E_UNEXPECTED: an unexpected failure",
    0x80040102: "ConfigMgr found no place to download the content from",
    0x80040154: "REGDB_E_CLASSNOTREG: a component is not registered",
    0x800401F3: "CO_E_CLASSSTRING: a component's name is not known",
    0x80041002: "WBEM_E_NOT_FOUND: the object was not found in WMI",
    0x8004100E: "WBEM_E_INVALID_NAMESPACE: the WMI namespace does not exist",
    0x80091007: "CRYPT_E_HASH_VALUE: the hash of the content does not match",
    0x800B0109: "CERT_E_UNTRUSTEDROOT: the certificate's root is not trusted",
    0x80190191: "HTTP 401: the server did not accept the credential",
    0x80190193: "HTTP 403: the server refused access",
    0x80190194: "HTTP 404: the server does not have the file",
    0x87D00213: "ConfigMgr: the time for the operation ran out",
    0x87D0027C: "ConfigMgr: the documents of a deployment could not be downloaded in time",
    0x87D00324: "ConfigMgr: the application was not detected after its installation",
    0x87D00607: "ConfigMgr: the content was not found",
    0x87D01106: "ConfigMgr: the program could not be started, or its command line not be built",
    0x87D01107: "ConfigMgr: the program's folder could not be reached",
    0x87D01201: "ConfigMgr: the client cache or the disk has too little free space",
    0x87D01202: "ConfigMgr: the client cache is smaller than the content",
    0x80310000: "FVE_E_LOCKED_VOLUME: BitLocker has locked the drive",
    0x80310008: "FVE_E_NOT_ACTIVATED: BitLocker is not turned on for the drive",
    0x8031000A: "FVE_E_AD_SCHEMA_NOT_INSTALLED: the directory is not prepared for BitLocker keys",
    0x80310060: "FVE_E_POLICY_STARTUP_PIN_NOT_ALLOWED: policy does not allow a start-up PIN",
    0x80240017: "WU_E_NOT_APPLICABLE: the update does not apply to this machine",
    0x800F081F: "CBS_E_SOURCE_MISSING: the source files of a component were not found",
    0x80131500: "COR_E_EXCEPTION: an exception in a .NET program",
    0xC0000005: "STATUS_ACCESS_VIOLATION: the program crashed",
    0xC000001D: "STATUS_ILLEGAL_INSTRUCTION: the program crashed",
    0xC00000FD: "STATUS_STACK_OVERFLOW: the program crashed",
    0xC0000135: "STATUS_DLL_NOT_FOUND: a library that the program needs was not found",
    0xC0000139: "STATUS_ENTRYPOINT_NOT_FOUND: a library has another version than the program needs",
    0xC000013A: "STATUS_CONTROL_C_EXIT: the program was ended by Ctrl+C or by its console",
    0xC0000142: "STATUS_DLL_INIT_FAILED: a library could not be initialized",
    0xC0000374: "STATUS_HEAP_CORRUPTION: the program crashed",
    0xC0000409: "STATUS_STACK_BUFFER_OVERRUN: the program crashed",
    0xE0434352: "an exception in a .NET program",
    0xFFFD0000: "PowerShell could not find or read the script file",
    9009: "cmd.exe did not find the command",
}

_SHELL: Final = {
    126: "the file may not be executed: files of packages carry no execute permission; write"
    " `sh FILE`",
    127: "the shell did not find the command",
}
"""Only where a shell runs command lines.

Source: POSIX.1-2024, Shell Command Language, 2.8.2, "Exit Status for Commands".
"""

_HRESULT_OF_WIN32: Final = 0x80070000
"""Source: [MS-ERREF] 2.1, FACILITY_WIN32: the lower half is the Win32 code."""

_EXPLANATIONS: Final = {**_WIN32, **_INSTALLER, **_OTHERS, **_SETUP}


def explain(code: int) -> str:
    """Say what an exit code usually means.

    Args:
        code: Signed or unsigned, of 32 bits; longer ones are cut.

    Returns:
        A clause without a full stop, such as ``"ERROR_ACCESS_DENIED: access was denied"``; empty
        for 0 and for a code that is not known.
    """
    unsigned = code & 0xFFFFFFFF
    if os.name == "posix" and unsigned in _SHELL:
        return _SHELL[unsigned]
    if unsigned in _EXPLANATIONS:
        return _EXPLANATIONS[unsigned]
    if unsigned & 0xFFFF0000 == _HRESULT_OF_WIN32:
        return _EXPLANATIONS.get(unsigned & 0xFFFF, "")
    return ""


def explain_setup(code: int) -> str:
    """Say what an exit code of Windows Setup means; otherwise as `explain`."""
    return _PLAIN_SETUP.get(code & 0xFFFFFFFF) or explain(code)
