"""``dlcore fetch``: fetch one package or file, verified and resumable."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import click
import msgspec

from dlcore.cli.access import access_options
from dlcore.cli.event_output import events_options, opened_events, takes_standard_output
from dlcore.cli.logs import LoggedCommand, is_verbose
from dlcore.cli.loop import run_async
from dlcore.cli.output import (
    json_option,
    quiet_option,
    say,
    show_json,
)
from dlcore.cli.paths import EXISTING_FILE, FOLDER
from dlcore.cli.progress import shown
from dlcore.cli.rates import limit_rate_option
from dlcore.cli.state import trust_root_option, wait_option
from dlcore.cli.views import View, open_view
from dlcore.engine.download.packages import Retry
from dlcore.engine.event_writer import Write, written
from dlcore.engine.events import EventBus
from dlcore.engine.fetch import fetch
from dlcore.engine.fetch_into import Fetched
from dlcore.engine.sources import Access
from dlcore.engine.target import told
from dlcore.engine.units import amount


@click.command(cls=LoggedCommand)
@click.argument("what", metavar="ID|URL|MANIFEST")
@click.option(
    "--from",
    "sources",
    multiple=True,
    metavar="ENDPOINT",
    help="Where from; may be repeated, all are used at once. A published folder or "
    "http(s)://..., cmg+https://..., cloud-dp+https://..., blob+https://... or dp+http://...; "
    "for a URL or foreign manifest, URLs of the same file elsewhere.",
)
@click.option(
    "-o",
    "--output",
    "folder",
    required=True,
    type=FOLDER,
    help="Folder that becomes the package, complete or not at all; a single file by URL or "
    "foreign manifest is put into it.",
)
@click.option(
    "--sha256",
    default="",
    metavar="HEX",
    help="SHA-256 of the file at a URL; needed unless its server says it over https.",
)
@click.option(
    "--catalog", type=EXISTING_FILE, help="Trusted catalog; by default the first endpoint's."
)
@click.option(
    "--catalog-sha256", default="", metavar="HEX", help="SHA-256 that the catalog must have."
)
@trust_root_option
@access_options
@click.option(
    "--connections",
    type=click.IntRange(1, 256),
    default=256,
    show_default=True,
    help="Open at most this many connections to each endpoint; how many help is measured.",
)
@click.option(
    "--retries",
    type=click.IntRange(0, 999_999),
    default=Retry().count,
    show_default=True,
    help=f"How many times to ask all endpoints again, each time after {Retry().delay_s:.0f} "
    "seconds, when none is left that serves the content.",
)
@limit_rate_option
@wait_option
@quiet_option
@json_option
@events_options
def command(
    what: str,
    sources: tuple[str, ...],
    folder: Path,
    sha256: str,
    catalog: Path | None,
    catalog_sha256: str,
    trust_root: Path | None,
    token_file: str,
    sas_file: str,
    ca_file: str,
    connections: int,
    retries: int,
    cap_bytes_per_s: int | None,
    wait_s: float,
    quiet: bool,
    as_json: bool,
    events_format: str | None,
    events_file: Path | None,
) -> None:
    """Fetch a package by ID, a file by URL, or what a MANIFEST describes.

    MANIFEST is a file: a native manifest, a Metalink 4 or a Delivery Optimization piece hash file.

    Every block is verified before it counts. If the command is interrupted, run it again: it
    verifies what is already there and fetches only the rest. A folder that is damaged or holds
    another version is repaired in the same way. A file in it that dlcore did not put there is
    refused by name.
    """
    tells_events = takes_standard_output(events_format, events_file, as_json=as_json)
    start = partial(
        fetch,
        what,
        to=folder,
        endpoints=sources,
        sha256=sha256,
        catalog=catalog,
        catalog_sha256=catalog_sha256,
        trust_root=trust_root,
        access=Access(token_file, sas_file, ca_file, connections),
        retry=Retry(count=retries),
        cap_bytes_per_s=cap_bytes_per_s or 0.0,
        wait_s=wait_s,
    )
    with opened_events(events_format, events_file) as write:
        fetched = run_async(_shown(start, open_view(quiet=quiet), write))
    if as_json:
        show_json({**msgspec.to_builtins(fetched), "verified": True})
    elif not tells_events:
        say(
            f"{fetched.package}: {amount(fetched.content_bytes)} verified at {fetched.path} "
            f"({amount(fetched.bytes_fetched)} fetched, {amount(fetched.bytes_reused)} reused)"
        )
        if fetched.repaired:
            say(f"was different before: {told(fetched.repaired)}")


async def _shown(
    start: Callable[..., Awaitable[Fetched]], view: View, write: Write | None
) -> Fetched:
    bus = EventBus()
    async with written(bus, write), shown(bus.listen(), view, verbose=is_verbose()):
        with contextlib.closing(bus):
            return await start(on_event=bus.emit)
