"""Which addresses count as public."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcore.transfer.http.addresses import (
    AddressRefusedError,
    Reach,
    is_another_machine,
    is_metadata_host,
    is_public,
    narrower,
    no_metadata_socket,
    other_machines_socket,
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


METADATA = [
    *("169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254", "192.0.0.192"),
    *("::ffff:169.254.169.254", "64:ff9b::6464:64c8"),
]
OWN = ["127.0.0.1", "0.0.0.0", "::1", "::", "fe80::1%eth0", *METADATA]


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


def addresses_of(host: str) -> list[tuple[object, ...]]:
    return list(socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM))


@pytest.mark.parametrize("address", METADATA)
def test_a_metadata_service_is_for_nobody_who_did_not_name_it(address: str) -> None:
    """Fault: a redirect, a mirror or a name that is resolved again leads to the metadata service of
    a cloud, which hands out credentials. dlcore asks it only if the user names it.
    """
    assert is_metadata_host(address)
    for make in (no_metadata_socket, other_machines_socket, public_socket):
        with pytest.raises(AddressRefusedError):
            make(addresses_of(address)[0])


@pytest.mark.parametrize("name", ["metadata.google.internal", "Metadata.Google.Internal."])
def test_the_names_of_metadata_services_are_known(name: str) -> None:
    assert is_metadata_host(name)
    assert not is_metadata_host("example.com")


def test_another_link_local_address_may_be_a_distribution_point() -> None:
    no_metadata_socket(addresses_of("169.254.10.20")[0]).close()


def own_address() -> str:
    """An address of this machine on a network; asks nobody: UDP sends nothing to connect."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            trial.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine is on no network")
        return str(trial.getsockname()[0])


@pytest.mark.wine_cannot(reason="binds a socket to addresses that the machine does not have")
def test_an_address_of_this_machine_on_a_network_is_as_loopback() -> None:
    """Fault: a redirect leads to a service of this machine by its address on the network, which is
    not a loopback address. dlcore does not follow it.
    """
    own = addresses_of(own_address())[0]
    no_metadata_socket(own).close()
    for make in (other_machines_socket, public_socket):
        with pytest.raises(AddressRefusedError):
            make(own)
    other_machines_socket(addresses_of("192.0.2.1")[0]).close()


def test_the_narrower_reach_counts() -> None:
    assert narrower(Reach.NO_METADATA, Reach.ANY) is Reach.NO_METADATA
    assert narrower(Reach.NO_METADATA, Reach.OTHER_MACHINES) is Reach.OTHER_MACHINES
    assert narrower(Reach.PUBLIC, Reach.OTHER_MACHINES) is Reach.PUBLIC
