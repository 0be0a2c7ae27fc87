"""Windows' list of network adapters, as it lies in memory.

Guarantees: reads nothing but the list and what it points to. Pure, so it is tested on any system.

Source: Microsoft Learn, "IP_ADAPTER_ADDRESSES_LH structure", "SOCKET_ADDRESS structure", and
"GetAdaptersAddresses function".
"""

from __future__ import annotations

import ctypes
import socket
from collections.abc import Iterator
from typing import Any, Final

from dlcore.machine.interface import Adapter

_LOOPBACK: Final = 24  # IF_TYPE_SOFTWARE_LOOPBACK
_WIRELESS: Final = frozenset({71, 243, 244})  # IEEE 802.11, and mobile broadband (GSM, CDMA)
_TUNNELS: Final = frozenset({23, 53})
"""PPP, as of Windows' own VPN; a virtual interface, as of WireGuard and OpenVPN. IF_TYPE_TUNNEL is
not one of them: Teredo, which has nothing to do with a VPN, is up on many machines.

Source: Microsoft Learn, "IP_ADAPTER_ADDRESSES_LH structure", and IANA's ifType registry.
"""

_UP: Final = 1  # IfOperStatusUp
_MAX_MAC_BYTES: Final = 8
_MAX_NAME_BYTES: Final = 512  # MAX_ADAPTER_DESCRIPTION_LENGTH is 128 characters
_INET: Final = 2
_INET6: Final = 23  # Windows' own number, whatever the system is on which this is tested


class _SocketAddress(ctypes.Structure):
    _fields_ = [
        ("address", ctypes.c_void_p),
        ("length", ctypes.c_int),
    ]


class AddressEntry(ctypes.Structure):
    """The common beginning of IP_ADAPTER_UNICAST_ADDRESS and IP_ADAPTER_GATEWAY_ADDRESS."""


AddressEntry._fields_ = [
    ("alignment", ctypes.c_uint64),
    ("next", ctypes.POINTER(AddressEntry)),
    ("socket", _SocketAddress),
]


class AdapterEntry(ctypes.Structure):
    """The beginning of IP_ADAPTER_ADDRESSES_LH, as far as it is read."""


AdapterEntry._fields_ = [
    ("alignment", ctypes.c_uint64),
    ("next", ctypes.POINTER(AdapterEntry)),
    ("name", ctypes.c_void_p),
    ("unicast", ctypes.POINTER(AddressEntry)),
    ("anycast", ctypes.c_void_p),
    ("multicast", ctypes.c_void_p),
    ("dns_server", ctypes.c_void_p),
    ("dns_suffix", ctypes.c_void_p),
    ("description", ctypes.c_void_p),
    ("friendly_name", ctypes.c_void_p),
    ("mac_address", ctypes.c_ubyte * _MAX_MAC_BYTES),
    ("mac_address_length", ctypes.c_uint32),
    ("flags", ctypes.c_uint32),
    ("mtu", ctypes.c_uint32),
    ("kind", ctypes.c_uint32),
    ("state", ctypes.c_int32),
    ("ipv6_index", ctypes.c_uint32),
    ("zones", ctypes.c_uint32 * 16),
    ("prefix", ctypes.c_void_p),
    ("transmit_bits_per_s", ctypes.c_uint64),
    ("receive_bits_per_s", ctypes.c_uint64),
    ("wins_server", ctypes.c_void_p),
    ("gateway", ctypes.POINTER(AddressEntry)),
]


def adapters_in(first: Any) -> tuple[Adapter, ...]:
    """Read a list.

    Args:
        first: A ctypes pointer to its first `AdapterEntry`; null if the list is empty.
    """
    return tuple(_adapter(entry) for entry in _linked(first) if entry.kind != _LOOPBACK)


def _adapter(entry: Any) -> Adapter:
    mac_address = bytes(entry.mac_address[: min(entry.mac_address_length, _MAX_MAC_BYTES)])
    return Adapter(
        mac_address=":".join(f"{byte:02X}" for byte in mac_address),
        ip_addresses=tuple(_addresses(entry.unicast)),
        gateways=tuple(_addresses(entry.gateway)),
        is_connected=entry.state == _UP,
        is_wired=entry.kind not in _WIRELESS,
        names=tuple(filter(None, map(_text, (entry.friendly_name, entry.description)))),
        is_tunnel=entry.kind in _TUNNELS,
    )


def _text(address: int | None) -> str:
    """The text at an address, in UTF-16 and with NUL behind it; empty for a null pointer."""
    units = bytearray()
    while address and len(units) < _MAX_NAME_BYTES:
        unit = ctypes.string_at(address + len(units), 2)
        if unit == b"\0\0":
            break
        units += unit
    return units.decode("utf-16-le", errors="replace")


def _addresses(first: Any) -> Iterator[str]:
    for entry in _linked(first):
        raw = ctypes.string_at(entry.socket.address, entry.socket.length)
        family = int.from_bytes(raw[:2], "little")
        if family == _INET and len(raw) >= 8:
            yield socket.inet_ntop(socket.AF_INET, raw[4:8])
        elif family == _INET6 and len(raw) >= 24:
            yield socket.inet_ntop(socket.AF_INET6, raw[8:24])


def _linked(first: Any) -> Iterator[Any]:
    at = first
    while at:
        yield at.contents
        at = at.contents.next
