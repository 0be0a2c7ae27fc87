"""``dlcore fetch``: fetch one package or file, verified and resumable."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import click
import msgspec

from dlcore.cli.loop import run_async
from dlcore.cli.output import (
    amount,
    json_option,
    quiet_option,
    say,
    show_json,
    verbose_option,
)
from dlcore.cli.paths import EXISTING_FILE
from dlcore.cli.progress import shown
from dlcore.cli.rates import limit_rate_option
from dlcore.cli.sources import Access
from dlcore.cli.state import wait_option
from dlcore.cli.views import open_view
from dlcore.cli.wanted import Asked, find
from dlcore.engine.download.downloads import Retry
from dlcore.engine.events import EventBus
from dlcore.engine.fetch import Fetched, fetch_into
from dlcore.schedule import Terms


@click.command()
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
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that becomes the package, complete or not at all; a single file by URL or "
    "foreign manifest is put into it.",
)
@click.option(
    "--sha256", default="", metavar="HEX", help="SHA-256 of the file at a URL; needed for a URL."
)
@click.option(
    "--catalog", type=EXISTING_FILE, help="Trusted catalog; by default the first endpoint's."
)
@click.option(
    "--catalog-sha256", default="", metavar="HEX", help="SHA-256 that the catalog must have."
)
@click.option(
    "--token-file",
    default="",
    metavar="FILE",
    help="File with the registration token of a CMG or cloud DP; by default the environment "
    "variable DLCORE_TOKEN has the token.",
)
@click.option(
    "--sas-file",
    default="",
    metavar="FILE",
    help="File with the shared access signature of a blob endpoint; by default the environment "
    "variable DLCORE_SAS has it, or the container is public.",
)
@click.option(
    "--ca-file",
    default="",
    metavar="FILE",
    help="Certificate authorities (PEM) to trust in place of the system's.",
)
@click.option(
    "--connections",
    type=click.IntRange(1, 256),
    default=256,
    show_default=True,
    help="Most connections to each endpoint; how many bring something is measured.",
)
@click.option(
    "--retries",
    type=click.IntRange(0, 999_999),
    default=Retry().count,
    show_default=True,
    help=f"How often to ask all endpoints again, each time after {Retry().delay_s:.0f} seconds, "
    "when none is left that serves the content.",
)
@limit_rate_option
@wait_option
@quiet_option
@verbose_option
@json_option
def command(
    what: str,
    sources: tuple[str, ...],
    folder: Path,
    sha256: str,
    catalog: Path | None,
    catalog_sha256: str,
    token_file: str,
    sas_file: str,
    ca_file: str,
    connections: int,
    retries: int,
    cap_bytes_per_s: int | None,
    wait_s: float,
    quiet: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Fetch a package by ID, a file by URL, or what a MANIFEST describes.

    MANIFEST is a file: a native manifest, a Metalink 4 or a Delivery Optimization piece hash file.

    Every block is verified before it counts. Broken off, the same command goes on where it was;
    what is there already is verified and not fetched again.
    """
    access = Access(token_file, sas_file, ca_file, connections)
    asked = Asked(what, sources, sha256, catalog, catalog_sha256)
    retry = Retry(count=retries)
    manner = Manner(retry, cap_bytes_per_s or 0.0, wait_s, quiet, verbose)
    fetched = run_async(_fetch(asked, folder, access, manner))
    if as_json:
        show_json({**msgspec.to_builtins(fetched), "verified": True})
    else:
        say(
            f"{fetched.package}: {amount(fetched.content_bytes)} verified at {fetched.path} "
            f"({amount(fetched.bytes_fetched)} fetched, {amount(fetched.bytes_reused)} reused)"
        )


class Manner(NamedTuple):
    """How to go about it."""

    retry: Retry
    cap_bytes_per_s: float
    wait_s: float
    quiet: bool
    verbose: bool


async def _fetch(asked: Asked, folder: Path, access: Access, manner: Manner) -> Fetched:
    bus = EventBus()
    view = open_view(quiet=manner.quiet)
    async with shown(bus.listen(), view, verbose=manner.verbose), AsyncExitStack() as stack:
        stack.callback(bus.close)
        found = await find(asked, access, stack, bus)
        return await fetch_into(
            folder,
            found.manifest,
            found.document,
            [(endpoint, Terms(access.connections)) for endpoint in found.endpoints],
            bus,
            beside=found.beside,
            retry=manner.retry,
            cap_bytes_per_s=manner.cap_bytes_per_s,
            wait_s=manner.wait_s,
        )
