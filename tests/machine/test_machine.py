"""What machines tell about themselves, from files and tables made for the test."""

from __future__ import annotations

import ctypes
import socket
import sys
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.machine import (
    Adapter,
    Identity,
    NamedMachine,
    answer_or_none,
    network_cost,
    this_machine,
)
from dlcore.machine.adapters import AdapterEntry, AddressEntry, adapters_in
from dlcore.machine.linux import LinuxMachine
from dlcore.machine.smbios import identity_of
from dlcore.machine.windows import WindowsMachine
from dlcore.tasksequence.windows import RegistryValue
from dlcore.tasksequence.windows_probes import SystemProbes

HTTP_PORT = bytes([0, 80])


def files(root: Path, **texts: str) -> LinuxMachine:
    """A machine whose kernel's files have these texts; ``__`` stands for a slash."""
    for name, text in texts.items():
        file = root / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    return LinuxMachine(root, address_of=lambda name: "192.0.2.7" if name == "eth0" else "")


def test_memory_is_what_the_kernel_manages(tmp_path: Path) -> None:
    machine = files(tmp_path, proc__meminfo="MemTotal:        2048 kB\nMemFree: 1 kB")
    assert machine.memory_bytes() == 2048 * 1024


def test_the_highest_speed_of_the_processor_counts(tmp_path: Path) -> None:
    machine = files(tmp_path, proc__cpuinfo="processor : 0\ncpu MHz\t\t: 1200.5")
    assert machine.processor_hz() == 1_200_000_000
    speed = {"sys__devices__system__cpu__cpu0__cpufreq__cpuinfo_max_freq": "3400000"}
    assert files(tmp_path, **speed).processor_hz() == 3_400_000_000


def test_what_the_kernel_does_not_say_is_not_guessed(tmp_path: Path) -> None:
    """Fault: the kernel does not tell a figure. dlcore says so, and does not guess it."""
    machine = files(tmp_path, proc__meminfo="", proc__cpuinfo="")
    for question in (machine.memory_bytes, machine.processor_hz, machine.operating_system):
        with pytest.raises(OSError, match=r"kernel does not tell|not Windows"):
            question()


def test_a_machine_with_efi_is_one(tmp_path: Path) -> None:
    assert not files(tmp_path).is_uefi()
    assert files(tmp_path, sys__firmware__efi__runtime="1").is_uefi()


def test_secure_boot_is_what_the_variable_of_the_firmware_says(tmp_path: Path) -> None:
    variable = tmp_path / "sys/firmware/efi/efivars"
    variable /= "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
    machine = files(tmp_path)
    assert machine.secure_boot() == "NA"
    variable.parent.mkdir(parents=True)
    variable.write_bytes(b"\6\0\0\0\1")
    assert machine.secure_boot() == "Enabled"
    variable.write_bytes(b"\6\0\0\0\0")
    assert machine.secure_boot() == "Disabled"


def test_the_boot_has_the_id_that_the_kernel_made_up(tmp_path: Path) -> None:
    assert files(tmp_path, proc__sys__kernel__random__boot_id="5f2c").boot_id() == "5f2c"


SUPPLY = "sys__class__power_supply__"


@pytest.mark.parametrize(
    ("supplies", "is_on_mains"),
    [
        ({}, True),
        ({"BAT0__type": "Battery"}, False),
        ({"BAT0__type": "Battery", "AC__type": "Mains", "AC__online": "1"}, True),
        ({"BAT0__type": "Battery", "AC__type": "Mains", "AC__online": "0"}, False),
        ({"mouse__type": "Battery", "mouse__scope": "Device"}, True),
    ],
)
def test_power(tmp_path: Path, supplies: dict[str, str], is_on_mains: bool) -> None:
    machine = files(tmp_path, **{SUPPLY + name: text for name, text in supplies.items()})
    assert machine.is_on_mains() is is_on_mains


@pytest.mark.parametrize(
    ("said", "is_metered"), [("u 1\n", True), ("u 2\n", False), ("u 3\n", True), ("u 4\n", False)]
)
def test_network_manager_says_whether_the_network_is_metered(said: str, is_metered: bool) -> None:
    machine = LinuxMachine(ask_network_manager=lambda: said)
    assert machine.is_metered() is is_metered


@pytest.mark.parametrize("said", ["u 0", "u 5", "", "u", "s 1", "u 1\nu 2"])
def test_what_network_manager_does_not_know_is_not_guessed(said: str) -> None:
    with pytest.raises(OSError, match="does not know"):
        LinuxMachine(ask_network_manager=lambda: said).is_metered()


@pytest.mark.parametrize(
    ("cost", "is_metered"),
    [
        (network_cost.UNRESTRICTED, False),
        (network_cost.FIXED, True),
        (network_cost.VARIABLE, True),
        (network_cost.UNRESTRICTED | network_cost.ROAMING, True),
        (network_cost.UNRESTRICTED | network_cost.OVER_DATA_LIMIT, True),
    ],
)
def test_windows_tells_the_cost_of_the_network(cost: int, is_metered: bool) -> None:
    assert network_cost.is_metered_cost(cost) is is_metered


def test_a_cost_that_windows_does_not_know_is_not_guessed() -> None:
    with pytest.raises(OSError, match="does not know"):
        network_cost.is_metered_cost(network_cost.UNKNOWN)


def test_this_machine_says_whether_its_network_is_metered_or_that_it_cannot() -> None:
    assert answer_or_none(this_machine().is_metered) in {True, False, None}


def test_adapters(tmp_path: Path) -> None:
    net = "sys__class__net__"
    machine = files(
        tmp_path,
        proc__net__route="Iface Destination Gateway\neth0 00000000 010200C0\neth0 000200C0 0",
        **{net + "lo__address": "00:00:00:00:00:00", net + "lo__carrier": "1"},
        **{net + "eth0__address": "00:15:5d:01:02:03", net + "eth0__carrier": "1"},
        **{net + "wlan0__address": "00:15:5d:01:02:04", net + "wlan0__wireless__x": ""},
        **{net + "wg0__type": "65534", net + "wg0__carrier": "1"},
    )
    assert machine.adapters() == (
        Adapter(
            *("00:15:5D:01:02:03", ("192.0.2.7",), ("192.0.2.1",)),
            is_connected=True,
            names=("eth0",),
        ),
        Adapter(is_connected=True, names=("wg0",), is_tunnel=True),
        Adapter("00:15:5D:01:02:04", is_wired=False, names=("wlan0",)),
    )


class Registry(SystemProbes):
    """A registry with these values, by name."""

    def __init__(self, **values: str) -> None:
        super().__init__()
        self.values = values

    def registry_value(self, key: str, name: str) -> RegistryValue | None:
        assert key.endswith("Netlogon\\Parameters")
        return RegistryValue("REG_SZ", self.values[name]) if name in self.values else None


def test_windows_tells_the_site_that_netlogon_keeps() -> None:
    assert WindowsMachine(Registry(DynamicSiteName="Branch\0")).ad_site() == "Branch"
    both = Registry(DynamicSiteName="Branch", SiteName="Berlin")
    assert WindowsMachine(both).ad_site() == "Berlin"
    assert WindowsMachine(Registry()).ad_site() == ""


def test_the_firmware_names_the_machine(tmp_path: Path) -> None:
    dmi = "sys__class__dmi__id__"
    machine = files(tmp_path, **{dmi + "sys_vendor": "Contoso", dmi + "product_name": "Model 1"})
    assert machine.identity() == Identity(make="Contoso", model="Model 1")


@pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux that this runs on")
def test_this_linux_answers() -> None:
    machine = this_machine()
    assert machine.memory_bytes() > 1 << 20
    assert machine.free_disk_bytes() >= 0
    assert machine.computer_name()
    assert machine.boot_id()
    assert all(adapter.mac_address != "00:00:00:00:00:00" for adapter in machine.adapters())


def test_a_machine_that_is_not_known_answers_nothing() -> None:
    """Fault: dlcore does not know the system. It answers no question about the machine."""
    machine = NamedMachine()
    assert machine.computer_name()
    for question in (machine.memory_bytes, machine.is_uefi, machine.adapters, machine.identity):
        with pytest.raises(OSError, match="cannot find it out"):
            question()


def test_a_question_without_an_answer_is_none() -> None:
    assert answer_or_none(NamedMachine().is_uefi) is None


@pytest.mark.skipif(sys.platform != "win32", reason="asks the Windows that this runs on")
def test_this_windows_answers() -> None:
    machine = this_machine()
    assert machine.secure_boot() in {"NA", "Enabled", "Disabled"}
    assert machine.time_zone().count(",") >= 20
    assert machine.is_metered() in {True, False}


# SMBIOS

UUID = uuid.UUID("4c4c4544-0046-3310-8051-c4c04f4c3132")


def structure(kind: int, fields: bytes, *strings: str) -> bytes:
    texts = b"".join(text.encode() + b"\0" for text in strings) or b"\0"
    return bytes([kind, 4 + len(fields), 0, 0]) + fields + texts + b"\0"


TABLE = (
    structure(0, bytes([1, 2]), "BIOS vendor", "1.0")
    + structure(1, bytes([1, 2, 0, 3]) + UUID.bytes_le, "Contoso", " Model 1 ", "SN-1")
    + structure(3, bytes([0, 1, 0, 0, 2]), "Laptop", "TAG-9")
    + structure(127, b"")
)


def test_smbios_names_the_machine() -> None:
    expected = Identity("Contoso", "Model 1", "SN-1", "TAG-9", str(UUID).upper())
    assert identity_of(TABLE) == expected


def test_a_uuid_that_is_not_set_is_none() -> None:
    table = structure(1, bytes([1, 0, 0, 0]) + b"\xff" * 16, "Contoso")
    assert identity_of(table) == Identity(make="Contoso")


@given(st.binary(max_size=200) | st.integers(0, len(TABLE)).map(lambda end: TABLE[:end]))
def test_a_damaged_table_gives_what_was_read(table: bytes) -> None:
    """Fault: the firmware's table is damaged. dlcore takes what is whole, and does not fail."""
    identity_of(table)


# Adapters


def address(raw: bytes, following: AddressEntry | None = None) -> AddressEntry:
    buffer = ctypes.create_string_buffer(raw, len(raw))
    entry = AddressEntry()
    entry.socket.address = ctypes.cast(buffer, ctypes.c_void_p)
    entry.socket.length = len(raw)
    entry.keep = buffer  # or Python frees it
    if following is not None:
        entry.next = ctypes.pointer(following)
    return entry


KEPT = list[object]()  # what only ctypes has the address of, or Python frees it


def text(said: str) -> int | None:
    buffer = ctypes.create_string_buffer(said.encode("utf-16-le") + bytes(2))
    KEPT.append(buffer)
    return ctypes.cast(buffer, ctypes.c_void_p).value


def test_the_adapters_of_windows() -> None:
    four = bytes([2, 0]) + HTTP_PORT + socket.inet_aton("192.0.2.7") + bytes(8)
    six = bytes([23, 0]) + HTTP_PORT + bytes(4) + socket.inet_pton(socket.AF_INET6, "fd00::7")
    gateway = address(bytes([2, 0]) + HTTP_PORT + socket.inet_aton("192.0.2.1") + bytes(8))
    addresses = address(four, address(six + bytes(4)))
    tunnel = AdapterEntry(kind=53, state=1, description=text("WireGuard Tunnel"))
    wireless = AdapterEntry(kind=71, state=2, next=ctypes.pointer(tunnel))
    loopback = AdapterEntry(kind=24, state=1, next=ctypes.pointer(wireless))
    wired = AdapterEntry(
        kind=6,
        state=1,
        mac_address=(ctypes.c_ubyte * 8)(0, 0x15, 0x5D, 1, 2, 3),
        mac_address_length=6,
        unicast=ctypes.pointer(addresses),
        gateway=ctypes.pointer(gateway),
        next=ctypes.pointer(loopback),
        friendly_name=text("Ethernet é"),
        description=text("Contoso NIC"),
    )
    assert adapters_in(ctypes.pointer(wired)) == (
        Adapter(
            *("00:15:5D:01:02:03", ("192.0.2.7", "fd00::7"), ("192.0.2.1",)),
            is_connected=True,
            names=("Ethernet é", "Contoso NIC"),
        ),
        Adapter(is_wired=False),
        Adapter(is_connected=True, names=("WireGuard Tunnel",), is_tunnel=True),
    )


def test_an_empty_list_has_no_adapters() -> None:
    assert adapters_in(ctypes.POINTER(AdapterEntry)()) == ()


def test_the_layout_is_that_of_64_bit_windows() -> None:
    """The offsets that Microsoft's headers give on 64-bit systems."""
    assert AdapterEntry.mac_address.offset == 80
    assert AdapterEntry.gateway.offset == 208
