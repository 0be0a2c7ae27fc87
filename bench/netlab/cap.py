"""Bandwidth caps: whether what is asked for is what is used, also below a block a second."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bench.netlab import experiment
from bench.netlab.laboratory import laboratory
from bench.netlab.link import Link
from bench.netlab.outcome import Outcome, Verdict
from bench.netlab.supplies import one_object
from bench.netlab.tools import DLCORE

LINK = Link(100, 40)
KIB, MIB = 1 << 10, 1 << 20
CAPS = (("1MiB", MIB, 30), ("64KiB", 64 * KIB, 2))  # as the option has it, bytes/s, MiB to fetch
WITHIN = 0.03


def run(folder: Path) -> Outcome:
    """Fetch under each cap and compare the rate of the whole process with it."""
    told = subprocess.run([*DLCORE, "fetch", "--help"], capture_output=True, text=True, check=True)
    if "--limit-rate" not in told.stdout:
        return Outcome("cap", str(LINK), skipped=["cap: dlcore fetch has no --limit-rate"])
    verdicts, notes = [], []
    for option, cap_bytes_per_s, mib in CAPS:
        supply = one_object(folder, mib)
        with laboratory(folder, [LINK]) as lab:
            sources = experiment.named_urls(lab, folder, supply)
            done = experiment.fetch(folder, supply, sources, "--limit-rate", option)
            seen = experiment.carried_bytes(lab.sides)
        off = abs(done.run.rate_bytes_per_s / cap_bytes_per_s - 1)
        verdicts.append(Verdict(f"{option}/s: rate off by", off, WITHIN, at_most=True))
        notes.append(
            f"{option}/s: {mib} MiB in {done.run.cost.wall_s:.2f} s, {seen} bytes over the link"
        )
    return Outcome("cap", str(LINK), [], verdicts, [], notes)
