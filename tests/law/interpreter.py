"""A second engine, written from Microsoft's documentation alone: small, slow, and in memory.

It knows nothing of content, of restarts as something that takes a process away, or of looking
ahead. What the documentation leaves open is decided as docs/task-sequences.md says that dlcore
does: a failed step is run again as often as its retry count allows, a retry that is requested
without a restart has no effect, and a sequence that fails does not restart the machine.

Source: Microsoft Learn, "How to use task sequence variables", "Task sequence variables",
"Task sequence editor" (conditions), and "Planning considerations for automating tasks" (errors and
groups).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.law.programs import (
    Command,
    Condition,
    Group,
    Node,
    Operator,
    Restart,
    SetVariable,
    Variable,
)

DOCUMENTED_SUCCESS_CODES = (0, 3010)  # of Run Command Line
RESTART_CODE = 3010


class DiedError(Exception):
    """The process has died while a step was under way."""


class StepFailedError(Exception):
    """A step failed, and so do the groups around it until one continues on error.

    Attributes:
        asked_for_restart: Whether it asked for a restart; a sequence that ends has none.
    """

    def __init__(self, *, asked_for_restart: bool) -> None:
        super().__init__()
        self.asked_for_restart = asked_for_restart


@dataclass
class Interpreter:
    """Runs a task sequence from its first step to its last.

    Attributes:
        variables: By name in upper case; none is empty.
        ran: The names of the commands and restarts, once for each time that they ran.
        restarts: How often the machine restarted.
        dies_at: The execution in which the process dies once; None: in none. The step starts over
            then, with all its attempts and with the variables that it found.
    """

    variables: dict[str, str]
    dies_at: int | None = None
    ran: list[str] = field(default_factory=list)
    restarts: int = 0
    _executions: int = 0

    def run(self, nodes: tuple[Node, ...]) -> str:
        """Run all; returns the outcome."""
        try:
            for node in nodes:
                self._run(node)
        except StepFailedError:
            return "failed"
        return "succeeded"

    def _run(self, node: Node) -> None:
        options = node.options
        if options.is_disabled or not self._holds(options.condition):
            return
        if isinstance(node, Command) and node.for_windows_pe:
            return
        try:
            if isinstance(node, Group):
                for child in node.children:
                    self._run(child)
            else:
                self._run_step(node)
        except StepFailedError as failure:
            if not options.continue_on_error:
                raise
            self.restarts += failure.asked_for_restart

    def _run_step(self, step: SetVariable | Command | Restart) -> None:
        before = dict(self.variables)
        try:
            self._execute(step)
        except DiedError:
            self.variables = before
            self._execute(step)

    def _execute(self, step: SetVariable | Command | Restart) -> None:
        self._set("_SMSTSCurrentActionName", step.name)
        code, succeeded, restarts = 0, True, False
        match step:
            case SetVariable():
                self._set(step.variable, self._expand(step.value))
            case Restart():
                self._begin(step.name)
                restarts = True
            case Command():
                code, succeeded = self._run_command(step)
                restarts = succeeded and code == RESTART_CODE
        self._set("_SMSTSLastActionName", step.name)
        self._set("_SMSTSLastActionRetCode", str(code))
        self._set("_SMSTSLastActionSucceeded", str(succeeded).lower())
        asked = bool(self._take("SMSTSRebootRequested"))
        again = self._take("SMSTSRetryRequested") and asked
        if not (succeeded or again):
            raise StepFailedError(asked_for_restart=asked)
        self.restarts += restarts or asked
        if again:
            self._run_step(step)

    def _run_command(self, command: Command) -> tuple[int, bool]:
        code = 0
        for _ in range(1 + command.retry_count):
            number = self.ran.count(command.name)
            self._begin(command.name)
            attempt = command.attempts[min(number, len(command.attempts) - 1)]
            for name, value in attempt.sets:
                self._set(name, value)
            code = attempt.exit_code
            if code in (command.success_codes or DOCUMENTED_SUCCESS_CODES):
                return code, True
            if {"SMSTSREBOOTREQUESTED", "SMSTSRETRYREQUESTED"} <= self.variables.keys():
                return code, False  # it runs again after the restart, not before
        return code, False

    def _begin(self, name: str) -> None:
        self._executions += 1
        if self._executions == self.dies_at:
            raise DiedError
        self.ran.append(name)

    # Variables

    def _set(self, name: str, value: str) -> None:
        self.variables.pop(name.upper(), None)
        if value:  # an empty value deletes
            self.variables[name.upper()] = value

    def _take(self, name: str) -> str:
        return self.variables.pop(name.upper(), "")

    def _expand(self, text: str) -> str:
        for name, value in self.variables.items():
            for spelling in (name, name.title(), name.lower()):
                text = text.replace(f"%{spelling}%", value)
        return text

    # Conditions

    def _holds(self, condition: Condition | None) -> bool:
        match condition:
            case None:
                return True
            case Operator(kind="and", operands=operands):
                return all(self._holds(operand) for operand in operands)
            case Operator(kind="or", operands=operands):
                return any(self._holds(operand) for operand in operands)
            case Operator(operands=operands):
                return not any(self._holds(operand) for operand in operands)
            case Variable():
                return self._compares(condition)

    def _compares(self, condition: Variable) -> bool:
        actual = self.variables.get(condition.name.upper(), "")
        wanted = self._expand(condition.value)
        match condition.operator:
            case "exists":
                return actual != ""
            case "notExists":
                return actual == ""
            case "equals":
                return actual.lower() == wanted.lower()
            case "notEquals":
                return actual.lower() != wanted.lower()
        if not (actual.isdigit() and wanted.isdigit()):
            return False
        left, right = int(actual), int(wanted)
        return {
            "less": left < right,
            "lessEqual": left <= right,
            "greater": left > right,
            "greaterEqual": left >= right,
        }[condition.operator]
