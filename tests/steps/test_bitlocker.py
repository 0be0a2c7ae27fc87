"""The steps about BitLocker, with a tool that notes what it was started with."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import pytest

from dlcore.machine import SilentMachine
from dlcore.steps.bitlocker import (
    POLL_S,
    BitLockerTool,
    DisableBitLocker,
    EnableBitLocker,
    ManageBde,
)
from dlcore.steps.commands.process import TIMED_OUT, Commands
from dlcore.steps.interface import CANNOT_RUN, Executor, Job, Outcome
from dlcore.tasksequence import FrozenVariables, Step, Variables
from dlcore.tasksequence.step_types import DISABLE_BITLOCKER, ENABLE_BITLOCKER
from tests.machine.told import LAPTOP, ToldMachine

NOT_ENCRYPTED = 0x80310001
MACHINE = ToldMachine(**LAPTOP)
STATUS = "-status C: -ProtectionAsErrorLevel"


class Tool:
    """Notes what it is started with. Implements `BitLockerTool`.

    Args:
        codes: The exit codes by the beginning of the arguments, each used once; else 0.

    Attributes:
        lines: What it was started with.
        silent: Those of them whose output was thrown away.
    """

    def __init__(self, codes: Mapping[str, Sequence[int]] | None = None) -> None:
        self._codes = {beginning: list(given) for beginning, given in (codes or {}).items()}
        self.lines: list[str] = []
        self.silent: list[str] = []

    def obstacle(self) -> str:
        return ""

    async def run(self, job: Job, arguments: Sequence[str], *, is_silent: bool = False) -> Outcome:
        line = " ".join(arguments)
        self.lines.append(line)
        if is_silent:
            self.silent.append(line)
        for beginning, codes in self._codes.items():
            if line.startswith(beginning) and codes:
                return Outcome(codes.pop(0))
        return Outcome()


def step_of(kind: str, action: str = "", **parameters: str) -> Step:
    return Step(0, "bitlocker", kind, action, variables=FrozenVariables(parameters))


async def run(executor: Executor, step: Step, variables: Variables | None = None) -> Outcome:
    return await executor.run(Job(step, Variables() if variables is None else variables))


# Disable BitLocker


@pytest.mark.parametrize(
    ("action", "parameters", "expected"),
    [
        ("OSDBitLocker.exe /disable", {}, "-protectors -disable C: -RebootCount 1"),
        (
            "OSDBitLocker.exe /disable /drive:d:",
            {"OSDBitLockerRebootCount": "3"},
            "-protectors -disable D: -RebootCount 3",
        ),
        (
            "",
            {"OSDBitLockerRebootCount": "3", "OSDBitLockerRebootCountOverride": "0"},
            "-protectors -disable C: -RebootCount 0",
        ),
    ],
)
async def test_protection_is_suspended_for_some_restarts(
    action: str, parameters: dict[str, str], expected: str
) -> None:
    tool = Tool()
    outcome = await run(DisableBitLocker(tool), step_of(DISABLE_BITLOCKER, action, **parameters))
    assert outcome == Outcome()
    assert tool.lines[1:] == [expected]


async def test_a_drive_without_protection_is_left_alone() -> None:
    tool = Tool({"-status": [1]})
    outcome = await run(DisableBitLocker(tool), step_of(DISABLE_BITLOCKER))
    assert outcome == Outcome(output="C: is not protected")
    assert tool.lines == [STATUS]


@pytest.mark.parametrize(
    ("action", "parameters", "told"),
    [
        ("", {"OSDBitLockerRebootCount": "16"}, "OSDBitLockerRebootCount is '16'"),
        ("", {"OSDBitLockerRebootCount": "0"}, "must be from 1 to 15"),
        ("", {"OSDBitLockerRebootCountOverride": "x"}, "must be from 0 to 15"),
        ("/disable /drive:C:&calc", {}, "'C:&calc' is not a drive"),
    ],
)
async def test_what_cannot_be_used_is_named(
    action: str, parameters: dict[str, str], told: str
) -> None:
    """Fault: a setting of BitLocker cannot be used. dlcore names it and starts nothing."""
    tool = Tool()
    outcome = await run(DisableBitLocker(tool), step_of(DISABLE_BITLOCKER, action, **parameters))
    assert outcome.exit_code == CANNOT_RUN
    assert told in outcome.message
    assert tool.lines == []


async def test_a_failure_of_the_tool_is_the_steps() -> None:
    """Fault: manage-bde fails. dlcore fails the step with its exit code."""
    tool = Tool({"-protectors": [NOT_ENCRYPTED], "-status": [0]})
    outcome = await run(DisableBitLocker(tool), step_of(DISABLE_BITLOCKER))
    assert outcome.exit_code == NOT_ENCRYPTED


# Enable BitLocker


def plain_tool() -> Tool:
    """Of a drive that is not encrypted."""
    return Tool({"-protectors -enable": [NOT_ENCRYPTED]})


async def test_a_drive_is_encrypted() -> None:
    tool = plain_tool()
    action = "OSDBitLocker.exe /enable /wait:False /mode:TPM /pwd:AD"
    assert await run(EnableBitLocker(tool, MACHINE), step_of(ENABLE_BITLOCKER, action)) == Outcome()
    assert tool.lines == [
        "-protectors -enable C:",
        "-protectors -add C: -TPM",
        "-protectors -add C: -RecoveryPassword",
        "-on C: -UsedSpaceOnly -SkipHardwareTest",
    ]


async def test_the_recovery_password_is_not_shown() -> None:
    """Fault: manage-bde prints the recovery password. dlcore throws away what it prints."""
    tool = plain_tool()
    await run(EnableBitLocker(tool, MACHINE), step_of(ENABLE_BITLOCKER))
    assert tool.silent == ["-protectors -add C: -RecoveryPassword"]


async def test_a_suspended_drive_is_protected_again_and_nothing_else() -> None:
    tool = Tool()
    assert await run(EnableBitLocker(tool, MACHINE), step_of(ENABLE_BITLOCKER)) == Outcome()
    assert tool.lines == ["-protectors -enable C:"]


async def test_the_steps_settings_count() -> None:
    tool = plain_tool()
    step = step_of(
        ENABLE_BITLOCKER,
        "OSDBitLocker.exe /enable /drive:D: /mode:TPMAndKey /keydrive:E: /pwd:None",
        OSDBitLockerEncryptMethod="XTS_AES256",
        OSDBitLockerEncryptFullDisk="true",
    )
    await run(EnableBitLocker(tool, MACHINE), step)
    assert tool.lines == [
        "-protectors -enable D:",
        "-protectors -add D: -TPMAndStartupKey E:",
        "-on D: -SkipHardwareTest -EncryptionMethod xts_aes256",
    ]


@pytest.mark.parametrize(("ignores", "lines"), [("True", 0), ("False", 4)])
async def test_a_machine_without_a_tpm_is_skipped_if_the_step_says_so(
    ignores: str, lines: int
) -> None:
    tool = plain_tool()
    step = step_of(ENABLE_BITLOCKER, f"OSDBitLocker.exe /enable  /mode:TPM /ignoretpm:{ignores}")
    executor = EnableBitLocker(tool, ToldMachine(has_tpm=False))
    assert (await run(executor, step)).exit_code == 0
    assert len(tool.lines) == lines


async def test_a_tpm_that_cannot_be_asked_is_told() -> None:
    """Fault: the machine does not say whether it has a TPM. dlcore fails the step and says so."""
    step = step_of(ENABLE_BITLOCKER, OSDBitLockerSkipWhenNoValidTPM="true")
    outcome = await run(EnableBitLocker(Tool(), SilentMachine()), step)
    assert outcome.exit_code == CANNOT_RUN
    assert "the TPM cannot be asked" in outcome.message


async def test_a_step_waits_for_the_encryption_if_it_says_so() -> None:
    tool = Tool({"-protectors -enable": [NOT_ENCRYPTED], "-status": [1, 1, 0]})
    slept_s: list[float] = []

    async def sleep(time_s: float) -> None:
        slept_s.append(time_s)

    step = step_of(ENABLE_BITLOCKER, "OSDBitLocker.exe /enable /wait:True")
    assert await run(EnableBitLocker(tool, MACHINE, sleep), step) == Outcome()
    assert slept_s == [POLL_S, POLL_S]


async def test_a_wait_ends_with_the_steps_time() -> None:
    """Fault: a drive never gets encrypted. dlcore fails the step when its time is over."""
    tool = Tool({"-status": [1]})
    step = Step(0, "bitlocker", ENABLE_BITLOCKER, "/enable /wait:True", timeout_s=0)
    outcome = await run(EnableBitLocker(tool, MACHINE), step)
    assert outcome == Outcome(TIMED_OUT, message="C: was not encrypted within 0 s")


async def test_a_failure_ends_the_step() -> None:
    """Fault: a protector cannot be added. dlcore does not encrypt the drive without it."""
    tool = Tool({"-protectors -enable": [NOT_ENCRYPTED], "-protectors -add": [5]})
    assert (await run(EnableBitLocker(tool, MACHINE), step_of(ENABLE_BITLOCKER))).exit_code == 5
    assert not any(line.startswith("-on") for line in tool.lines)


@pytest.mark.parametrize(
    ("action", "variables", "told"),
    [
        ("/enable /mode:TPMAndPIN", {"OSDBitLockerPIN": "123456"}, "the PIN would"),
        ("", {"OSDBitLockerRecoveryPassword": "123456-234567"}, "the recovery password would"),
        ("", {"OSDBitLockerStartupKey": "MTIzNDU2"}, "the start-up key would"),
    ],
)
async def test_a_secret_for_the_command_line_is_refused_before_the_run(
    action: str, variables: dict[str, str], told: str
) -> None:
    """Fault: a PIN or key belongs on the command line. dlcore refuses, and does not show it."""
    tool = Tool()
    executor, step = EnableBitLocker(tool, MACHINE), step_of(ENABLE_BITLOCKER, action)
    outcome = await run(executor, step, Variables(variables))
    assert told in executor.obstacle(step, variables)
    assert told in outcome.message
    assert not any(value in outcome.message for value in variables.values())
    assert tool.lines == []


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ("/enable /mode:Smartcard", "'smartcard' is not a mode"),
        ("/enable /mode:Key", "'' is not the drive of a start-up key"),
        ("/enable /crypt:ROT13", "'rot13' is not a method"),
    ],
)
async def test_a_setting_that_is_not_known_is_named(action: str, told: str) -> None:
    """Fault: a setting of BitLocker is not known. dlcore names it and starts nothing."""
    tool = Tool()
    outcome = await run(EnableBitLocker(tool, MACHINE), step_of(ENABLE_BITLOCKER, action))
    assert outcome.exit_code == CANNOT_RUN
    assert told in outcome.message
    assert tool.lines == []


@pytest.mark.skipif(sys.platform == "win32", reason="BitLocker exists there")
def test_bitlocker_exists_on_windows_only() -> None:
    """Fault: a sequence uses BitLocker, and this system is not Windows. dlcore refuses it."""
    tool: BitLockerTool = ManageBde(Commands())
    for executor in (DisableBitLocker(tool), EnableBitLocker(tool, MACHINE)):
        assert executor.obstacle(step_of(ENABLE_BITLOCKER), {}) == (
            "BitLocker exists on Windows only"
        )
