"""`small` as a call inside a running process: without what a process of its own takes to start."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.netlab import experiment, measure
from bench.netlab.laboratory import laboratory
from bench.netlab.outcome import Outcome, Verdict
from bench.netlab.profiles import PROFILES
from bench.netlab.supplies import many_files

CALL = "bench.netlab.inside_call"
ROUNDS = 3
SHARE = 0.5


def run(folder: Path) -> Outcome:
    """Fetch the files of `small` twice in one process, some times; the median counts."""
    profile = PROFILES["small"]
    supply = many_files(folder, profile.files)
    shares = []
    with laboratory(folder, [profile.link], profile.congestion) as lab:
        (url,) = experiment.named_urls(lab, folder, supply)
        for seed in range(1, ROUNDS + 1):
            output = folder / "out" / "inside" / f"round-{seed}" / "got"
            measure.clear(output.parent)
            lab.sides[0].wire.set(profile.link, seed)
            command = [sys.executable, "-m", CALL, str(supply.manifest), url, str(output)]
            done = measure.execute(command, output, 2 * supply.length_bytes)
            for name in ("first", "second"):
                supply.check(output / name)
            taken_s = float(done.said.split()[-1])
            shares.append(supply.length_bytes / taken_s / profile.link.payload_bytes_per_s)
    median = sorted(shares)[ROUNDS // 2]
    notes = [f"shares {', '.join(f'{share:.3f}' for share in shares)}"]
    verdicts = [Verdict("small, inside a running process: share", median, SHARE)]
    return Outcome("inside", str(profile.link), [], verdicts, [], notes)
