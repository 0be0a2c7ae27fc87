"""A run whose machine moves between boundary groups."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dlcore.engine.events import BoundaryChanged, Event, PackageReady, RunBegan
from dlcore.engine.outcomes import RunOutcome
from dlcore.machine import Adapter
from dlcore.steps.interface import Outcome
from dlcore.tasksequence import Step
from tests.engine.machine import EXTRA, OS, TOOLS, TREES, Acting, Machine, parsed
from tests.engine.scene import publish_packages, step

OFFICE = (Adapter(ip_addresses=("10.20.3.4",), is_connected=True),)
HOME = (Adapter(ip_addresses=("192.168.1.2",), is_connected=True),)
CAP_BYTES_PER_S = 5000  # so that the last package is not there yet when the laptop leaves
BOUNDARY = """
[boundary]
fallback = "wait"
cloud = ["cloud"]
[[boundary.group]]
name = "office"
subnets = ["10.20.0.0/16"]
endpoints = ["office"]
"""


def told_of(event: Event) -> str:
    if isinstance(event, BoundaryChanged) and event.cause != "waiting":
        return f"{event.cause}: {', '.join(event.groups)}"
    if isinstance(event, RunBegan):
        return "run"
    return f"ready: {event.package}" if isinstance(event, PackageReady) else ""


def test_a_laptop_that_moves_within_a_run_goes_on_without_a_restart(
    machine: Machine, tmp_path: Path
) -> None:
    """Fault: a laptop leaves the office in the middle of a run, and comes back. dlcore goes on with
    the run, and fetches each package where the laptop is.
    """
    held = {"office": (OS, EXTRA), "cloud": (TOOLS,)}
    for site, packages in held.items():
        trees = {package: TREES[package] for package in packages}
        publish_packages(tmp_path / site, trees, block_bytes=4096)
    machine.more = [BOUNDARY]
    machine.endpoints = "\n".join(
        f"[[endpoint]]\nname = '{site}'\nkind = 'file'\npath = '{tmp_path / site / 'published'}'"
        f"\ncap_bytes_per_s = {CAP_BYTES_PER_S}"
        for site in held
    )
    machine.computer.tell(adapters=OFFICE)
    machine.variables["SMSTSDownloadRetryCount"] = "50"  # at home nobody serves the last package
    moves = {"os": HOME, "at home": OFFICE}

    def act(due: Step, variables: object, content: Mapping[str, Path]) -> Outcome:
        machine.computer.tell(adapters=moves.get(due.name, OFFICE))
        return Outcome(0)

    tree = parsed(step("at home", package=TOOLS), step("back", package=EXTRA))
    report = machine.run(tree, Acting(act))
    assert report.outcome is RunOutcome.SUCCEEDED
    assert report.restarts == 0
    # What was fetched of the last package before the laptop left was not fetched again.
    lengths = {package: sum(TREES[package].values()) for package in TREES}
    used_bytes = report.endpoints["office"].bytes_fetched - report.bytes_wasted
    assert used_bytes == lengths[OS] + lengths[EXTRA]
    assert report.endpoints["cloud"].bytes_fetched == lengths[TOOLS]
    told = [text for text in map(told_of, machine.events) if text]
    assert told[0] == "began: office"  # preflight; the record of the run begins later
    assert told[1:] == [
        "run",
        "began: office",
        f"ready: {OS}",
        "network: cloud",
        f"ready: {TOOLS}",
        "network: office",
        f"ready: {EXTRA}",
    ]
