"""A step's executor gets the programs that were published with the step's packages."""

from __future__ import annotations

from collections.abc import Mapping

from dlcore.publish import publish
from dlcore.steps.interface import Job, Outcome
from dlcore.tasksequence import Step
from tests.engine.machine import OS, TOOLS, Machine, parsed
from tests.engine.scene import step


class Notes:
    """An executor that writes down which programs it was given."""

    def __init__(self) -> None:
        self.programs: dict[str, Mapping[str, Mapping[str, str]]] = {}

    def obstacle(self, step: Step, variables: Mapping[str, str]) -> str:
        return ""

    async def run(self, job: Job) -> Outcome:
        self.programs[job.step.name] = job.programs
        return Outcome()


def test_an_executor_gets_the_programs_of_its_steps_packages(machine: Machine) -> None:
    publish(
        machine.root / "source" / TOOLS,
        package_id=TOOLS,
        version=2,
        destination=str(machine.root / "published"),
        programs={"install": "setup.exe /q"},
    )
    executor = Notes()
    machine.run(parsed(step("tools", package=TOOLS), step("none")), executor)
    assert executor.programs == {
        "os": {OS: {}},
        "tools": {TOOLS: {"install": "setup.exe /q"}},
        "none": {},
    }
