"""One endpoint of three serves bad blocks: what that costs, and whether it is found out.

The content is so large that the liar's third has seven bad blocks or so, and not one by chance.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from bench.netlab import experiment
from bench.netlab.laboratory import laboratory
from bench.netlab.link import Link
from bench.netlab.outcome import Outcome, Verdict
from bench.netlab.supplies import Supply, one_object
from dlcore.model import DEFAULT_BLOCK_BYTES

LINKS = (Link(200, 40),) * 3
MIB = 2048
BAD = 0.01  # share of the blocks
SLOWER = 1.10


def run(folder: Path) -> Outcome:
    """Measure with the liar, without it, and with an honest one in its place."""
    supply = one_object(folder, MIB)
    bad = _with_bad_blocks(folder, supply)
    with laboratory(folder, LINKS) as lab:
        honest = experiment.named_urls(lab, folder, supply)
        liar, name = lab.urls(bad, folder)[2], lab.sides[2].server.address
        lying = experiment.fetch(folder, supply, [*honest[:2], liar])
        without = experiment.fetch(folder, supply, honest[:2])
        three = experiment.fetch(folder, supply, honest)
    times_s = [done.run.cost.wall_s for done in (lying, without, three)]
    told = lying.report["sources"]
    caught = [who.split()[0] for who, own in told.items() if "quarantine" in str(own["notes"])]
    verdicts = [
        Verdict("time with the liar / without it", times_s[0] / times_s[1], SLOWER, at_most=True),
        Verdict("the liar is named and quarantined, nobody else", float(caught == [name]), 1.0),
    ]
    notes = [
        "every byte compared: right",
        "with the liar {:.2f} s, without it {:.2f} s, three honest ones {:.2f} s".format(*times_s),
        experiment.by_endpoint(lying.report),
    ]
    return Outcome("liar", "; ".join(map(str, LINKS)), [], verdicts, [], notes)


def _with_bad_blocks(folder: Path, supply: Supply) -> Path:
    """What is published, once more, with one byte changed in some of the blocks."""
    root = folder / f"liar-{MIB}"
    if not (root / "complete").exists():
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(supply.published, root)
        _spoil(root / supply.object)
        (root / "complete").touch()
    (root / supply.object).read_bytes()  # into memory
    return root


def _spoil(path: Path) -> None:
    blocks = path.stat().st_size // DEFAULT_BLOCK_BYTES
    dice = random.Random(4)
    with path.open("r+b") as file:
        for block in dice.sample(range(blocks), max(1, round(blocks * BAD))):
            file.seek(block * DEFAULT_BLOCK_BYTES + dice.randrange(DEFAULT_BLOCK_BYTES))
            byte = file.read(1)
            file.seek(-1, 1)
            file.write(bytes((byte[0] ^ 0xFF,)))
