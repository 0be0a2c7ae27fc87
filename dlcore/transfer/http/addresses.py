"""Which network addresses a server may lead this client to.

A gateway's locations may lead to public addresses; a redirect to all but those of this machine.
Guarantees: an address of this machine, of a private or link-local network, of a cloud's metadata
service, and every address that stands for one of them in another notation is not public. The check
is made on the address that is connected to, so a name that is resolved anew does not get around it.

Source: IANA special-purpose address registries, as `ipaddress` knows them; RFC 6052 for addresses
behind NAT64; Microsoft Learn, "What is IP address 168.63.129.16?".
"""

from __future__ import annotations

import enum
import errno
import ipaddress
import socket
from collections.abc import Callable
from typing import Any, Final

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_METADATA: Final = frozenset({ipaddress.ip_address("168.63.129.16")})


class Reach(enum.Enum):
    """Which addresses may be connected to."""

    ANY = "any"
    OTHER_MACHINES = "other machines"  # not this one, and not a service that only it can reach
    PUBLIC = "public"


class AddressRefusedError(OSError):
    """A connection was not opened, because its address is out of reach."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EACCES, reason)


def is_public(address: str) -> bool:
    """Whether an IP address can only be a host on the internet; False if it is not an address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(_is_global(one) for one in (parsed, *_inside(parsed)))


def is_another_machine(address: str) -> bool:
    """Whether an IP address can only be another machine; False if it is not an address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return not any(_is_of_this_machine(one) for one in (parsed, *_inside(parsed)))


def public_socket(found: tuple[Any, ...]) -> socket.socket:
    """Make a socket for an address that a name was resolved to.

    Args:
        found: As `socket.getaddrinfo` gives it.

    Raises:
        AddressRefusedError: The address is not public.
    """
    return _socket(found, is_public, "the address is not public")


def other_machines_socket(found: tuple[Any, ...]) -> socket.socket:
    """Make a socket for an address that a name was resolved to.

    Args:
        found: As `socket.getaddrinfo` gives it.

    Raises:
        AddressRefusedError: The address is one of this machine.
    """
    return _socket(found, is_another_machine, "a redirect to an address of this machine")


def _socket(
    found: tuple[Any, ...], is_allowed: Callable[[str], bool], reason: str
) -> socket.socket:
    family, kind, protocol, _, address = found
    if not is_allowed(str(address[0])):
        raise AddressRefusedError(reason)
    return socket.socket(family, kind, protocol)


def _is_global(address: IpAddress) -> bool:
    return address.is_global and not address.is_multicast and address not in _METADATA


def _is_of_this_machine(address: IpAddress) -> bool:
    is_own = address.is_loopback or address.is_unspecified or address.is_link_local
    return is_own or address in _METADATA


def _inside(address: IpAddress) -> list[IpAddress]:
    """The IPv4 addresses that an IPv6 address stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return [one for one in found if one is not None]
