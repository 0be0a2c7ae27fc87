"""The same task sequence, run by Windows' own engine: with its own downloader, and with the hook.

Windows' engine is emulated (`bench.hook.engine`); `dlcore-smsts` and the agent that it starts are
real. Both ways share the same distribution point behind the same paced link. In the middle the
machine restarts: the agent is killed then, with everything else, and the next call of the hook
starts another one. One package is not in dlcore's catalog: there the hook falls back.
"""

from __future__ import annotations

import asyncio
import contextlib
import filecmp
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import click

from bench.hook import site
from bench.hook.engine import Content, EmulatedEngine, Ran
from dlcore.cli.output import show_table
from dlcore.emulator.emulator import Emulator
from dlcore.emulator.settings import Settings
from dlcore.engine.numbers_for_people import amount
from dlcore.errors import AgentError

ROOT = Path("build/hook")
LINK_BYTES_PER_S = 8 * site.MIB
LATENCY_S = 0.02
SWITCH_OFF_S = 5.0  # a call of the hook takes two seconds at most to end
MINUTES = 6  # both ways, on an idle machine
HOOK = str(Path(sys.executable).with_name("dlcore-smsts"))


EXPLANATION = """
The built-in downloader stops at every step until its package is there. With the hook a step waits
for its package only if the link could not bring it in time: the agent fetches the packages of later
steps while earlier ones run, goes on after the restart with what it had, and hands each one to the
hook, which copies it to the step's folder. What is left of the waits is the first package, which
nothing can hide, the start of a process for each call, that copy, and the package that only the
built-in downloader can bring."""


class Outcome(NamedTuple):
    """What a run came to.

    Attributes:
        way: How content came.
        all_s: From the first step's beginning to the last one's end.
        steps: All steps.
        served_bytes: What the distribution point sent.
    """

    way: str
    all_s: float
    steps: list[Ran]
    served_bytes: int

    @property
    def contents(self) -> list[Content]:
        """How each package came."""
        return [content for step in self.steps for content in step.contents]

    @property
    def stall_s(self) -> float:
        """For how long steps waited for content."""
        return sum(content.stall_s for content in self.contents)


@click.command()
@click.option("--keep", is_flag=True, help="Leave what was made in build/hook.")
@click.option(
    "--slower",
    type=click.FloatRange(min=1.0),
    default=1.0,
    metavar="TIMES",
    help="Let steps run longer and the link be slower, so that what a process costs counts less:"
    " real steps take minutes.",
)
def main(keep: bool, slower: float) -> None:
    """Run both ways, and compare."""
    # A request to end is as Ctrl+C: the agent that the hook has started is ended, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    signal.signal(signal.SIGTERM, lambda number, frame: signal.raise_signal(signal.SIGINT))
    click.echo(f"this takes about {MINUTES * slower:.0f} minutes; Ctrl+C ends it in order")
    root = ROOT.absolute()
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    try:
        is_good = asyncio.run(_compare(root, slower))
    finally:
        asyncio.run(_kill_agent(root / "hook" / "state"))  # also one that was just being started
        if not keep:
            shutil.rmtree(root, ignore_errors=True)
    sys.exit(0 if is_good else 1)


async def _compare(root: Path, slower: float) -> bool:
    link_bytes_per_s = LINK_BYTES_PER_S / slower
    sources = root / "source"
    click.echo("making and publishing the packages ...")
    await asyncio.to_thread(site.make_sources, sources)
    await asyncio.to_thread(site.publish, sources, root / "published", root / "catalog")
    lengths = {each.package_id: _length(sources / each.package_id) for each in site.PACKAGES}
    outcomes = []
    for way in ("built-in", "hook"):
        async with _distribution_point(root, link_bytes_per_s) as emulator:
            outcomes.append(await _run(way, root, emulator, slower))
    bound_s = site.bound_s(link_bytes_per_s, lengths, slower)
    fallen_back_s = site.bound_s(link_bytes_per_s, lengths, slower, not_ahead=site.UNKNOWN)
    _show(outcomes, bound_s, fallen_back_s)
    hook = outcomes[-1]
    are_right = all(_is_right(root, sources, outcome) for outcome in outcomes)
    fell_back = [each.package_id for each in hook.contents if each.by != "hook"]
    click.echo(EXPLANATION)
    click.echo(
        f"\nevery file compared with its source: {'right' if are_right else 'WRONG'};"
        f" left to the built-in downloader: {', '.join(fell_back)}"
    )
    _show_log(root / "hook" / "logs" / "dlcore-smsts.log")
    return are_right and fell_back == [site.UNKNOWN]


@contextlib.asynccontextmanager
async def _distribution_point(root: Path, link_bytes_per_s: float) -> AsyncIterator[Emulator]:
    settings = Settings(dp=True, bandwidth_bytes_per_s=link_bytes_per_s, latency_s=LATENCY_S)
    async with Emulator(root / "published", settings, state=root / "emulator") as emulator:
        yield emulator


async def _run(way: str, root: Path, emulator: Emulator, slower: float) -> Outcome:
    """Run the sequence on a machine of its own, with as many lives as it takes."""
    machine = root / way
    click.echo(f"\n{way}: the task sequence begins")
    variables = site.variables(root / "source", machine / "logs", machine / "Drivers")
    if way == "hook":
        variables |= {
            "SMSTSDownloadProgram": HOOK,
            "DLCORE_HOOK_CONFIG": str(_config(root, emulator)),
            "DLCORE_STATE": str(machine / "state"),
        }
    steps: list[Ran] = []
    began_s = time.monotonic()
    try:
        while True:
            engine = EmulatedEngine(machine, variables, emulator.dp_url, site.durations_s(slower))
            await _lived(engine, steps)
            if engine.has_ended:
                break
            await _kill_agent(machine / "state")
    finally:
        await _kill_agent(machine / "state")
    all_s = time.monotonic() - began_s
    return Outcome(way, all_s, steps, emulator.counters.snapshot().bytes_served)


async def _lived(engine: EmulatedEngine, steps: list[Ran]) -> None:
    """Run one life of a machine; it is switched off if that is cancelled."""
    life = asyncio.ensure_future(asyncio.to_thread(_live, engine, steps))
    try:
        await asyncio.shield(life)
    except asyncio.CancelledError:
        engine.switch_off()
        life.add_done_callback(asyncio.Future.exception)  # what it raises then does not matter
        await asyncio.wait({life}, timeout=SWITCH_OFF_S)
        raise


def _live(engine: EmulatedEngine, steps: list[Ran]) -> None:
    for ran in engine.run():
        steps.append(ran)
        told = "; ".join(
            f"{each.package_id} by {each.by} after {each.stall_s:.1f} s" for each in ran.contents
        )
        click.echo(f"  {ran.name}: {told or 'needs nothing'}; ran {ran.run_s:g} s")


async def _kill_agent(state: Path) -> None:
    """The machine restarts: its agent is gone, without a word."""
    from dlcore.agent.client import AgentClient

    with contextlib.suppress(AgentError):
        async with AgentClient(state, patience_s=0.0) as agent:
            process_id = (await agent.status()).process_id
        with contextlib.suppress(ProcessLookupError):
            os.kill(process_id, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
        click.echo("  (the agent is killed)")


def _config(root: Path, emulator: Emulator) -> Path:
    path = root / "deployment.toml"
    path.write_text(
        f"[client]\non_internet = false\n"
        f"[catalog]\npath = '{root / 'catalog' / 'catalog.json'}'\n"
        f"[[endpoint]]\nname = 'dp'\nkind = 'dp'\nurl = '{emulator.dp_url}'\n",
        encoding="utf-8",
    )
    return path


def _show(outcomes: list[Outcome], bound_s: float, fallen_back_s: float) -> None:
    """Print a table.

    Args:
        outcomes: Its rows.
        bound_s: What no way of downloading can beat.
        fallen_back_s: The same of ways that leave a package to the built-in downloader.
    """
    click.echo(
        f"\nno way of downloading can beat {bound_s:.1f} s on this link (bound A), and none that"
        f"\nleaves {site.UNKNOWN} to the built-in downloader {fallen_back_s:.1f} s (bound B)"
    )
    show_table(
        ("way", "seconds", "times A", "times B", "waiting for content", "bytes served"),
        (
            (
                each.way,
                f"{each.all_s:.1f}",
                f"{each.all_s / bound_s:.3f}",
                f"{each.all_s / fallen_back_s:.3f}",
                f"{each.stall_s:.1f} s",
                amount(each.served_bytes),
            )
            for each in outcomes
        ),
    )


def _is_right(root: Path, sources: Path, outcome: Outcome) -> bool:
    """Whether every package is where its step expects it, byte for byte."""
    good = len(outcome.contents) == len(site.PACKAGES)
    for package in site.PACKAGES:
        machine = root / outcome.way
        place = machine / "_SMSTaskSequence" / "Packages"
        if package.step.startswith("Download"):
            place = machine / "Drivers"
        good &= _same(sources / package.package_id, place / package.package_id)
    return good


def _same(source: Path, copy: Path) -> bool:
    names = [path.relative_to(source) for path in source.rglob("*") if path.is_file()]
    found = [path.relative_to(copy) for path in copy.rglob("*") if path.is_file()]
    return sorted(names) == sorted(found) and all(
        filecmp.cmp(source / name, copy / name, shallow=False) for name in names
    )


def _length(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _show_log(path: Path) -> None:
    """What an engineer finds in the log, without CMTrace's own parts."""
    click.echo("\ndlcore-smsts.log:")
    for line in path.read_text(encoding="utf-8").splitlines():
        text, _, _ = line.removeprefix("<![LOG[").partition("]LOG]!>")
        click.echo(f"  {text}")


if __name__ == "__main__":
    main()
