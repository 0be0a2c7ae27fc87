"""A task sequence on demand over the link: how near its makespan comes to the lower bound."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

import msgspec

from bench.netlab import measure
from bench.netlab.laboratory import laboratory
from bench.netlab.link import Link
from bench.netlab.outcome import Outcome, Verdict
from bench.netlab.supplies import publish
from bench.netlab.tools import DLCORE

LINKS = {"sequence": Link(200, 40), "sequence-far": Link(500, 80, 0.001)}
TIMES = {"sequence": 1.03, "sequence-far": 1 / 0.9}  # the bound knows no loss; 0.9 is for `far`


class Step(NamedTuple):
    """A step, how long it runs, and the files of its package."""

    name: str
    run_s: float
    files: int
    file_bytes: int


MIB = 1 << 20
STEPS = (
    Step("Check readiness", 1.0, 1, 24 * MIB),
    Step("Compatibility scan", 3.0, 2, 20 * MIB),
    Step("Language features", 2.0, 3, 24 * MIB),
    Step("Drivers", 1.0, 1500, 16 << 10),
    Step("Upgrade the operating system", 6.0, 2, 128 * MIB),
    Step("Management agent", 1.5, 1, 48 * MIB),
    Step("Office", 2.0, 2, 48 * MIB),
    Step("Scripts", 0.5, 40, 6_000),
    Step("Security", 1.0, 1, 32 * MIB),
    Step("Tools", 1.0, 4, 8 * MIB),
)


def run(folder: Path, name: str = "sequence") -> Outcome:
    """Run the sequence once over the link."""
    root, link = folder / "sequence", LINKS[name]
    _make(root)
    state = folder / "out" / "sequence" / "state"
    with laboratory(folder, [link]) as lab:
        (url,) = lab.urls(root / "published", folder)
        config = root / "deployment.toml"
        config.write_text(_config(root, url, link), encoding="utf-8")
        command = [*DLCORE, "run", str(root / "sequence.xml"), "--config", str(config)]
        command += ["--simulate", str(root / "times.toml"), "--state", str(state)]
        command += ["-q", "--json"]
        measure.clear(state.parent)
        done = measure.execute(command, state, 0)
    report = msgspec.json.decode(done.said)
    bound_s, makespan_s = report["lower_bound_s"], report["makespan_s"]
    note = (
        f"makespan {makespan_s:.2f} s, bound {bound_s:.2f} s, whole process "
        f"{done.cost.wall_s:.2f} s; download first {report['download_first_s']:.2f} s, "
        f"stop at every step {report['stop_at_every_step_s']:.2f} s"
    )
    verdicts = [Verdict("makespan / lower bound", makespan_s / bound_s, TIMES[name], at_most=True)]
    return Outcome(name, str(link), [], verdicts, [], [note])


def run_far(folder: Path) -> Outcome:
    """The same over a link that loses packets."""
    return run(folder, "sequence-far")


def _make(root: Path) -> None:
    """Publish every package, and write the sequence and its run times."""
    if (root / "times.toml").exists():
        return
    shutil.rmtree(root, ignore_errors=True)
    dice = random.Random(5)
    for number, step in enumerate(STEPS, 1):
        tree = root / "source" / _package_id(number)
        tree.mkdir(parents=True)
        for file in range(step.files):
            (tree / f"file{file:04}.bin").write_bytes(dice.randbytes(step.file_bytes))
        publish(tree, _package_id(number), root / "published")
    (root / "sequence.xml").write_text(_document(), encoding="utf-8")
    times = "".join(f'"{step.name}" = {step.run_s}\n' for step in STEPS)
    (root / "times.toml").write_text(f"[durations_s]\n{times}", encoding="utf-8")


def _package_id(number: int) -> str:
    return f"NET{number:05}"


def _document() -> str:
    steps = "".join(
        f'<step type="SMS_TaskSequence_RunCommandLineAction" name={quoteattr(step.name)}>'
        f'<action>run</action><defaultVarList><variable name="PackageID">{_package_id(number)}'
        "</variable></defaultVarList></step>"
        for number, step in enumerate(STEPS, 1)
    )
    return f'<sequence version="3.10" name="Laboratory">{steps}</sequence>'


def _config(root: Path, url: str, link: Link) -> str:
    return (
        "[client]\non_internet = false\n"
        f'[catalog]\npath = "{root / "published" / "catalog.json"}"\n'
        f"[transfer]\nlink_bytes_per_s = {link.payload_bytes_per_s:.0f}\n"
        f'[[endpoint]]\nname = "far side"\nkind = "http"\nurl = "{url}"\n'
    )
