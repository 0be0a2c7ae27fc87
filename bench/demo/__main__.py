"""Publishes, serves and runs the demonstration, checks every byte, and compares.

The emulated gateway runs in a process of its own behind a paced link, with access tokens so short
that they must be renewed on the way. All steps are executed, with a script in the place of Windows
Setup. In the middle a step asks for a restart: another client goes on with the run then, and the
gateway is gone, as the network often is after an upgrade. What other ways of downloading would
take is computed from the same link and the same run times, without any overhead: in their favour.
"""

from __future__ import annotations

import asyncio
import contextlib
import filecmp
import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

import dlcore
from bench.demo import content
from bench.demo.sequence import WINDOWS_PE_MARK, export
from dlcore.cli.live.progress import shown
from dlcore.cli.live.views import open_view
from dlcore.cli.output import show_table
from dlcore.cli.results.report_tables import show_report
from dlcore.deployment import load_deployment
from dlcore.engine.events import EndpointRenewed
from dlcore.engine.numbers_for_people import amount
from dlcore.tasksequence.step_types import UPGRADE

ROOT = Path("build/demo")
LINK_BYTES_PER_S = 64 * content.MIB
LATENCY_S = 0.02
TOKEN_LIFE_S = 8.0
LOCATION_LIFE_S = 12.0


def main() -> None:
    """Run the demonstration; exits with 1 if a byte or a step is wrong."""
    root = ROOT.absolute()
    sources, published, state = root / "source", root / "published", root / "state"
    for folder in (state, root / "drivers"):
        shutil.rmtree(folder, ignore_errors=True)
    click.echo("making the packages of an in-place upgrade, and publishing them ...")
    content.make_sources(sources)
    sequence = root / "upgrade.zip"
    sequence.write_bytes(export())
    publish(sources, published)
    click.echo("running the upgrade, while its packages arrive from an emulated gateway ...")
    with gateway(published, root / "gateway") as client:
        config = demo_config(client, root)
        report, renewals = asyncio.run(run(sequence, config, state))
    if report.outcome is dlcore.RunOutcome.RESTART:
        click.echo("\nthe machine restarts, and the gateway cannot be reached any more\n")
        report, _ = asyncio.run(run(sequence, config, state))
    verified = compare(sources, report, root) and ran_as_documented(report, root)
    show(report, renewals, verified=verified)
    summary = {
        **msgspec.to_builtins(report),
        "token_renewals": renewals,
        "verified": verified,
        "link_bytes_per_s": LINK_BYTES_PER_S,
    }
    target = root / "summary.json"
    target.write_text(json.dumps(summary, indent=2), encoding="utf-8")
    click.echo(f"\nfigures: {target.relative_to(Path.cwd())}")
    sys.exit(0 if verified and report.outcome == "succeeded" else 1)


def publish(sources: Path, published: Path) -> None:
    """Publish every package; what an earlier run published is found there."""
    for package in content.PACKAGES:
        done = dlcore.publish_folder(
            sources / package.package_id,
            package_id=package.package_id,
            version=1,
            destination=str(published),
            replace=True,  # an earlier version of the demonstration had other content
        )
        click.echo(f"published {done.package_id}: {done.files} files, {amount(done.content_bytes)}")


@contextlib.contextmanager
def gateway(published: Path, state: Path) -> Iterator[Path]:
    """A gateway in a process of its own; gives the settings for its clients."""
    command = [sys.executable, "-m", "dlcore", "serve", str(published), "--json"]
    command += ["--state", str(state)]
    command += ["--bandwidth", str(LINK_BYTES_PER_S), "--latency-s", str(LATENCY_S)]
    command += ["--token-life-s", str(TOKEN_LIFE_S), "--location-life-s", str(LOCATION_LIFE_S)]
    state.mkdir(exist_ok=True)
    with (
        (state / "log").open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()  # one line of JSON, once it serves
            yield Path(json.loads(ready)["config"])
        finally:
            process.terminate()


def demo_config(client: Path, root: Path) -> Path:
    """The gateway's settings for clients, with this machine's model and the link's rate."""
    settings = client.read_text(encoding="utf-8")
    more = (
        f"[transfer]\nlink_bytes_per_s = {LINK_BYTES_PER_S}\n"
        f"[variables]\nModel = 'This model'\nDemoDrivers = '{root / 'drivers'}'\n"
    )
    path = root / "deployment.toml"
    path.write_text(settings.replace("[[endpoint]]", more + "[[endpoint]]"), encoding="utf-8")
    tomllib.loads(path.read_text(encoding="utf-8"))
    return path


async def run(sequence: Path, config: Path, state: Path) -> tuple[dlcore.Report, int]:
    """Run the sequence on demand; returns its report and how often a token was renewed."""
    renewals = 0

    async def count(client: dlcore.Client) -> None:
        nonlocal renewals
        async for event in client.events():
            renewals += isinstance(event, EndpointRenewed) and event.what == "token"

    client = dlcore.Client(load_deployment(config), state)
    counting = asyncio.ensure_future(count(client))
    async with shown(client.events(), open_view(quiet=False)), client:
        upgrade = dlcore.UpgradeOperatingSystem(dlcore.StandInSetup([sys.executable]))
        executors = dlcore.standard_executors().with_executors({UPGRADE: upgrade})
        report = await dlcore.run_sequence(client, sequence, executors)
    await counting
    return report, renewals


def compare(sources: Path, report: dlcore.Report, root: Path) -> bool:
    """Compare every file of every package that a step needed with its source."""
    good = True
    for package in content.PACKAGES:
        if not any(package.package_id in step.packages for step in report.steps):
            continue
        (folder,) = (root / "state" / "packages").glob(f"{package.package_id}.*/content")
        places = [folder]
        if package.package_id == content.DRIVERS:
            places.append(root / "drivers" / package.package_id)
        for place in places:
            good &= same_tree(sources / package.package_id, place)
    return good


def ran_as_documented(report: dlcore.Report, root: Path) -> bool:
    """Whether the run went on behind one restart, and left out what must not run."""
    skipped = {step.name for step in report.steps if step.outcome is dlcore.StepOutcome.SKIPPED}
    wanted = {"Repair from Windows PE", "Install features of another language"}
    marks = list((root / "drivers").rglob(WINDOWS_PE_MARK))
    return report.restarts == 1 and skipped == wanted and not marks


def same_tree(source: Path, copy: Path) -> bool:
    """Whether two folders hold the same files, byte for byte."""
    wanted = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    found = {path.relative_to(copy) for path in copy.rglob("*") if path.is_file()}
    return wanted == found and all(
        filecmp.cmp(source / path, copy / path, shallow=False) for path in wanted
    )


def show(report: dlcore.Report, renewals: int, *, verified: bool) -> None:
    """Print what the run came to."""
    show_report(report)
    rows = (
        ("dlcore, on demand", report.makespan_s, "measured"),
        ("no schedule can beat", report.lower_bound_s, "computed"),
        ("stop at every step", report.stop_at_every_step_s, "computed, without any overhead"),
        ("download everything first", report.download_first_s, "computed, without any overhead"),
    )
    click.echo("\nthe same upgrade, by the way of downloading:")
    show_table(
        ("way", "seconds", "times the bound", ""),
        ((way, f"{s:.2f}", f"{s / report.lower_bound_s:.3f}", how) for way, s, how in rows),
    )
    click.echo(f"\naccess tokens renewed on the way: {renewals}")
    verdict = "as they should be" if verified else "WRONG"
    click.echo(f"every file compared with its source, and the steps that ran: {verdict}")


if __name__ == "__main__":
    main()
