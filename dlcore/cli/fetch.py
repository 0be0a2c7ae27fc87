"""``dlcore fetch``: fetch packages and files, verified and resumable."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from dlcore.cli.access import access_options
from dlcore.cli.event_output import events_options, opened_events, takes_standard_output
from dlcore.cli.fetch_results import show_fetched, show_results
from dlcore.cli.item_lists import read_items
from dlcore.cli.logs import LoggedCommand, is_verbose
from dlcore.cli.loop import run_async
from dlcore.cli.output import json_option, quiet_option
from dlcore.cli.paths import EXISTING_FILE, FOLDER
from dlcore.cli.progress import shown
from dlcore.cli.rates import limit_rate_option
from dlcore.cli.retrying import retry_options
from dlcore.cli.sizes import max_size_option
from dlcore.cli.state import trust_root_option, wait_option
from dlcore.cli.views import View, open_view
from dlcore.engine.access import Access
from dlcore.engine.download.retry import Retry
from dlcore.engine.event_bus import EventBus
from dlcore.engine.event_writer import Write, written
from dlcore.engine.fetch import fetch
from dlcore.engine.fetch_many import fetch_many
from dlcore.engine.placing import FetchItem

T = TypeVar("T")


@click.command(cls=LoggedCommand)
@click.argument("what", nargs=-1, metavar="ID|URL|MANIFEST...")
@click.option(
    "-i",
    "--input",
    "lists",
    multiple=True,
    metavar="FILE",
    help="Fetch what a file lists, too: an ID, URL or MANIFEST in each line, perhaps followed by "
    "its SHA-256; '-' is standard input.",
)
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
    "foreign manifest is put into it. Of several things, each package becomes a folder in it.",
)
@click.option(
    "--sha256",
    default="",
    metavar="HEX",
    help="SHA-256 of the file at a URL; needed unless its server says it over https.",
)
@click.option(
    "--checksums",
    default="",
    metavar="URL|FILE",
    help="List of SHA-256 as sha256sum writes it (SHA256SUMS, *.sha256): the digests of files at "
    "URLs. If nothing else is named, all files of the list at this URL are fetched.",
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
@max_size_option
@retry_options
@limit_rate_option
@wait_option
@quiet_option
@json_option
@events_options
def command(
    what: tuple[str, ...],
    lists: tuple[str, ...],
    sources: tuple[str, ...],
    folder: Path,
    sha256: str,
    checksums: str,
    catalog: Path | None,
    catalog_sha256: str,
    trust_root: Path | None,
    access: Access,
    connections: int,
    max_file_bytes: int,
    retry: Retry,
    cap_bytes_per_s: int | None,
    wait_s: float,
    quiet: bool,
    as_json: bool,
    events_format: str | None,
    events_file: Path | None,
) -> int:
    """Fetch packages by ID, files by URL, or what a MANIFEST describes.

    MANIFEST is a file: a native manifest, a Metalink 4 or a Delivery Optimization piece hash file.

    Every block is verified before it counts. If the command is interrupted, run it again: it
    verifies what is already there and fetches only the rest. A folder that is damaged or holds
    another version is repaired in the same way. A file in it that dlcore did not put there is
    refused by name.

    Of several things, one that fails does not stop the others; the exit status is the highest of
    all.
    """
    tells_events = takes_standard_output(events_format, events_file, as_json=as_json)
    common: dict[str, Any] = {
        "to": folder,
        "endpoints": sources,
        "catalog": catalog,
        "catalog_sha256": catalog_sha256,
        "trust_root": trust_root,
        "access": access._replace(connections=connections, max_file_bytes=max_file_bytes),
        "retry": retry,
        "cap_bytes_per_s": cap_bytes_per_s or 0.0,
        "wait_s": wait_s,
    }
    is_one = len(what) == 1 and not (lists or checksums)
    items = [] if is_one else _items(what, lists, sha256, checksums)
    with opened_events(events_format, events_file) as write:
        view = open_view(quiet=quiet)
        if is_one:
            one = partial(fetch, what[0], sha256=sha256, **common)
            show: Callable[..., int] = partial(show_fetched, run_async(_shown(one, view, write)))
        else:
            many = partial(fetch_many, items, checksums=checksums, **common)
            show = partial(show_results, run_async(_shown(many, view, write)))
    return show(as_json=as_json, tells_events=tells_events)


def _items(
    what: tuple[str, ...], lists: tuple[str, ...], sha256: str, checksums: str
) -> list[FetchItem]:
    if sha256:
        raise click.UsageError(
            "--sha256 is of one file: write digests into a list, with --input or --checksums"
        )
    if not (what or lists or checksums):
        raise click.UsageError("nothing is named to be fetched: name it, or a list with --input")
    return [*map(FetchItem, what), *(item for name in lists for item in read_items(name))]


async def _shown(start: Callable[..., Awaitable[T]], view: View, write: Write | None) -> T:
    bus = EventBus()
    async with written(bus, write), shown(bus.listen(), view, verbose=is_verbose()):
        with contextlib.closing(bus):
            return await start(on_event=bus.emit)
