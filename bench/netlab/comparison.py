"""All tools over one profile's link, in turn, round by round."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.netlab import measure
from bench.netlab.laboratory import Laboratory, laboratory
from bench.netlab.measure import Result, ToolError
from bench.netlab.profiles import Profile
from bench.netlab.supplies import Supply, many_files, one_object
from bench.netlab.tools import Job, Tool, Way


class Entry(msgspec.Struct, frozen=True):
    """One tool over one profile's link.

    Attributes:
        tool: Its name.
        verified: What it has checked when it ends.
        results: One a round.
    """

    tool: str
    verified: str
    results: list[Result]

    @property
    def share(self) -> float:
        return statistics.median(result.share for result in self.results)

    @property
    def cut_short(self) -> bool:
        return any(result.run.cut_short for result in self.results)


def compare(
    folder: Path, profile: Profile, tools: Sequence[Tool], rounds: int
) -> tuple[list[Entry], list[str]]:
    """Measure every tool that can do it; returns the entries, and what was skipped and why."""
    ways, skipped = _ways(profile, tools)
    supplies = {tool.name: _supply(folder, profile, tool) for tool, _ in ways}
    entries = [Entry(tool.name, tool.verified, []) for tool, _ in ways]
    with laboratory(folder, [profile.link], profile.congestion) as lab:
        for number in range(1, rounds + 1):
            for entry, (tool, way) in zip(entries, ways, strict=True):
                try:
                    result = once(folder, lab, profile, supplies[tool.name], tool, way, number)
                except ToolError as fault:
                    print(f"  {number}/{rounds} {tool.name}: {fault}", file=sys.stderr)
                    skipped.append(f"{profile.name}, {tool.name}: {fault}")
                    continue
                entry.results.append(result)
                print(f"  {number}/{rounds} {tool.name}: {told(result)}", file=sys.stderr)
    return [entry for entry in entries if entry.results], skipped


def once(
    folder: Path,
    lab: Laboratory,
    profile: Profile,
    supply: Supply,
    tool: Tool,
    way: Way,
    seed: int,
) -> Result:
    """One tool, once; what it fetched is compared and removed.

    Many files stay until the laboratory ends. ext4 gives nobody the inode of a file that was
    deleted within the last minute, and looks at all of those for every new one: where 2,000 files
    were just deleted, making 2,000 takes 0.4 CPU seconds and not 0.03.
    """
    output = folder / "out" / tool.name / f"round-{seed}" / "got"
    measure.clear(output.parent)
    job = job_for(lab, folder, supply, output, published=tool.name == "dlcore", tls=profile.tls)
    command = way(job)
    if tool.name != "dlcore":  # which makes it itself, complete or not at all
        output.mkdir()
    wire = lab.sides[0].wire
    wire.set(profile.link, seed)
    run = measure.execute(command, output, supply.length_bytes)
    result = measure.counted(run, wire.traffic(), profile.link)
    if not run.cut_short:
        supply.check(output)
    if not profile.files:
        measure.clear(output.parent)
    return result


def job_for(
    lab: Laboratory, folder: Path, supply: Supply, output: Path, *, published: bool, tls: bool
) -> Job:
    """What a tool is told: dlcore fetches what is published, the others plain files."""
    below = supply.published if published else supply.plain
    return Job(
        bases=lab.urls(below, folder, tls=tls),
        object=supply.object,
        listed=supply.listed,
        manifest=supply.manifest,
        sha256=supply.sha256,
        output=output,
        authority=lab.authority if tls else None,
    )


def told(result: Result) -> str:
    """A result in one line."""
    run, traffic = result.run, result.traffic
    return (
        f"share {result.share:.3f}{' (cut short)' if run.cut_short else ''}, "
        f"{run.received_bytes / 1e6:.0f} MB in {run.cost.wall_s:.2f} s, "
        f"{run.cost.cpu_s:.2f} CPU s, {run.cost.peak_bytes / (1 << 20):.0f} MiB, "
        f"{traffic.connections} connections, {traffic.delivered_bytes / 1e6:.0f} MB on the wire, "
        f"{traffic.lost} lost, {traffic.overflowed} overflowed; relay {traffic.cpu_s:.2f} CPU s, "
        f"late {traffic.late_mean_us / 1e3:.1f} ms, at worst {traffic.late_most_us / 1e3:.1f} ms"
    )


def _ways(profile: Profile, tools: Sequence[Tool]) -> tuple[list[tuple[Tool, Way]], list[str]]:
    ways: list[tuple[Tool, Way]] = []
    skipped: list[str] = []
    for tool in tools:
        way = tool.many if profile.files else tool.one
        if way is None:
            skipped.append(f"{profile.name}, {tool.name}: does not fetch a list of files")
        elif not tool.is_installed():
            skipped.append(f"{profile.name}, {tool.name}: not installed ({tool.install})")
        else:
            ways.append((tool, way))
    return ways, skipped


def _supply(folder: Path, profile: Profile, tool: Tool) -> Supply:
    if profile.files:
        return many_files(folder, profile.files)
    return one_object(folder, profile.mib if tool.name == "dlcore" else profile.rival_mib)
