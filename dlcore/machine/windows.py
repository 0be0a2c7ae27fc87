"""What Windows tells about the computer, by its own functions rather than by WMI.

Assumes Windows 8 or later; everything here is loaded there only.

Sources: Microsoft Learn, the functions named below, and "Win32_OperatingSystem class" for what the
documented check compares.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import sys
from typing import Any, Final

from dlcore.machine.adapters import AdapterEntry, adapters_in
from dlcore.machine.interface import Adapter, Identity, OperatingSystem, SecureBoot
from dlcore.machine.network_cost import is_metered_cost, network_cost
from dlcore.machine.smbios import identity_of
from dlcore.tasksequence.windows_probes import SystemProbes

_PROCESSOR_KEY: Final = r"HKLM\HARDWARE\DESCRIPTION\System\CentralProcessor\0"
_CLIENT_KEY: Final = r"HKLM\SOFTWARE\Microsoft\SMS\Mobile Client"
_SECURE_BOOT_KEY: Final = r"HKLM\SYSTEM\CurrentControlSet\Control\SecureBoot\State"
_BOOT_KEY: Final = (
    r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters"
)
_NETLOGON_KEY: Final = r"HKLM\SYSTEM\CurrentControlSet\Services\Netlogon\Parameters"
_TIME_ZONE_IS_UNKNOWN: Final = 0xFFFFFFFF  # TIME_ZONE_ID_INVALID
_FIRMWARE_IS_UEFI: Final = 2  # FirmwareTypeUefi
_POWER_IS_UNKNOWN: Final = 255
_RAW_SMBIOS: Final = 0x52534D42  # "RSMB"
_RAW_SMBIOS_HEADER_BYTES: Final = 8
_WORKSTATION: Final = 1  # VER_NT_WORKSTATION
_ADAPTER_FLAGS: Final = 0x80  # GAA_FLAG_INCLUDE_GATEWAYS
_BUFFER_OVERFLOW: Final = 111
_NO_DATA: Final = 232
_ADAPTERS_BYTES: Final = 16_384
"""Source: Microsoft Learn, "GetAdaptersAddresses function": 15 KB is enough at first."""

_MAX_TRIES: Final = 3
_TPM_NAMESPACE: Final = r"root\cimv2\security\microsofttpm"
_TPM_QUERY: Final = "SELECT * FROM Win32_Tpm WHERE IsEnabled_InitialValue = TRUE"
_TPM_2_QUERY: Final = "SELECT * FROM Win32_Tpm WHERE SpecVersion LIKE '2.0%' AND {} = TRUE"


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX."""

    _fields_ = [
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total_bytes", ctypes.c_uint64),
        ("others", ctypes.c_uint64 * 6),
    ]


class _PowerStatus(ctypes.Structure):
    """SYSTEM_POWER_STATUS."""

    _fields_ = [
        ("mains", ctypes.c_ubyte),
        ("others", ctypes.c_ubyte * 3),
        ("lifetimes_s", ctypes.c_uint32 * 2),
    ]


class _TimeZone(ctypes.Structure):
    """TIME_ZONE_INFORMATION."""

    _fields_ = [
        ("bias_min", ctypes.c_int32),
        ("standard_name", ctypes.c_wchar * 32),
        ("standard_date", ctypes.c_uint16 * 8),
        ("standard_bias_min", ctypes.c_int32),
        ("daylight_name", ctypes.c_wchar * 32),
        ("daylight_date", ctypes.c_uint16 * 8),
        ("daylight_bias_min", ctypes.c_int32),
    ]


class WindowsMachine:
    """Asks Windows. Implements `Machine`.

    Args:
        probes: Asks the registry, and WMI for what nothing else tells.
    """

    def __init__(self, probes: SystemProbes | None = None) -> None:
        self._probes = probes or SystemProbes()

    def computer_name(self) -> str:
        """The name of the computer."""
        return platform.node().partition(".")[0]

    def memory_bytes(self) -> int:
        """GlobalMemoryStatusEx."""
        status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
        _check(_function("kernel32", "GlobalMemoryStatusEx")(ctypes.byref(status)))
        return int(status.total_bytes)

    def processor_hz(self) -> int:
        """What the registry says of the first processor."""
        return int(self._value(_PROCESSOR_KEY, "~MHz")) * 1_000_000

    def free_disk_bytes(self) -> int:
        """The free space of the system's drive."""
        return shutil.disk_usage(os.environ.get("SYSTEMDRIVE", "C:") + "\\").free

    def is_uefi(self) -> bool:
        """GetFirmwareType."""
        kind = ctypes.c_uint32()
        _check(_function("kernel32", "GetFirmwareType")(ctypes.byref(kind)))
        return kind.value == _FIRMWARE_IS_UEFI

    def secure_boot(self) -> SecureBoot:
        """What the registry says; without the value the firmware does not have it."""
        value = self._probes.registry_value(_SECURE_BOOT_KEY, "UEFISecureBootEnabled")
        return "NA" if value is None else "Enabled" if value.text == "1" else "Disabled"

    def time_zone(self) -> str:
        """GetTimeZoneInformation.

        The bias, the two other biases, the two dates and the two names, separated by commas.
        Source: Microsoft Learn, "Task sequence variables", ``_SMSTSTimezone``.
        """
        zone = _TimeZone()
        kind = _function("kernel32", "GetTimeZoneInformation")(ctypes.byref(zone))
        _check(kind & 0xFFFFFFFF != _TIME_ZONE_IS_UNKNOWN)
        numbers = (
            zone.bias_min,
            zone.standard_bias_min,
            zone.daylight_bias_min,
            *zone.standard_date,
            *zone.daylight_date,
        )
        return ",".join((*map(str, numbers), zone.standard_name, zone.daylight_name))

    def boot_id(self) -> str:
        """The number of the boot, which Windows counts."""
        return self._value(_BOOT_KEY, "BootId")

    def is_on_mains(self) -> bool:
        """GetSystemPowerStatus."""
        status = _PowerStatus()
        _check(_function("kernel32", "GetSystemPowerStatus")(ctypes.byref(status)))
        if status.mains == _POWER_IS_UNKNOWN:
            raise OSError("Windows does not know")
        return bool(status.mains == 1)

    def is_metered(self) -> bool:
        """INetworkCostManager::GetCost."""
        return is_metered_cost(network_cost())

    def adapters(self) -> tuple[Adapter, ...]:
        """GetAdaptersAddresses."""
        length = ctypes.c_uint32(_ADAPTERS_BYTES)
        for _ in range(_MAX_TRIES):
            buffer = ctypes.create_string_buffer(length.value)
            code = _function("iphlpapi", "GetAdaptersAddresses")(
                0, _ADAPTER_FLAGS, None, buffer, ctypes.byref(length)
            )
            if code == _NO_DATA:
                return ()
            if code == 0:
                return adapters_in(ctypes.cast(buffer, ctypes.POINTER(AdapterEntry)))
            if code != _BUFFER_OVERFLOW:
                break
        raise OSError(f"GetAdaptersAddresses failed with {code}")

    def ad_site(self) -> str:
        """What Netlogon keeps; it stays there when the machine leaves the network.

        Source: Microsoft Learn, "DsGetSiteName function": an administrator's ``SiteName`` goes
        before the ``DynamicSiteName`` that a domain controller told.
        """
        for name in ("SiteName", "DynamicSiteName"):
            value = self._probes.registry_value(_NETLOGON_KEY, name)
            if value and value.text:
                return value.text.rstrip("\0 ")
        return ""

    def identity(self) -> Identity:
        """GetSystemFirmwareTable."""
        read = _function("kernel32", "GetSystemFirmwareTable")
        length = read(_RAW_SMBIOS, 0, None, 0)
        buffer = ctypes.create_string_buffer(max(length, 1))
        _check(read(_RAW_SMBIOS, 0, buffer, length))
        return identity_of(buffer.raw[_RAW_SMBIOS_HEADER_BYTES:length])

    def operating_system(self) -> OperatingSystem:
        """The version that Windows itself reports, and the language that it was installed in."""
        if sys.platform != "win32":
            raise OSError("this system is not Windows")
        version = sys.getwindowsversion()
        # A 32-bit program on 64-bit Windows has the system's processor in the second variable.
        processors = [
            os.environ.get(name, "")
            for name in ("PROCESSOR_ARCHITECTURE", "PROCESSOR_ARCHITEW6432")
        ]
        return OperatingSystem(
            kind="CLIENT" if version.product_type == _WORKSTATION else "SERVER",
            version=".".join(map(str, version.platform_version)),
            bits=64 if any("64" in processor for processor in processors) else 32,
            language_id=int(_function("kernel32", "GetSystemDefaultUILanguage")()),
        )

    def client_version(self) -> str:
        """What the ConfigMgr client wrote into the registry."""
        return self._value(_CLIENT_KEY, "ProductVersion")

    def has_tpm(self) -> bool:
        """WMI: nothing else tells it."""
        return self._probes.wmi_answers(_TPM_NAMESPACE, _TPM_QUERY)

    def is_tpm_enabled(self) -> bool:
        """WMI: nothing else tells it."""
        return self._has_tpm_2("IsEnabled_InitialValue")

    def is_tpm_activated(self) -> bool:
        """WMI: nothing else tells it."""
        return self._has_tpm_2("IsActivated_InitialValue")

    def _has_tpm_2(self, condition: str) -> bool:
        return self._probes.wmi_answers(_TPM_NAMESPACE, _TPM_2_QUERY.format(condition))

    def _value(self, key: str, name: str) -> str:
        value = self._probes.registry_value(key, name)
        if value is None or value.text is None:
            raise OSError(f"{key} has no {name}")
        return value.text


def _function(library: str, name: str) -> Any:
    """A function of Windows; OSError where there is none of this name."""
    if sys.platform != "win32":
        raise OSError("this system is not Windows")
    try:
        return getattr(ctypes.WinDLL(library, use_last_error=True), name)
    except AttributeError:
        raise OSError(f"this Windows has no {name}") from None


def _check(succeeded: int) -> None:
    if not succeeded:
        if sys.platform != "win32":
            raise OSError("this system is not Windows")
        raise ctypes.WinError(ctypes.get_last_error())
