"""Restarts that steps ask for: where the run goes on, what people are told, and deaths."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from dlcore.engine.client import Client
from dlcore.engine.events import (
    RestartRequested,
    RunEnded,
    StepEnded,
    StepInterrupted,
    StepRepeated,
)
from dlcore.engine.policy import EnginePolicy
from dlcore.engine.running.report import Report
from dlcore.engine.running.restart_request import (
    REBOOT,
    RETRY,
    RestartRequest,
    judged,
    notice,
    restarts_by_code,
    take_request,
)
from dlcore.engine.state_file import STATE_FILE
from dlcore.steps.interface import CANNOT_RUN, Outcome, RestartNotice
from dlcore.tasksequence import Step, TaskSequence, Variables, read
from tests.engine.machine import (
    GOES_ON,
    TOOLS,
    Acting,
    CrashError,
    Machine,
    outcomes,
    parsed,
)
from tests.engine.scene import deployment, group, sequence, step, when
from tests.engine.virtual_time import virtually

NO_NETWORK = "[[endpoint]]\nname = 'gone'\nkind = 'http'\nurl = 'http://127.0.0.1:9/'"


def asking(name: str, code: int = 0, **variables: str) -> Acting:
    """A step of that name sets variables, the first time that it runs."""
    asked: list[str] = []

    def act(step: Step, known: Variables, content: Mapping[str, Path]) -> Outcome:
        if step.name != name or asked:
            return Outcome()
        asked.append(name)
        known.update(variables)
        return Outcome(code)

    return Acting(act)


def lives(machine: Machine, executor: Acting, *children: str) -> list[str]:
    """How each process ends that runs the sequence, until one does not end with a restart."""
    ends: list[str] = []
    while not ends or ends[-1] == "restart":
        ends.append(machine.run(parsed(*children), executor).outcome or "")
        assert len(ends) < 9
    return ends


@pytest.mark.parametrize("value", ["HD", "true", " hd "])
def test_a_requested_restart_comes_before_the_next_step(machine: Machine, value: str) -> None:
    executor = asking("bios", SMSTSRebootRequested=value)
    report = machine.run(parsed(step("bios"), step("next")), executor)
    assert (report.outcome, executor.ran) == ("restart", ["os", "bios"])
    assert RestartRequested(1, "bios", None, "", repeats=False) in machine.events
    report = machine.run(parsed(step("bios"), step("next")), executor)
    assert (report.outcome, executor.ran) == ("succeeded", ["os", "bios", "next"])
    assert report.restart is None


def test_a_variable_step_may_ask_for_a_restart(machine: Machine) -> None:
    sets = step("set", "SetVariableAction", VariableName="SMSTSRebootRequested", VariableValue="HD")
    executor = Acting()
    assert lives(machine, executor, sets, step("next")) == ["restart", "succeeded"]
    assert executor.ran == ["os", "next"]


def test_a_requested_retry_runs_the_same_step_again_whatever_its_condition_says(
    machine: Machine,
) -> None:
    machine.variables = {"X": "1"}
    asked = asking("again", SMSTSRebootRequested="HD", SMSTSRetryRequested="true", X="2")
    tree = (step("again", condition=when("X", "1")), step("next"))
    assert machine.run(parsed(*tree), asked).outcome == "restart"
    assert RestartRequested(1, "again", None, "", repeats=True) in machine.events
    report = machine.run(parsed(*tree), asked)
    assert asked.ran == ["os", "again", "again", "next"]
    assert report.outcome == "succeeded"
    assert report.steps[1].run_s == pytest.approx(2.0), "both times count"
    assert StepRepeated(1, "again") in machine.events
    assert not [event for event in machine.events if isinstance(event, StepInterrupted)]


def test_a_step_whose_content_nobody_asked_for_is_repeated_too(machine: Machine) -> None:
    async def main() -> list[str]:
        ran: list[str] = []
        for _ in range(2):
            async with Client(deployment(machine.root), machine.state) as client:
                session = await client.session(parsed(step("tools", package=TOOLS)))
                async for due in session.run_steps():
                    ran.append(due.name)
                    if ran == ["os", "tools"]:
                        session.variables.update(dict.fromkeys((REBOOT, RETRY), "HD"))
                    await session.completed(due, 0)
        return ran

    assert virtually(main()) == ["os", "tools", "tools"]


def test_a_retry_without_a_restart_has_no_effect_on_any_step(machine: Machine) -> None:
    executor = asking("a", SMSTSRetryRequested="true")
    later = step("b", "SetVariableAction", VariableName="SMSTSRebootRequested", VariableValue="HD")
    assert lives(machine, executor, step("a"), later, step("c")) == ["restart", "succeeded"]
    assert executor.ran == ["os", "a", "c"]


def test_the_request_of_a_step_that_ends_the_run_does_not_count(machine: Machine) -> None:
    executor = asking("bad", 7, SMSTSRebootRequested="HD")
    assert lives(machine, executor, step("bad"), step("next")) == ["failed"]


def test_a_step_that_asks_for_it_is_repeated_also_if_it_failed(machine: Machine) -> None:
    executor = asking("bad", 7, SMSTSRebootRequested="HD", SMSTSRetryRequested="true")
    around = group("g", step("bad"), step("rest"), attributes=GOES_ON)
    assert lives(machine, executor, around, step("next")) == ["restart", "succeeded"]
    assert executor.ran == ["os", "bad", "bad", "rest", "next"]


def test_a_step_that_ends_its_group_may_ask_for_a_restart(machine: Machine) -> None:
    executor = asking("bad", 7, SMSTSRebootRequested="HD")
    around = group("g", step("bad"), step("rest"), attributes=GOES_ON)
    assert lives(machine, executor, around, step("next")) == ["restart", "succeeded"]
    assert executor.ran == ["os", "bad", "next"]


def test_a_restart_into_windows_pe_fails_the_step(machine: Machine) -> None:
    executor = asking("pe", SMSTSRebootRequested="WinPE")
    report = machine.run(parsed(step("pe", attributes='retryCount="0"'), step("next")), executor)
    assert report.outcome == "failed"
    assert "Windows PE" in outcomes(report)["pe"]


@pytest.mark.parametrize("kind", ["RunCommandLineAction", "RunPowerShellScriptAction"])
@pytest.mark.parametrize(("codes", "restarts"), [("0 3010", 1), ("0", 0)])
def test_a_command_that_succeeds_with_3010_restarts_the_machine(
    machine: Machine, kind: str, codes: str, restarts: int
) -> None:
    odd = step("odd", kind, attributes=f'successCodeList="{codes}" {GOES_ON}')
    executor = asking("odd", 3010)
    assert lives(machine, executor, odd, step("next")) == ["restart"] * restarts + ["succeeded"]
    assert executor.ran == ["os", "odd", "next"]


def test_other_types_of_steps_may_end_with_3010() -> None:
    (other,) = read(sequence(step("x", "RebootAction")), source="test").steps
    assert not restarts_by_code(other, 3010)


def test_a_last_step_that_asks_for_a_restart_ends_the_run_behind_it(machine: Machine) -> None:
    executor = asking("last", SMSTSRebootRequested="HD")
    assert lives(machine, executor, step("last")) == ["restart", "succeeded"]
    assert executor.ran == ["os", "last"]


def test_the_report_says_what_people_are_to_be_told(machine: Machine) -> None:
    machine.variables = {
        "SMSTSRebootDelay": "3600",
        "SMSTSRebootDelayNext": "60",
        "SMSTSRebootMessage": "%Company% updates this computer",
        "Company": "Contoso",
    }
    executor = Acting(lambda *_: Outcome(restart=True))
    tree = parsed(step("a"))
    told = [machine.run(tree, executor).restart for _ in range(2)]
    assert told == [
        RestartNotice(3600, "Contoso updates this computer"),
        RestartNotice(60, "Contoso updates this computer"),
    ]


def test_a_step_s_own_notice_counts_more(machine: Machine) -> None:
    machine.variables = {"SMSTSRebootDelay": "3600"}
    own = RestartNotice(0, "now")
    report = machine.run(parsed(), Acting(lambda *_: Outcome(restart=True, notice=own)))
    assert report.restart == own


@pytest.mark.parametrize("text", ["-1", "soon", "1.5", "9999999999", "٣"])
def test_a_delay_that_is_not_a_number_does_not_count(text: str) -> None:
    assert notice(Variables({"SMSTSRebootDelay": text}), 0) == RestartNotice()
    variables = Variables({"SMSTSRebootDelay": "5", "SMSTSRebootDelayNext": text})
    assert notice(variables, 1) == RestartNotice(5)


@pytest.mark.parametrize("value", ["", "false", "False", " "])
def test_what_is_false_asks_for_nothing(value: str) -> None:
    variables = Variables({"smstsrebootrequested": value, "SMSTSRetryRequested": value})
    assert take_request(variables) == RestartRequest(restart=False, retry=False)
    assert not variables


def test_a_refused_request_is_removed() -> None:
    variables = Variables({"SMSTSRebootRequested": "winpe", "SMSTSRetryRequested": "true"})
    assert judged(Outcome(0, output="kept"), variables).exit_code == CANNOT_RUN
    assert not variables


def test_a_run_goes_on_after_a_restart_without_a_network(machine: Machine) -> None:
    """Fault N10: no network after a restart that a step asked for. dlcore uses what is on disk."""
    executor = asking("first", SMSTSRebootRequested="HD", SMSTSRetryRequested="HD")
    tree = parsed(step("first", package=TOOLS), step("last", package=TOOLS))
    assert machine.run(tree, executor).outcome == "restart"
    machine.endpoints = NO_NETWORK
    report = machine.run(tree, executor)
    assert (report.outcome, executor.ran) == ("succeeded", ["os", "first", "first", "last"])


def dies_before_it_tells(machine: Machine, tree: TaskSequence, executor: Acting) -> Report:
    """A life whose last act is to put on disk that a restart is due; its caller never hears."""
    left: list[bytes] = []
    path = machine.state / STATE_FILE
    machine.before_the_outcome_is_taken = lambda: left.append(path.read_bytes())
    report = machine.run(tree, executor)
    machine.before_the_outcome_is_taken = lambda: None
    path.write_bytes(left[0])
    return report


@pytest.mark.parametrize("repeats", [False, True])
def test_a_restart_that_nobody_was_told_of_is_told_again(machine: Machine, repeats: bool) -> None:
    """Fault P1: dlcore dies when a restart is due, before it tells. It tells, and runs no step."""
    retry = "true" if repeats else "false"
    executor = asking("bios", SMSTSRebootRequested="HD", SMSTSRetryRequested=retry)
    tree = parsed(step("bios"), step("next"))
    first = dies_before_it_tells(machine, tree, executor)
    again = machine.run(tree, executor)
    assert executor.ran == ["os", "bios"]
    assert (again.outcome, again.restart, again.steps) == ("restart", first.restart, first.steps)
    last = machine.run(tree, executor)
    assert executor.ran == ["os", "bios", *["bios"] * repeats, "next"]
    assert last.outcome == "succeeded"


@pytest.mark.parametrize("boot_id", ["second", ""])
def test_a_restart_that_has_happened_is_not_asked_for_again(machine: Machine, boot_id: str) -> None:
    """Fault P2: the machine restarts before dlcore tells of the restart. dlcore goes on."""
    executor = asking("bios", SMSTSRebootRequested="HD")
    tree = parsed(step("bios"), step("next"))
    dies_before_it_tells(machine, tree, executor)
    machine.computer.tell(boot_id=boot_id or None)
    assert machine.run(tree, executor).outcome == "succeeded"
    assert executor.ran == ["os", "bios", "next"]


def test_a_repeated_step_that_dies_runs_again(machine: Machine) -> None:
    """Fault P1: dlcore dies in a step that runs again after a restart. It runs it once more."""
    count = 0

    def act(step: Step, variables: Variables, content: Mapping[str, Path]) -> Outcome:
        nonlocal count
        if step.name != "again":
            return Outcome()
        count += 1
        if count == 1:
            variables.update({"SMSTSRebootRequested": "HD", "SMSTSRetryRequested": "HD"})
        if count == 2:
            raise CrashError
        return Outcome()

    tree, executor = parsed(step("again"), step("next")), Acting(act)
    assert machine.run(tree, executor).outcome == "restart"
    with pytest.raises(CrashError):
        machine.run(tree, executor)
    assert machine.run(tree, executor).outcome == "succeeded"
    assert executor.ran == ["os", "again", "again", "again", "next"]


class Restless:
    """A step that asks for a restart and its repetition as often as it is told, or always."""

    def __init__(self, name: str, times: int = sys.maxsize) -> None:
        self.left = times
        self._name = name

    def __call__(self, step: Step, known: Variables, content: Mapping[str, Path]) -> Outcome:
        if step.name == self._name and self.left:
            self.left -= 1
            known.update(dict.fromkeys((REBOOT, RETRY), "true"))
        return Outcome()


FEW = EnginePolicy(max_repetitions=3)


@pytest.mark.parametrize("retries", [0, 2])
def test_a_step_that_asks_for_a_restart_without_end_fails(machine: Machine, retries: int) -> None:
    """Fault P8: a step asks for restart after restart. At the limit dlcore fails it, by name."""
    machine.policy = FEW
    executor = Acting(Restless("loop"))
    loop = step("loop", attributes=f'retryCount="{retries}"')
    assert lives(machine, executor, loop, step("next")) == ["restart"] * 3 + ["failed"]
    assert executor.ran == ["os", *["loop"] * 4]
    assert [e.outcome for e in machine.events if isinstance(e, RunEnded)] == ["failed"]
    (why,) = [e.message for e in machine.events if isinstance(e, StepEnded) and e.name == "loop"]
    assert "after 3 restarts in a row" in why
    assert RETRY in why


def test_a_step_at_the_limit_of_restarts_may_be_one_after_which_the_run_goes_on(
    machine: Machine,
) -> None:
    machine.policy = FEW
    executor = Acting(Restless("loop"))
    loop = step("loop", attributes=GOES_ON)
    assert lives(machine, executor, loop, step("next")) == ["restart"] * 3 + ["succeeded"]
    assert executor.ran[-1] == "next"


def test_each_step_has_its_own_limit_of_restarts(machine: Machine) -> None:
    machine.policy = FEW
    first, second = Restless("1", times=3), Restless("2", times=3)

    def act(step: Step, known: Variables, content: Mapping[str, Path]) -> Outcome:
        return (first if step.name == "1" else second)(step, known, content)

    executor = Acting(act)
    ends = lives(machine, executor, step("1"), step("2"))
    assert ends == ["restart"] * 6 + ["succeeded"]


def test_a_step_that_asks_for_a_retry_does_not_run_again_before_the_restart(
    machine: Machine,
) -> None:
    """Fault: a step with retries fails and asks for a restart. dlcore restarts, then repeats it."""
    executor = asking("bad", 7, SMSTSRebootRequested="HD", SMSTSRetryRequested="true")
    bad = step("bad", attributes='retryCount="2"')
    assert machine.run(parsed(bad, step("next")), executor).outcome == "restart"
    assert executor.ran == ["os", "bad"]
    assert machine.run(parsed(bad, step("next")), executor).outcome == "succeeded"
    assert executor.ran == ["os", "bad", "bad", "next"]
