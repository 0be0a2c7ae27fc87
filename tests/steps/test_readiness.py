"""The step *Check Readiness*."""

from __future__ import annotations

from typing import Any

import pytest

from dlcore.steps.exit_codes import CHECKS_FAILED
from dlcore.steps.interface import CANNOT_RUN, Job, Outcome
from dlcore.steps.readiness import CheckReadiness
from dlcore.steps.readiness_checks import READINESS_CHECKS
from dlcore.tasksequence import FrozenVariables, Step, Variables
from dlcore.tasksequence.step_types import PRESTART_CHECK, step_type
from tests.machine.told import GIB, LAPTOP, WINDOWS_11, ToldMachine

ALL = {
    "OSDCheckMemory": "true",
    "OSDCheckProcessorSpeed": "true",
    "OSDCheckFreeDiskSpace": "true",
    "OSDCheckOSType": "true",
    "OSDCheckOSArchitecture": "true",
    "OSDCheckMinOSVersion": "true",
    "OSDMinOSVersion": "10. 0.19041",
    "OSDCheckMaxOsVersion": "true",
    "OSDMaxOSVersion": "10.0.22631",
    "OSDCheckCMClientMinVersion": "true",
    "OSDCMClientMinVersion": "5.00.9000",
    "OSDCheckOSLanguageID": "true",
    "OSDOSLanguageID": "1033",
    "OSDCheckPowerState": "true",
    "OSDCheckNetworkConnected": "true",
    "OSDCheckNetworkWired": "true",
    "OSDCheckDeviceUEFI": "true",
    "OSDCheckDeviceTpmEnabled": "true",
    "OSDCheckDeviceTpmActivated": "true",
}
RESULTS = {check.result for check in READINESS_CHECKS}


def step_of(**parameters: str) -> Step:
    return Step(0, "check", PRESTART_CHECK, variables=FrozenVariables(parameters))


async def run(
    step: Step, variables: Variables | None = None, **different: Any
) -> tuple[Outcome, Variables]:
    """Run a step on the laptop, which answers some questions differently."""
    known = Variables() if variables is None else variables
    executor = CheckReadiness(ToldMachine(**{**LAPTOP, **different}))
    return await executor.run(Job(step, known)), known


async def test_a_machine_that_has_everything_passes_all_checks() -> None:
    outcome, variables = await run(step_of(**ALL))
    assert outcome.exit_code == 0
    assert variables == dict.fromkeys(RESULTS, "1")


@pytest.mark.parametrize(
    ("result", "answer", "told"),
    [
        ("_TS_CRMEMORY", {"memory_bytes": 256 << 20}, "memory: 256 MB; asked for: 512 MB"),
        ("_TS_CRSPEED", {"processor_hz": 700_000_000}, "processor speed: 700 MHz"),
        ("_TS_CRDISK", {"free_disk_bytes": 20 * GIB}, "free disk space: 20480 MB"),
        (
            "_TS_CROSTYPE",
            {"operating_system": WINDOWS_11._replace(kind="SERVER")},
            "type of the operating system: SERVER; asked for: CLIENT",
        ),
        ("_TS_CRARCH", {"operating_system": WINDOWS_11._replace(bits=32)}, "32 bits"),
        (
            "_TS_CRMINOSVER",
            {"operating_system": WINDOWS_11._replace(version="10.0.9999")},
            "version of Windows: 10.0.9999; asked for: at least 10. 0.19041",
        ),
        (
            "_TS_CRMAXOSVER",
            {"operating_system": WINDOWS_11._replace(version="10.0.22632")},
            "asked for: at most 10.0.22631",
        ),
        ("_TS_CRCLIENTMINVER", {"client_version": "5.00.8999.0"}, "client: 5.00.8999.0"),
        (
            "_TS_CROSLANGUAGE",
            {"operating_system": WINDOWS_11._replace(language_id=1031)},
            "1031; asked for: 1033",
        ),
        ("_TS_CRACPOWER", {"is_on_mains": False}, "power: on battery"),
        ("_TS_CRUEFI", {"is_uefi": False}, "firmware: BIOS; asked for: UEFI"),
        ("_TS_CRTPMENABLED", {"is_tpm_enabled": False}, "TPM 2.0: not enabled"),
        ("_TS_CRTPMACTIVATED", {"is_tpm_activated": False}, "TPM 2.0: not activated"),
    ],
)
async def test_a_check_that_fails_fails_the_step(
    result: str, answer: dict[str, Any], told: str
) -> None:
    outcome, variables = await run(step_of(**ALL), **answer)
    assert outcome.exit_code == CHECKS_FAILED == 4316
    assert told in outcome.message
    assert {name for name, value in variables.items() if value == "0"} == {result}


async def test_a_wireless_connection_is_no_wired_one() -> None:
    wired, wireless = LAPTOP["adapters"]
    adapters = (wired._replace(is_connected=False), wireless._replace(is_connected=True))
    outcome, variables = await run(step_of(**ALL), adapters=adapters)
    assert outcome.message == "network: not connected by wire"
    assert variables["_TS_CRNETWORK"] == "1"
    assert variables["_TS_CRWIRED"] == "0"


async def test_all_checks_are_made_and_all_that_fail_are_named() -> None:
    outcome, variables = await run(step_of(**ALL), is_uefi=False, is_on_mains=False, adapters=())
    assert outcome.message == (
        "power: on battery; asked for: plugged in; network: not connected;"
        " network: not connected by wire; firmware: BIOS; asked for: UEFI"
    )
    assert variables["_TS_CRMEMORY"] == "1"
    assert "memory: 8192 MB" in outcome.output


async def test_a_check_that_is_not_asked_for_is_not_made() -> None:
    step = step_of(OSDCheckMemory="true", OSDCheckPowerState="false", OSDMemory="8192")
    known = Variables({"_TS_CRACPOWER": "1"})  # of an earlier step
    executor = CheckReadiness(ToldMachine(memory_bytes=8 * GIB))
    assert executor.obstacle(step, {}) == ""
    assert await executor.run(Job(step, known)) == Outcome(
        output="memory: 8192 MB; asked for: 8192 MB"
    )
    assert known == {**dict.fromkeys(RESULTS, ""), "_TS_CRMEMORY": "1"}


async def test_variables_override_what_is_asked_for() -> None:
    step = step_of(OSDCheckMemory="%ASKED%", OSDMemory="512")
    known = Variables({"ASKED": "true", "OSDMemory": "%NEEDED%", "NEEDED": "16384"})
    outcome, _ = await run(step, known)
    assert outcome.message == "memory: 8192 MB; asked for: 16384 MB"


async def test_a_check_without_an_answer_is_told_before_the_run_and_fails_it() -> None:
    """Fault: the machine does not answer a check. dlcore refuses the step and names the check."""
    step = step_of(OSDCheckMemory="true", OSDCheckOSType="true")
    executor = CheckReadiness(ToldMachine(memory_bytes=GIB))
    told = "OSDCheckOSType cannot be checked on this machine: nobody told it"
    assert executor.obstacle(step, {}) == told
    known = Variables()
    outcome = await executor.run(Job(step, known))
    assert (outcome.exit_code, outcome.message) == (CANNOT_RUN, told)
    assert (known["_TS_CRMEMORY"], known["_TS_CROSTYPE"]) == ("1", "")


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        (
            {"OSDCheckMemory": "true", "OSDMemory": "2 GB"},
            "OSDMemory: '2 GB' is not a whole number",
        ),
        ({"OSDCheckMinOSVersion": "true"}, "OSDMinOSVersion: '' is not a version"),
        (
            {"OSDCheckMinOSVersion": "true", "OSDMinOSVersion": "  . ."},
            "OSDMinOSVersion: '..' is not a version",
        ),
        (
            {"OSDCheckMaxOsVersion": "true", "OSDMaxOSVersion": "10.0.x"},
            "OSDMaxOSVersion: '10.0.x' is not a version",
        ),
    ],
)
async def test_a_limit_that_cannot_be_understood_is_told(
    parameters: dict[str, str], told: str
) -> None:
    """Fault: a check's limit cannot be understood. dlcore refuses the step and names it."""
    step = step_of(**parameters)
    assert told in CheckReadiness(ToldMachine(**LAPTOP)).obstacle(step, {})
    outcome, _ = await run(step)
    assert outcome.exit_code == CANNOT_RUN


def test_the_registry_of_step_types_knows_the_same_checks() -> None:
    known = step_type(PRESTART_CHECK)
    assert known is not None
    told = {name.upper(): list(results) for name, results in known.simulated_if.items()}
    assert told == {check.switch.upper(): [check.result] for check in READINESS_CHECKS}
