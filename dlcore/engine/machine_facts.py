"""What the built-in variables say of the machine: its name, its firmware, its time zone, its boot.

A fact that this system does not tell is None or empty; nothing is guessed.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from pathlib import Path
from typing import Final, Protocol

_EFI: Final = Path("/sys/firmware/efi")
_SECURE_BOOT: Final = "efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
"""Source: UEFI specification, "Globally Defined Variables"; four bytes of attributes precede it."""
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_FIRMWARE: Final = {1: False, 2: True}
"""Source: Microsoft Learn, FIRMWARE_TYPE: FirmwareTypeBios is 1, FirmwareTypeUefi is 2."""


class MachineFacts(Protocol):
    """Tells what a machine is. Each method may read the disk or the registry, and is quick."""

    def computer_name(self) -> str:
        """The machine's name, without its domain."""
        ...

    def is_uefi(self) -> bool | None:
        """Whether it was started by UEFI firmware; None if that is not known."""
        ...

    def secure_boot(self) -> str:
        """``Enabled``, ``Disabled``, or ``NA`` if the firmware does not have it."""
        ...

    def time_zone(self) -> str:
        """The time zone as ConfigMgr writes it; empty if this system does not tell."""
        ...

    def boot_id(self) -> str:
        """A text that is another one after each start of the system; empty if there is none."""
        ...


def this_machine() -> MachineFacts:
    """The facts of the machine on which this process runs."""
    return WindowsFacts() if sys.platform == "win32" else LinuxFacts()


class LinuxFacts:
    """A Linux machine. Implements `MachineFacts`.

    Args:
        efi: Where the kernel shows the firmware's variables.
        boot_id: Where the kernel shows the id of the boot.
    """

    def __init__(self, efi: Path = _EFI, boot_id: Path = _BOOT_ID) -> None:
        self._efi = efi
        self._boot_id = boot_id

    def computer_name(self) -> str:
        """The host's name."""
        return platform.node().partition(".")[0]

    def is_uefi(self) -> bool | None:
        """Whether the kernel shows UEFI."""
        return self._efi.is_dir()

    def secure_boot(self) -> str:
        """As the firmware's variable says."""
        try:
            value = (self._efi / _SECURE_BOOT).read_bytes()
        except OSError:
            return "NA"
        return "Enabled" if value[4:5] == b"\x01" else "Disabled"

    def time_zone(self) -> str:
        """Empty: only Windows has the numbers of which ConfigMgr's form consists."""
        return ""

    def boot_id(self) -> str:
        """The kernel's own."""
        try:
            return self._boot_id.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return ""


class WindowsFacts:
    """A Windows machine. Implements `MachineFacts`."""

    def computer_name(self) -> str:
        """The computer's name."""
        return platform.node().partition(".")[0]

    def is_uefi(self) -> bool | None:
        """As ``GetFirmwareType`` tells; Windows 7 does not have it."""
        found = ctypes.c_uint32()
        try:
            if not _library("kernel32").GetFirmwareType(ctypes.byref(found)):
                return None
        except (AttributeError, OSError):
            return None
        return _FIRMWARE.get(found.value)

    def secure_boot(self) -> str:
        """As the registry tells; without the value the firmware does not have it."""
        value = _registry(
            r"SYSTEM\CurrentControlSet\Control\SecureBoot\State", "UEFISecureBootEnabled"
        )
        return "NA" if value is None else "Enabled" if value == 1 else "Disabled"

    def time_zone(self) -> str:
        """As ``GetTimeZoneInformation`` tells."""
        zone = _TimeZone()
        try:
            _library("kernel32").GetTimeZoneInformation(ctypes.byref(zone))
        except (AttributeError, OSError):
            return ""
        return zone.text()

    def boot_id(self) -> str:
        """The number of the boot, which Windows counts."""
        key = r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management"
        value = _registry(rf"{key}\PrefetchParameters", "BootId")
        return "" if value is None else str(value)


class _TimeZone(ctypes.Structure):
    """``TIME_ZONE_INFORMATION``."""

    _fields_ = (
        ("bias_min", ctypes.c_int32),
        ("standard_name", ctypes.c_wchar * 32),
        ("standard_date", ctypes.c_uint16 * 8),
        ("standard_bias_min", ctypes.c_int32),
        ("daylight_name", ctypes.c_wchar * 32),
        ("daylight_date", ctypes.c_uint16 * 8),
        ("daylight_bias_min", ctypes.c_int32),
    )

    def text(self) -> str:
        """Bias, the two other biases, the two dates, the two names, separated by commas.

        Source: Microsoft Learn, "Task sequence variables", ``_SMSTSTimezone``.
        """
        numbers = (
            *(self.bias_min, self.standard_bias_min, self.daylight_bias_min),
            *(*self.standard_date, *self.daylight_date),
        )
        return ",".join((*map(str, numbers), self.standard_name, self.daylight_name))


def _library(name: str) -> ctypes.CDLL:
    """A library of Windows; OSError elsewhere."""
    loader = getattr(ctypes, "WinDLL", None)
    if loader is None:
        raise OSError(f"{name} is a library of Windows")
    library: ctypes.CDLL = loader(name)
    return library


def _registry(key: str, name: str) -> object:
    """A value under ``HKEY_LOCAL_MACHINE``; None if it cannot be read."""
    if sys.platform != "win32":
        return None
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
            return winreg.QueryValueEx(opened, name)[0]
    except OSError:
        return None
