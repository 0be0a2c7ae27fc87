"""A state directory on which sequences run, with an executor that does as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from dlcore.engine.client import Client
from dlcore.engine.events import Event
from dlcore.engine.policy import EnginePolicy
from dlcore.engine.running.report import Report
from dlcore.engine.running.resume import Resume
from dlcore.engine.running.run import run_sequence
from dlcore.steps.interface import Executor, Job, Outcome
from dlcore.steps.post_action import PostAction
from dlcore.tasksequence import Step, TaskSequence, Variables, read
from tests.engine.scene import deployment, sequence, upgrade
from tests.engine.virtual_time import virtually
from tests.machine.told import LAPTOP, ToldMachine

OS, TOOLS, EXTRA = "ABC00001", "ABC00002", "ABC00003"
TREES = {
    OS: {"install.wim": 50_000, "sources/setup.exe": 4_097, "empty": 0},
    TOOLS: {f"driver {n}.inf": 700 + n for n in range(20)},
    EXTRA: {"x.bin": 30_000},
}
Act = Callable[[Step, Variables, Mapping[str, Path]], Outcome]
GOES_ON = 'continueOnError="true"'


class Acting:
    """An executor that does as it is told, and remembers the steps it ran."""

    def __init__(self, act: Act = lambda step, variables, content: Outcome()) -> None:
        self.ran: list[str] = []
        self._act = act

    def obstacle(self, step: Step, variables: Mapping[str, str]) -> str:
        return ""

    async def run(self, job: Job) -> Outcome:
        await asyncio.sleep(1.0)
        self.ran.append(job.step.name)
        return self._act(job.step, job.variables, job.content)


class CrashError(BaseException):
    """The process dies."""


def exits(**codes: int) -> Acting:
    """Steps end with these codes, by name."""
    return Acting(lambda step, variables, content: Outcome(codes.get(step.name, 0)))


def parsed(*children: str) -> TaskSequence:
    return parsed_of(upgrade(OS, "os"), *children)


def parsed_of(*children: str) -> TaskSequence:
    return read(sequence(*children), source="test")


class Machine:
    """A state directory on which sequences run."""

    def __init__(self, root: Path, state: Path) -> None:
        self.root = root
        self.state = state
        self.download = "when-needed"
        self.variables: dict[str, str] = {}
        self.more: list[str] = []
        self.resume = Resume.ASK
        self.endpoints = ""
        self.on_internet = True
        self.computer = ToldMachine(**LAPTOP)
        self.post_action: PostAction | None = None
        self.policy = EnginePolicy()
        self.events: list[Event] = []
        self.before_the_outcome_is_taken: Callable[[], None] = lambda: None

    def run(self, tree: TaskSequence, executor: Executor | None = None) -> Report:
        async def main() -> Report:
            settings = deployment(
                self.root,
                self.more,
                endpoints=self.endpoints,
                download=self.download,
                variables=self.variables,
                on_internet=self.on_internet,
            )
            async with Client(
                settings, self.state, machine=self.computer, policy=self.policy
            ) as client:
                stream = client.events()
                try:
                    report = await run_sequence(
                        client,
                        tree,
                        executor or Acting(),
                        resume=self.resume,
                        post_action=self.post_action,
                    )
                    self.before_the_outcome_is_taken()
                    return report
                finally:
                    client.bus.close()
                    self.events = [event async for event in stream]

        return virtually(main())


def outcomes(report: Report) -> dict[str, str]:
    return {result.name: result.why or result.outcome for result in report.steps}
