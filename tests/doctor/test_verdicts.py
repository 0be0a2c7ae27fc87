"""What is found becomes a verdict, with a remedy wherever one is needed."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from dlcore.deployment import Check, CheckOutcome
from dlcore.disk.trial import Trial
from dlcore.doctor import installation, state_directory, way_to_endpoint
from dlcore.errors import Fault, OwnershipError, TlsError, TransferError
from dlcore.native import CoreDescription
from dlcore.store import Reserve, Space
from dlcore.transfer import Contact

PASSED, FAILED, WARNING = CheckOutcome.PASSED, CheckOutcome.FAILED, CheckOutcome.WARNING
UNKNOWN, NOT_HERE = CheckOutcome.NOT_EXAMINED, CheckOutcome.DOES_NOT_APPLY
STATE = Path("state")
REFUSED = OSError(errno.EACCES, os.strerror(errno.EACCES))
SOUND = Trial(None, is_told=True)
UNWRITABLE = Trial(REFUSED)
TOO_LONG = OSError(errno.ENAMETOOLONG, "too long")
OTHERS = OwnershipError("not safe", path=STATE, remedy="Run: chmod")

VERDICTS = [
    (installation.versions("1.0", "3.11.2", "python"), PASSED),
    (installation.core("compiled", CoreDescription("native core (sha_ni)")), PASSED),
    (installation.core("portable", CoreDescription("portable core", "install a wheel")), WARNING),
    (installation.extras({}), PASSED),
    (installation.extras({"trust": "signed catalogs"}), PASSED),
    (installation.trust_store("/etc/ssl/cert.pem"), PASSED),
    (installation.trust_store(""), WARNING),
    (state_directory.rights(STATE, None), PASSED),
    (state_directory.rights(STATE, OTHERS), FAILED),
    (state_directory.room(Space(3 << 30, 100 << 30), Reserve()), PASSED),
    (state_directory.room(Space(1 << 30, 100 << 30), Reserve()), FAILED),
    (state_directory.file_system("ext4"), PASSED),
    (state_directory.file_system("NTFS"), PASSED),
    (state_directory.file_system("nfs4"), WARNING),
    (state_directory.file_system("tmpfs"), WARNING),
    (state_directory.file_system("FAT32"), WARNING),
    (state_directory.file_system(""), UNKNOWN),
    (state_directory.writing(STATE, SOUND), PASSED),
    (state_directory.writing(STATE, UNWRITABLE), FAILED),
    (state_directory.long_names(SOUND), PASSED),
    (state_directory.long_names(Trial(None, name_fault=TOO_LONG)), WARNING),
    (state_directory.long_names(UNWRITABLE), UNKNOWN),
    (state_directory.long_paths(SOUND), PASSED),
    (state_directory.long_paths(Trial(None, path_fault=TOO_LONG)), WARNING),
    (state_directory.long_paths(UNWRITABLE), UNKNOWN),
]


@pytest.mark.parametrize(
    ("check", "outcome"), VERDICTS, ids=[f"{check.name} {outcome}" for check, outcome in VERDICTS]
)
def test_of_this_machine(check: Check, outcome: CheckOutcome) -> None:
    assert check.outcome is outcome
    assert bool(check.remedy) is (outcome in {FAILED, WARNING})


def error(fault: Fault) -> TransferError:
    return TransferError("it failed", fault=fault, endpoint="edge", remedy="Look.")


ADDRESSES = ("192.0.2.1",)
REACHED = Contact("https", "host", addresses=ADDRESSES, status=403, ahead_s=2.0)
CERTIFICATE = TlsError("no", fault=Fault.TLS, endpoint="edge", remedy="Name it with ca_file.")

WAYS: dict[str, tuple[Contact, tuple[CheckOutcome, ...]]] = {
    "reached": (REACHED, (NOT_HERE, PASSED, PASSED, PASSED, PASSED)),
    "plain": (
        Contact("http", "host", addresses=ADDRESSES, status=200),
        (NOT_HERE, PASSED, PASSED, NOT_HERE, UNKNOWN),
    ),
    "by a proxy": (
        Contact("https", "host", "http://p", "https_proxy", status=200, ahead_s=0.0),
        (PASSED, NOT_HERE, PASSED, PASSED, PASSED),
    ),
    "a proxy script is not used": (
        Contact("https", "host", addresses=ADDRESSES, status=200, unused_script="http://wpad/x"),
        (WARNING, PASSED, PASSED, PASSED, UNKNOWN),
    ),
    "no such name": (
        Contact("https", "host", lookup_fault="unknown"),
        (NOT_HERE, FAILED, UNKNOWN, UNKNOWN, UNKNOWN),
    ),
    "nobody listens": (
        Contact("https", "host", addresses=ADDRESSES, error=error(Fault.CONNECT)),
        (NOT_HERE, PASSED, FAILED, UNKNOWN, UNKNOWN),
    ),
    "no trust": (
        Contact("https", "host", addresses=ADDRESSES, error=CERTIFICATE),
        (NOT_HERE, PASSED, PASSED, FAILED, UNKNOWN),
    ),
}


@pytest.mark.parametrize(("contact", "outcomes"), WAYS.values(), ids=WAYS)
def test_of_the_way_to_an_endpoint(contact: Contact, outcomes: tuple[CheckOutcome, ...]) -> None:
    checks = way_to_endpoint.checks(contact, "/ca.pem")
    names = ("proxy", "name", "connection", "certificate", "clock")
    assert tuple(check.name for check in checks) == names
    assert tuple(check.outcome for check in checks) == outcomes
    assert all(bool(c.remedy) is (c.outcome in {FAILED, WARNING}) for c in checks)


@pytest.mark.parametrize(
    ("ahead_s", "outcome", "words"),
    [
        (300.0, PASSED, "5 min 00 s ahead of"),
        (-301.0, WARNING, "5 min 01 s behind"),
        (900.0, WARNING, "ahead of"),
        (-901.0, FAILED, "behind"),
    ],
)
def test_of_the_clock(ahead_s: float, outcome: CheckOutcome, words: str) -> None:
    check = way_to_endpoint.checks(Contact("http", "host", status=200, ahead_s=ahead_s), "")[-1]
    assert check.outcome is outcome
    assert words in check.detail


def test_only_without_a_proxy_a_firewall_is_suspected() -> None:
    direct = Contact("http", "host", addresses=ADDRESSES, error=error(Fault.CONNECT))
    behind = Contact("http", "host", "http://p", "http_proxy", error=error(Fault.CONNECT))
    assert "firewall" in way_to_endpoint.checks(direct, "")[2].remedy
    assert "firewall" not in way_to_endpoint.checks(behind, "")[2].remedy
