"""What Linux tells about the computer. Questions about Windows have no answer here."""

from __future__ import annotations

import re
import shutil
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from dlcore.machine.interface import Adapter, Identity, NamedMachine, SecureBoot
from dlcore.machine.linux_network import ask_network_manager, metered_by_network_manager

_MAINS: Final = ("Mains", "USB")
_NO_MAC_ADDRESS: Final = "00:00:00:00:00:00"
_SIOCGIFADDR: Final = 0x8915
"""Source: man 7 netdevice: gets the address of an interface."""

_TUNNELS: Final = ("65534", "512")
"""ARPHRD_NONE, as of WireGuard and OpenVPN; ARPHRD_PPP. Source: linux/if_arp.h."""

_DEFAULT_ROUTE: Final = "00000000"
_SECURE_BOOT: Final = "firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
"""Source: UEFI specification, "Globally Defined Variables"; four bytes of attributes precede it."""

_BOOT_ID: Final = "sys/kernel/random/boot_id"


class LinuxMachine(NamedMachine):
    """Reads the kernel's files. Implements `Machine`.

    Sources: the kernel's documentation of procfs (``meminfo``, ``net/route``) and its descriptions
    of ``/sys/class/{dmi,net,power_supply}``.

    Args:
        root: The folder under which those files are.
        address_of: Gives the IPv4 address of an interface; empty if it has none.
        ask_network_manager: Gives what `busctl` prints of NetworkManager's property ``Metered``.
    """

    def __init__(
        self,
        root: Path = Path("/"),
        address_of: Callable[[str], str] | None = None,
        ask_network_manager: Callable[[], str] = ask_network_manager,
    ) -> None:
        super().__init__("this system is not Windows")
        self._root = root
        self._address_of = address_of or _address_of
        self._ask_network_manager = ask_network_manager
        self._sys, self._proc = root / "sys", root / "proc"

    def memory_bytes(self) -> int:
        """The memory that the kernel manages."""
        return _found(r"MemTotal:\s+(\d+) kB", (self._proc / "meminfo").read_text()) * 1024

    def processor_hz(self) -> int:
        """The highest speed, or the present one if the kernel does not tell that."""
        highest = self._sys / "devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"
        if highest.exists():
            return int(highest.read_text()) * 1000
        text = (self._proc / "cpuinfo").read_text()
        return _found(r"cpu MHz\s*:\s*(\d+)", text) * 1_000_000

    def free_disk_bytes(self) -> int:
        """The free space of the root's file system."""
        return shutil.disk_usage(self._root).free

    def is_uefi(self) -> bool:
        """Whether the kernel knows of EFI."""
        return (self._sys / "firmware/efi").exists()

    def secure_boot(self) -> SecureBoot:
        """What the firmware's variable says."""
        try:
            variable = (self._sys / _SECURE_BOOT).read_bytes()
        except FileNotFoundError:
            return "NA"
        return "Enabled" if variable[4:5] == b"\x01" else "Disabled"

    def boot_id(self) -> str:
        """The one that the kernel makes up at its start."""
        return (self._proc / _BOOT_ID).read_text().strip()

    def is_on_mains(self) -> bool:
        """Whether a power supply is plugged in, or there is no battery that runs the machine."""
        supplies = list(_folders(self._sys / "class/power_supply"))
        batteries = [s for s in supplies if _text(s / "type") == "Battery" and _runs_machine(s)]
        return not batteries or any(
            _text(s / "type") in _MAINS and _text(s / "online") == "1" for s in supplies
        )

    def is_metered(self) -> bool:
        """What NetworkManager says, or guesses; other network managers do not know it."""
        return metered_by_network_manager(self._ask_network_manager())

    def adapters(self) -> tuple[Adapter, ...]:
        """All network interfaces but the loopback one."""
        return tuple(
            self._adapter(folder)
            for folder in _folders(self._sys / "class/net")
            if folder.name != "lo"
        )

    def _adapter(self, folder: Path) -> Adapter:
        mac_address = _text(folder / "address")
        address = self._address_of(folder.name)
        return Adapter(
            mac_address="" if mac_address == _NO_MAC_ADDRESS else mac_address.upper(),
            ip_addresses=(address,) if address else (),
            gateways=self._gateways(folder.name),
            is_connected=_text(folder / "carrier") == "1",
            is_wired=not (folder / "wireless").exists() and not (folder / "phy80211").exists(),
            names=(folder.name,),
            is_tunnel=_text(folder / "type") in _TUNNELS,
        )

    def _gateways(self, interface: str) -> tuple[str, ...]:
        rows = (row.split() for row in (self._proc / "net/route").read_text().splitlines()[1:])
        return tuple(
            socket.inet_ntoa(struct.pack("=L", int(row[2], 16)))
            for row in rows
            if row[0] == interface and row[1] == _DEFAULT_ROUTE and row[2] != _DEFAULT_ROUTE
        )

    def identity(self) -> Identity:
        """What the kernel read from the firmware; only root may read some of it."""
        folder = self._sys / "class/dmi/id"
        return Identity(
            make=_text(folder / "sys_vendor"),
            model=_text(folder / "product_name"),
            serial_number=_text(folder / "product_serial"),
            asset_tag=_text(folder / "chassis_asset_tag"),
            uuid=_text(folder / "product_uuid").upper(),
        )


def _folders(parent: Path) -> Iterator[Path]:
    return iter(sorted(parent.iterdir())) if parent.exists() else iter(())


def _text(file: Path) -> str:
    """What a file says; empty if it cannot be read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _runs_machine(battery: Path) -> bool:
    """Not one of a mouse or a keyboard."""
    return _text(battery / "scope") != "Device"


def _found(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    if found is None:
        raise OSError("the kernel does not tell")
    return int(found[1])


def _address_of(interface: str) -> str:
    if sys.platform == "win32":
        return ""
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("256s", interface.encode()[:15])
        try:
            answer = fcntl.ioctl(any_socket.fileno(), _SIOCGIFADDR, request)
        except OSError:
            return ""
    return socket.inet_ntoa(answer[20:24])
