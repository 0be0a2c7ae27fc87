"""The steps *Disable BitLocker* and *Enable BitLocker*, by ``manage-bde``.

Guarantees: no key, PIN or password is on a command line, in a log or in an outcome. ``manage-bde``
prints the recovery password that it makes, so what it prints then is thrown away.

What cannot be done under these terms is refused: a PIN or a recovery password of the administrator
would have to be on the command line, where other processes can read it. Whether the recovery
password gets into the directory is decided by the machine's policy; ``manage-bde`` puts it there
when it makes it.

Sources: Microsoft Learn, "Task sequence steps" (Disable BitLocker, Enable BitLocker), "Task
sequence variables" and "manage-bde"; for the options of the action the SDK classes
SMS_TaskSequence_DisableBitLockerAction and SMS_TaskSequence_EnableBitLockerAction. The names of the
variables that stand for these options are those of exports.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from dlcore.machine import Machine
from dlcore.printable import quoted
from dlcore.steps.commands.process import TIMED_OUT, Command, Commands
from dlcore.steps.interface import CANNOT_RUN, Job, Outcome
from dlcore.tasksequence import Step, StepParameters
from dlcore.waiting import in_thread

PREFIX: Final = "OSDBitLocker"
NOT_PROTECTED: Final = 1
"""Source: Microsoft Learn, "manage-bde status": the exit code with ``-ProtectionAsErrorLevel``."""

POLL_S: Final = 30
"""A drive takes hours to encrypt; asking more often would only keep it busy."""

_DRIVE: Final = re.compile(r"[A-Za-z]:")
_MAX_RESTARTS: Final = 15
"""Source: Microsoft Learn, "Task sequence variables", OSDBitLockerRebootCount."""

_METHODS: Final = {
    "": "",
    "0": "",
    "aes_128": "aes128",
    "aes_256": "aes256",
    "xts_aes128": "xts_aes128",
    "xts_aes256": "xts_aes256",
}
"""``EncryptMethod`` of the SDK, and manage-bde's word; 0 leaves it to the system."""

_ON_COMMAND_LINE: Final = (
    "{} would have to be on the command line of manage-bde, where other processes can read it; use"
    " another protector, or a script of your own"
)


class BitLockerTool(Protocol):
    """Starts ``manage-bde``."""

    def obstacle(self) -> str:
        """Why it cannot be started on this machine; empty if it can."""
        ...

    async def run(self, job: Job, arguments: Sequence[str], *, is_silent: bool = False) -> Outcome:
        """Start it and wait for its end.

        Args:
            job: The step that it is for.
            arguments: Words without spaces, quotes and what ``cmd.exe`` takes for code.
            is_silent: Whether what it prints is thrown away.
        """
        ...


class ManageBde:
    """Starts the program of Windows. Implements `BitLockerTool`.

    Args:
        commands: Runs commands.
    """

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def obstacle(self) -> str:
        """Whether this system is not Windows."""
        return "" if sys.platform == "win32" else "BitLocker exists on Windows only"

    async def run(self, job: Job, arguments: Sequence[str], *, is_silent: bool = False) -> Outcome:
        """Start it; ``cmd.exe`` throws away what it prints."""
        line = " ".join(["manage-bde.exe", *arguments])
        command = Command(f"cmd.exe /d /c {line} >nul" if is_silent else line)
        return await self._commands.run(job, lambda scene: command)


class DisableBitLocker:
    """Suspends the protection of a drive. Implements `Executor`.

    Args:
        tool: Starts ``manage-bde``.
    """

    def __init__(self, tool: BitLockerTool) -> None:
        self._tool = tool

    def obstacle(self, step: Step, variables: Mapping[str, str]) -> str:
        """Whether BitLocker does not exist here."""
        del step, variables
        return self._tool.obstacle()

    async def run(self, job: Job) -> Outcome:
        """Suspend the protection for a number of restarts, if the drive is protected."""
        try:
            drive = _drive(job.step, job.parameters)
            restarts = _restarts(job.parameters)
        except ValueError as error:
            return Outcome(CANNOT_RUN, message=str(error))
        if (await self._tool.run(job, _status(drive), is_silent=True)).exit_code == NOT_PROTECTED:
            return Outcome(output=f"{drive} is not protected")
        return await self._tool.run(
            job, ["-protectors", "-disable", drive, "-RebootCount", restarts]
        )


def _status(drive: str) -> list[str]:
    """Ends with 0 if the drive is protected, and with `NOT_PROTECTED` if it is not."""
    return ["-status", drive, "-ProtectionAsErrorLevel"]


def _restarts(parameters: StepParameters) -> str:
    """After how many restarts the protection begins again; 0: never by itself.

    Raises:
        ValueError: The number cannot be used.
    """
    override, own = f"{PREFIX}RebootCountOverride", f"{PREFIX}RebootCount"
    name, least = (override, 0) if parameters.expanded(override).strip() else (own, 1)
    text = parameters.expanded(name).strip() or "1"
    if not re.fullmatch(r"[0-9]{1,2}", text) or not least <= int(text) <= _MAX_RESTARTS:
        raise ValueError(
            f"{name} is {quoted(text[:60])}; it must be from {least} to {_MAX_RESTARTS}"
        )
    return str(int(text))


class _Settings(NamedTuple):
    """What an Enable BitLocker step asks for."""

    drive: str
    protector: tuple[str, ...]
    method: str
    encrypts_full_disk: bool
    makes_recovery_password: bool
    waits: bool
    skips_without_tpm: bool


class EnableBitLocker:
    """Encrypts a drive, or ends the suspension of its protection. Implements `Executor`.

    Args:
        tool: Starts ``manage-bde``.
        machine: The machine that it runs on.
        sleep: How time passes.
    """

    def __init__(
        self,
        tool: BitLockerTool,
        machine: Machine,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._tool = tool
        self._machine = machine
        self._sleep = sleep

    def obstacle(self, step: Step, variables: Mapping[str, str]) -> str:
        """Whether a secret would be on a command line, or BitLocker does not exist here."""
        return _secret_needed(step, StepParameters(step, variables)) or self._tool.obstacle()

    async def run(self, job: Job) -> Outcome:
        """Protect the drive."""
        obstacle = self.obstacle(job.step, job.variables)
        if obstacle:
            return Outcome(CANNOT_RUN, message=obstacle)
        try:
            settings = _settings(job.step, job.parameters)
            is_skipped = settings.skips_without_tpm and not await in_thread(self._machine.has_tpm)
        except ValueError as error:
            return Outcome(CANNOT_RUN, message=str(error))
        except OSError as error:
            reason = error.strerror or str(error)
            return Outcome(CANNOT_RUN, message=f"the TPM cannot be asked: {reason}")
        if is_skipped:
            return Outcome(output="the machine has no TPM that is enabled")
        # It fails on a drive that is not encrypted, and then there is more to do.
        outcome = await self._tool.run(job, ["-protectors", "-enable", settings.drive])
        if outcome.exit_code != 0:
            outcome = await self._encrypt(job, settings)
        if outcome.exit_code == 0 and settings.waits:
            return await self._wait(job, settings.drive)
        return outcome

    async def _encrypt(self, job: Job, settings: _Settings) -> Outcome:
        add = ["-protectors", "-add", settings.drive]
        outcome = await self._tool.run(job, [*add, *settings.protector])
        if outcome.exit_code == 0 and settings.makes_recovery_password:
            outcome = await self._tool.run(job, [*add, "-RecoveryPassword"], is_silent=True)
        if outcome.exit_code != 0:
            return outcome
        extent = [] if settings.encrypts_full_disk else ["-UsedSpaceOnly"]
        method = ["-EncryptionMethod", settings.method] if settings.method else []
        return await self._tool.run(
            job, ["-on", settings.drive, *extent, "-SkipHardwareTest", *method]
        )

    async def _wait(self, job: Job, drive: str) -> Outcome:
        """Protection begins when the drive is encrypted."""
        try:
            async with asyncio.timeout(job.step.timeout_s):
                while (await self._tool.run(job, _status(drive), is_silent=True)).exit_code != 0:
                    await self._sleep(POLL_S)
        except TimeoutError:
            told = f"{drive} was not encrypted within {job.step.timeout_s} s"
            return Outcome(TIMED_OUT, message=told)
        return Outcome()


def _secret_needed(step: Step, parameters: StepParameters) -> str:
    if _option(step, parameters, "Mode").lower() == "tpmandpin":
        return _ON_COMMAND_LINE.format("the PIN")
    if parameters.expanded(f"{PREFIX}RecoveryPassword"):
        return _ON_COMMAND_LINE.format("the recovery password")
    if parameters.expanded(f"{PREFIX}StartupKey"):
        return _ON_COMMAND_LINE.format("the start-up key")
    return ""


def _settings(step: Step, parameters: StepParameters) -> _Settings:
    """What the step asks for.

    Raises:
        ValueError: A setting cannot be used; the text names it.
    """
    mode = _option(step, parameters, "Mode").lower() or "tpm"
    key_drive = _option(step, parameters, "StartupKeyDrive", switch="keydrive")
    if mode in ("key", "tpmandkey") and not _DRIVE.fullmatch(key_drive):
        raise ValueError(f"{quoted(key_drive[:60])} is not the drive of a start-up key, such as E:")
    protectors = {
        "tpm": ("-TPM",),
        "key": ("-StartupKey", key_drive),
        "tpmandkey": ("-TPMAndStartupKey", key_drive),
    }
    if mode not in protectors:
        raise ValueError(f"{quoted(mode[:60])} is not a mode of BitLocker that dlcore knows")
    method = _option(step, parameters, "EncryptMethod", switch="crypt").lower()
    if method not in _METHODS:
        raise ValueError(f"{quoted(method[:60])} is not a method of encryption that dlcore knows")
    recovery = _option(step, parameters, "CreateRecoveryPassword", switch="pwd").lower()
    return _Settings(
        drive=_drive(step, parameters),
        protector=protectors[mode],
        method=_METHODS[method],
        encrypts_full_disk=_is_true(step, parameters, "EncryptFullDisk", switch="full"),
        makes_recovery_password=recovery != "none",
        waits=_is_true(step, parameters, "WaitForEncryption", switch="wait"),
        skips_without_tpm=_is_true(step, parameters, "SkipWhenNoValidTPM", switch="ignoretpm"),
    )


def _is_true(step: Step, parameters: StepParameters, name: str, *, switch: str) -> bool:
    return _option(step, parameters, name, switch=switch).lower() == "true"


def _drive(step: Step, parameters: StepParameters) -> str:
    """The step's drive, or the system's.

    Raises:
        ValueError: It is not one.
    """
    drive = _option(step, parameters, "TargetDrive", switch="drive")
    drive = drive or os.environ.get("SYSTEMDRIVE", "C:")
    if not _DRIVE.fullmatch(drive):
        raise ValueError(f"{quoted(drive[:60])} is not a drive, such as C:")
    return drive.upper()


def _option(step: Step, parameters: StepParameters, name: str, *, switch: str = "") -> str:
    """A setting: its variable, else the option of the action that stands for it."""
    value = parameters.expanded(f"{PREFIX}{name}").strip()
    if value:
        return value
    found = re.search(rf"/{switch or name}:\"?([^\s\"]+)", step.action, re.IGNORECASE)
    return found[1] if found else ""
