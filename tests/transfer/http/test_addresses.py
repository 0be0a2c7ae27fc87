"""Which addresses count as public."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.transfer.http.addresses import (
    AddressRefusedError,
    is_another_machine,
    is_public,
    public_socket,
)


@pytest.mark.parametrize("address", ["8.8.8.8", "20.60.1.2", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_a_host_on_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1"),
        *("169.254.169.254", "168.63.129.16", "100.64.0.1", "224.0.0.1", "255.255.255.255"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::"),
        *("localhost", "", "127.1"),
    ],
)
def test_any_other_address_is_not(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_a_notation_does_not_make_an_address_public(address: ipaddress.IPv4Address) -> None:
    nat64 = ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) | int(address))
    for other in (f"::ffff:{address}", str(nat64)):
        assert is_public(str(address)) or not is_public(other)


OWN = ["127.0.0.1", "0.0.0.0", "::1", "::", "169.254.169.254", "fe80::1%eth0", "168.63.129.16"]


@pytest.mark.parametrize("address", [*OWN, "::ffff:127.0.0.1", "64:ff9b::7f00:1", "localhost"])
def test_an_address_of_this_machine_is_no_other_machine(address: str) -> None:
    assert not is_another_machine(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "10.1.2.3", "192.168.1.1", "fd00::1"])
def test_a_host_in_the_same_network_is_another_machine(address: str) -> None:
    assert is_another_machine(address)


def test_no_socket_is_made_for_a_private_address() -> None:
    (found, *_) = socket.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
    with pytest.raises(AddressRefusedError):
        public_socket(found)
    public_socket((*found[:4], ("8.8.8.8", 80))).close()
