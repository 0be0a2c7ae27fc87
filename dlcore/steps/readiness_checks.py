"""The checks of *Check Readiness*: what each asks the machine, and where its result goes.

Guarantees: a check either has an answer or raises OSError, with the reason why it has none. "At
least" and "at most" include the limit itself: the documentation says "minimum" and "maximum".

Source: Microsoft Learn, "Task sequence steps: Check Readiness", "Task sequence variables"
(``_TS_CR...``), and the SDK class SMS_TaskSequence_PrestartCheckAction for parameters and defaults;
exports for the names of those that the class does not tell.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from dlcore.machine import Machine
from dlcore.printable import quoted

_MEGA: Final = 1_000_000
_MB_BYTES: Final = 1 << 20


class Finding(NamedTuple):
    """What a check found.

    Attributes:
        passed: Whether the machine meets what is asked for.
        text: What it has and what is asked for.
    """

    passed: bool
    text: str


class ReadinessCheck(NamedTuple):
    """One check.

    Attributes:
        switch: The parameter that asks for it.
        limit: The parameter that says what is asked for; empty if the check has no such parameter.
        default: What is asked for if that parameter is empty.
        result: The task sequence variable that gets 1, 0 or, if the check is not made, nothing.
        look: Looks at the machine. It raises OSError if the machine does not tell, and ValueError
            if what is asked for cannot be understood.
    """

    switch: str
    limit: str
    default: str
    result: str
    look: Callable[[Machine, str], Finding]


def _memory(machine: Machine, limit: str) -> Finding:
    return _at_least("memory", machine.memory_bytes() // _MB_BYTES, limit, "MB")


def _processor(machine: Machine, limit: str) -> Finding:
    return _at_least("processor speed", machine.processor_hz() // _MEGA, limit, "MHz")


def _disk(machine: Machine, limit: str) -> Finding:
    return _at_least("free disk space", machine.free_disk_bytes() // _MB_BYTES, limit, "MB")


def _at_least(what: str, actual: int, limit: str, unit: str) -> Finding:
    if not re.fullmatch(r"[0-9]{1,12}", limit):
        raise ValueError(f"{quoted(limit[:60])} is not a whole number")
    return Finding(actual >= int(limit), f"{what}: {actual} {unit}; asked for: {limit} {unit}")


def _kind(machine: Machine, limit: str) -> Finding:
    actual = machine.operating_system().kind
    return _equal("type of the operating system", actual, limit.upper())


def _bits(machine: Machine, limit: str) -> Finding:
    return _equal("architecture", f"{machine.operating_system().bits}", limit, " bits")


def _language(machine: Machine, limit: str) -> Finding:
    actual = machine.operating_system().language_id
    return _equal("language of the operating system", f"{actual}", limit)


def _equal(what: str, actual: str, wanted: str, unit: str = "") -> Finding:
    return Finding(actual == wanted, f"{what}: {actual}{unit}; asked for: {wanted}{unit}")


def _oldest(machine: Machine, limit: str) -> Finding:
    actual = machine.operating_system().version
    is_met = _version(actual) >= _version(limit)
    return Finding(is_met, f"version of Windows: {actual}; asked for: at least {limit}")


def _newest(machine: Machine, limit: str) -> Finding:
    actual = machine.operating_system().version
    is_met = _version(actual) <= _version(limit)
    return Finding(is_met, f"version of Windows: {actual}; asked for: at most {limit}")


def _client(machine: Machine, limit: str) -> Finding:
    actual = machine.client_version()
    is_met = _version(actual) >= _version(limit)
    return Finding(is_met, f"version of the client: {actual}; asked for: at least {limit}")


def _version(text: str) -> tuple[int, ...]:
    """The places of a version; those that are not written are 0.

    The editor writes what is typed into a mask of spaces and dots.
    """
    text = re.sub(r"\s+", "", text)
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9}){0,3}", text):
        raise ValueError(f"{quoted(text[:60])} is not a version")
    places = [int(place) for place in text.split(".")]
    return tuple(places + [0] * (4 - len(places)))


def _power(machine: Machine, limit: str) -> Finding:
    del limit
    is_on = machine.is_on_mains()
    return Finding(
        is_on, f"power: {'plugged in' if is_on else 'on battery'}; asked for: plugged in"
    )


def _network(machine: Machine, limit: str) -> Finding:
    del limit
    is_connected = any(adapter.is_connected for adapter in machine.adapters())
    return Finding(is_connected, f"network: {'' if is_connected else 'not '}connected")


def _wired(machine: Machine, limit: str) -> Finding:
    del limit
    is_wired = any(adapter.is_connected and adapter.is_wired for adapter in machine.adapters())
    return Finding(is_wired, f"network: {'' if is_wired else 'not '}connected by wire")


def _uefi(machine: Machine, limit: str) -> Finding:
    del limit
    is_uefi = machine.is_uefi()
    return Finding(is_uefi, f"firmware: {'UEFI' if is_uefi else 'BIOS'}; asked for: UEFI")


def _tpm_enabled(machine: Machine, limit: str) -> Finding:
    del limit
    is_enabled = machine.is_tpm_enabled()
    return Finding(is_enabled, f"TPM 2.0: {'' if is_enabled else 'not '}enabled")


def _tpm_activated(machine: Machine, limit: str) -> Finding:
    del limit
    is_activated = machine.is_tpm_activated()
    return Finding(is_activated, f"TPM 2.0: {'' if is_activated else 'not '}activated")


READINESS_CHECKS: Final = (
    ReadinessCheck("OSDCheckMemory", "OSDMemory", "512", "_TS_CRMEMORY", _memory),
    ReadinessCheck("OSDCheckProcessorSpeed", "OSDProcessorSpeed", "800", "_TS_CRSPEED", _processor),
    ReadinessCheck("OSDCheckFreeDiskSpace", "OSDFreeDiskSpace", "25000", "_TS_CRDISK", _disk),
    ReadinessCheck("OSDCheckOSType", "OSDOSType", "CLIENT", "_TS_CROSTYPE", _kind),
    ReadinessCheck("OSDCheckOSArchitecture", "OSDOSArchitecture", "64", "_TS_CRARCH", _bits),
    ReadinessCheck("OSDCheckMinOSVersion", "OSDMinOSVersion", "", "_TS_CRMINOSVER", _oldest),
    ReadinessCheck("OSDCheckMaxOsVersion", "OSDMaxOSVersion", "", "_TS_CRMAXOSVER", _newest),
    ReadinessCheck(
        "OSDCheckCMClientMinVersion", "OSDCMClientMinVersion", "", "_TS_CRCLIENTMINVER", _client
    ),
    ReadinessCheck("OSDCheckOSLanguageID", "OSDOSLanguageID", "", "_TS_CROSLANGUAGE", _language),
    ReadinessCheck("OSDCheckPowerState", "", "", "_TS_CRACPOWER", _power),
    ReadinessCheck("OSDCheckNetworkConnected", "", "", "_TS_CRNETWORK", _network),
    ReadinessCheck("OSDCheckNetworkWired", "", "", "_TS_CRWIRED", _wired),
    ReadinessCheck("OSDCheckDeviceUEFI", "", "", "_TS_CRUEFI", _uefi),
    ReadinessCheck("OSDCheckDeviceTpmEnabled", "", "", "_TS_CRTPMENABLED", _tpm_enabled),
    ReadinessCheck("OSDCheckDeviceTpmActivated", "", "", "_TS_CRTPMACTIVATED", _tpm_activated),
)
"""In the order of the step's editor."""
