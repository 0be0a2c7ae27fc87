"""Which network addresses a server may lead this client to.

A gateway's locations may lead to public addresses; a redirect to all but those of this machine. A
cloud's metadata service hands out the credentials of this machine, so it is asked only if the user
names it by its own address or name.
Guarantees: an address of this machine, of a private or link-local network, of a cloud's metadata
service, and every address that stands for one of them in another notation is not public. The check
is made on the address that is connected to, so a name that is resolved again does not get past it.

Source: IANA special-purpose address registries, as `ipaddress` knows them; RFC 6052 for addresses
behind NAT64; Microsoft Learn, "What is IP address 168.63.129.16?"; AWS, "Access instance metadata"
and "Task IAM role"; Google Cloud, "About VM metadata"; Alibaba Cloud, "View instance metadata";
Oracle Cloud, "Getting Instance Metadata".
"""

from __future__ import annotations

import enum
import errno
import functools
import ipaddress
import socket
from typing import Any, Final

METADATA_REFUSED: Final = "the metadata service of a cloud, which the user did not name"

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_METADATA: Final = frozenset(
    ipaddress.ip_address(address)
    for address in (
        "169.254.169.254",  # nearly all clouds
        "168.63.129.16",  # Azure
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
        "169.254.170.2",  # Amazon, as the next three
        "169.254.170.23",
        "fd00:ec2::23",
        "fd00:ec2::254",
        "fd20:ce::254",  # Google
    )
)
_METADATA_NAMES: Final = frozenset(
    {"metadata", "metadata.google.internal", "metadata.goog", "instance-data"}
    | {"instance-data.ec2.internal", "metadata.azure.internal", "metadata.tencentyun.com"}
)
_OF_NOBODY: Final = "192.0.2.1"  # for documentation (RFC 5737): no machine has it


class Reach(enum.Enum):
    """Which addresses may be connected to; each allows less than the one before."""

    ANY = "any"
    NO_METADATA = "all but metadata services"
    OTHER_MACHINES = "other machines"  # not this one, and not a service that only it can reach
    PUBLIC = "public"


_ORDER: Final = {reach: number for number, reach in enumerate(Reach)}


def narrower(one: Reach, other: Reach) -> Reach:
    """The one that allows less."""
    return max(one, other, key=_ORDER.__getitem__)


class AddressRefusedError(OSError):
    """A connection was not opened, because its address is out of reach."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EACCES, reason)


def is_public(address: str) -> bool:
    """Whether an IP address can only be a host on the internet; False if it is not an address."""
    return all(map(_is_global, _meanings(address)))


def is_another_machine(address: str) -> bool:
    """Whether an IP address can only be another machine; False if it is not an address."""
    return not any(map(_is_of_this_machine, _meanings(address)))


@functools.lru_cache(maxsize=1024)
def is_metadata_host(host: str) -> bool:
    """Whether a host's own name or address is that of a cloud's metadata service."""
    name = host.lower().rstrip(".")
    return name in _METADATA_NAMES or _is_metadata(name)


def public_socket(found: tuple[Any, ...]) -> socket.socket:
    """Make a socket for an address that a name was resolved to.

    Args:
        found: As `socket.getaddrinfo` gives it.

    Raises:
        AddressRefusedError: The address is not public, or is one of this machine.
    """
    address = _address(found)
    if not is_public(address) or _is_own(address):
        raise AddressRefusedError("the address is not public")
    return _socket(found)


def other_machines_socket(found: tuple[Any, ...]) -> socket.socket:
    """Make a socket for an address that a name was resolved to.

    Args:
        found: As `socket.getaddrinfo` gives it.

    Raises:
        AddressRefusedError: The address is one of this machine, or of a metadata service.
    """
    address = _address(found)
    if not is_another_machine(address) or _is_own(address):
        raise AddressRefusedError("a redirect to an address of this machine")
    return _socket(found)


def no_metadata_socket(found: tuple[Any, ...]) -> socket.socket:
    """Make a socket for an address that a name was resolved to.

    Args:
        found: As `socket.getaddrinfo` gives it.

    Raises:
        AddressRefusedError: The address is that of a cloud's metadata service.
    """
    if _is_metadata(_address(found)):
        raise AddressRefusedError(METADATA_REFUSED)
    return _socket(found)


def _address(found: tuple[Any, ...]) -> str:
    return str(found[4][0])


def _socket(found: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, *_ = found
    return socket.socket(family, kind, protocol)


def _is_own(address: str) -> bool:
    """Whether this machine has an address on a network: only then a socket can be bound to it."""
    return _can_bind(address) and not _can_bind(_OF_NOBODY)  # which Linux can be told to allow


def _can_bind(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as trial:
            trial.bind((address, 0))
    except OSError:
        return False
    return True


def _is_metadata(address: str) -> bool:
    try:
        return not _METADATA.isdisjoint(_parsed(address))
    except ValueError:
        return False


def _is_global(address: IpAddress) -> bool:
    return address.is_global and not address.is_multicast and address not in _METADATA


def _is_of_this_machine(address: IpAddress) -> bool:
    is_own = address.is_loopback or address.is_unspecified or address.is_link_local
    return is_own or address in _METADATA


def _meanings(address: str) -> list[IpAddress]:
    """What an address stands for; a text that is not an address counts as the unspecified one."""
    try:
        return _parsed(address)
    except ValueError:
        return [ipaddress.IPv4Address(0)]


def _parsed(address: str) -> list[IpAddress]:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    return [parsed, *_inside(parsed)]


def _inside(address: IpAddress) -> list[IpAddress]:
    """The IPv4 addresses that an IPv6 address stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return [one for one in found if one is not None]
