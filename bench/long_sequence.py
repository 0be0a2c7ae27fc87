"""What planning a task sequence of 5,000 steps costs: the whole process, as a person starts it."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.cost import take_turns
from bench.figures import Figure, Outcome, peak
from tests.tasksequence.documents import expression, group, operator, sequence, step, when

DLCORE = str(Path(sys.executable).with_name("dlcore"))
GROUPS = 1000
STEPS_EACH = 5
WAY = f"dlcore plan, {GROUPS * STEPS_EACH} steps"


def run(folder: Path, rounds: int) -> list[Outcome]:
    """Measure; the first round does not count."""
    ways = {WAY: [DLCORE, "plan", str(write(folder)), "--json"]}
    take_turns(ways, 1)
    costs = take_turns(ways, rounds)
    walls_ms = [wall_s * 1e3 for wall_s in costs[WAY].all("wall_s")]
    cpu_ms = [cpu_s * 1e3 for cpu_s in costs[WAY].all("cpu_s")]
    figures = [
        Figure(f"wall, {WAY}", walls_ms, "ms", at_most=1000),
        Figure(f"CPU, {WAY}", cpu_ms, "ms"),
        peak(f"peak, {WAY}", costs[WAY], at_most=100),
    ]
    return [Outcome("long-sequence", 0, costs, figures, [])]


def write(folder: Path) -> Path:
    """Write the task sequence."""
    path = folder / "long-sequence.xml"
    path.write_text(sequence(*map(_group, range(GROUPS))), encoding="utf-8")
    return path


def _group(number: int) -> str:
    """Steps that choose a package by variable, and use it, as driver groups do."""
    chosen = f"Package{number}"
    by_model = expression("WMI", Query=f"SELECT * FROM X WHERE Model LIKE '%{number}%'")
    return group(
        f"group {number}",
        step(
            "SetVariableAction",
            condition=by_model,
            parameters={"VariableName": chosen, "VariableValue": f"ABC{number:05X}"},
        ),
        step(parameters={"CommandLine": f"prepare.cmd {number}", "PackageID": "ABC0FFFF"}),
        step(
            "DownloadPackageContentAction",
            condition=when(chosen, operator="exists"),
            parameters={"OSDDownloadDownloadPackages": f"%{chosen}%"},
        ),
        group(
            "inner",
            step(
                parameters={
                    "CommandLine": "ask.cmd",
                    "SMSTSRunCommandLineOutputVariableName": f"Answer{number}",
                }
            ),
            step(parameters={"CommandLine": "use.cmd"}, condition=when(f"Answer{number}", "1")),
        ),
        condition=operator("or", when("_SMSTSInWinPE", "false"), when("Force", "1")),
    )
