"""``python -m bench.netlab try PROFILE -- COMMAND``: any command over one of the links."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bench.netlab import measure
from bench.netlab.comparison import job_for, told
from bench.netlab.laboratory import laboratory
from bench.netlab.profiles import PROFILES
from bench.netlab.supplies import many_files, one_object

USAGE = """usage: python -m bench.netlab try PROFILE [MIB] -- COMMAND

In the command {manifest}, {base} (for --from), {url} (of the object), {out} (a folder that does not
exist yet) and {ca} are filled in; {sha256} as well. Its output is not checked here."""


def run(folder: Path, words: Sequence[str]) -> int:
    """Run the command once in the laboratory and print its share; returns an exit status."""
    before, _, command = " ".join(words).partition(" -- ")
    names = before.split()
    if not command or not names or names[0] not in PROFILES:
        print(USAGE, file=sys.stderr)
        return 2
    profile = PROFILES[names[0]]
    mib = int(names[1]) if len(names) > 1 else profile.mib
    supply = many_files(folder, profile.files) if profile.files else one_object(folder, mib)
    output = folder / "out" / "trial" / "got"
    with laboratory(folder, [profile.link], profile.congestion) as lab:
        measure.clear(output.parent)
        job = job_for(lab, folder, supply, output, published=True, tls=profile.tls)
        filled = command.format(
            manifest=job.manifest,
            base=job.bases[0],
            url=job.url,
            out=output,
            ca=lab.authority,
            sha256=job.sha256,
        )
        wire = lab.sides[0].wire
        wire.set(profile.link)
        done = measure.execute(["sh", "-c", filled], output, supply.length_bytes)
        result = measure.counted(done, wire.traffic(), profile.link)
    print(done.said, end="")
    print(told(result))
    return 0
