"""What runs a step: the interface of executors, what they get, and what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Protocol

import msgspec

from dlcore.tasksequence import Step, StepParameters, Variables

_MIN_CODE: Final = -0x80000000
_MAX_CODE: Final = 0xFFFFFFFF
CANNOT_RUN: Final = 0x80004005  # E_FAIL, which the task sequence engine reports for such steps

SCRATCH_FOLDER: Final = ".commands"
"""In `Job.work_folder`: there each command has a folder of its own, removed when it has ended. What
a killed process leaves in it, the next one removes. Its name hides it from ``*`` of a shell."""


class RestartNotice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What people are told before the machine restarts.

    Attributes:
        delay_s: Seconds from the notice to the restart; 0: without a notice; None: as the program
            that restarts the machine sees fit.
        message: What the notice says; empty: the text of that program.
    """

    delay_s: Annotated[int, msgspec.Meta(ge=0)] | None = None
    message: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """How an execution ended.

    Attributes:
        exit_code: Compared with the step's success codes.
        restart: Whether the machine must restart before the next step.
        message: What went wrong, if the executor can say more than the code does.
        output: The last lines that the step's command printed; empty if it printed nothing.
        notice: What people are told before a restart; None: what the task sequence variables say.
    """

    exit_code: int = 0
    restart: bool = False
    message: str = ""
    output: str = ""
    notice: RestartNotice | None = None

    def is_success_of(self, step: Step) -> bool:
        """Whether the exit code is one of the step's success codes.

        Exit codes have 32 bits: -1 and 4294967295 are the same one. A number that has more is not
        an exit code: 4294967296 is not 0.
        """
        success_codes = {unsigned_code(code) for code in step.success_codes}
        return unsigned_code(self.exit_code) in success_codes - {None}


def unsigned_code(code: int) -> int | None:
    """A code from 0 to 4294967295; None if it does not fit into 32 bits, signed or not."""
    return code & _MAX_CODE if _MIN_CODE <= code <= _MAX_CODE else None


class Inherited(msgspec.Struct, frozen=True):
    """What every program that a step starts must inherit.

    If the process of the run is killed, the next run finds the programs of its step by this. It
    does not begin the step again beside them.

    Attributes:
        descriptors: For ``pass_fds`` of `subprocess.Popen`; empty on Windows, where dlcore's own
            commands end with their run.
        environment: Variables that its environment must have.
    """

    descriptors: tuple[int, ...] = ()
    environment: Mapping[str, str] = {}


class Job(msgspec.Struct, frozen=True):
    """A step whose turn has come, with all that it needs.

    Attributes:
        step: The step.
        variables: Task sequence variables, to be read and set.
        content: Package id -> its folder, complete and verified.
        programs: Package id -> name of a program -> its command line, as published with it.
        work_folder: Where a command starts whose step names neither a folder nor a package. It
            stays as it is from step to step. None: a folder that is removed with the command.
        inherited: What every program must inherit that the step starts.
    """

    step: Step
    variables: Variables
    content: Mapping[str, Path] = {}
    programs: Mapping[str, Mapping[str, str]] = {}
    work_folder: Path | None = None
    inherited: Inherited = Inherited()

    @property
    def parameters(self) -> StepParameters:
        """The step's parameters with the variables as they are now."""
        return StepParameters(self.step, self.variables)


class Executor(Protocol):
    """Runs steps.

    An implementation may set task sequence variables. It raises only for faults of its own; a
    step's failure is an `Outcome`.
    """

    def obstacle(self, step: Step, variables: Mapping[str, str]) -> str:
        """Say before a run why a step cannot be run on this machine.

        Args:
            step: Any step.
            variables: What is known of the variables then.

        Returns:
            The reason, a clause without a full stop; empty if the step can be run.
        """
        ...

    async def run(self, job: Job) -> Outcome:
        """Run a step once."""
        ...
