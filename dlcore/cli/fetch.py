"""``dlcore fetch``: fetch packages and files, verified and resumable."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from dlcore.cli.by_agent import check_source, fetched_by_agent
from dlcore.cli.ending.loop import run_async
from dlcore.cli.fetch_arguments import Asked, FetchArguments
from dlcore.cli.live.event_output import events_options, opened_events
from dlcore.cli.live.otel import Trace, opened_otel, otel_option
from dlcore.cli.live.progress import shown
from dlcore.cli.live.views import View, open_view
from dlcore.cli.logs import LoggedCommand, is_verbose
from dlcore.cli.options.access import access_options
from dlcore.cli.options.checked_values import checked_by
from dlcore.cli.options.dry_run import dry_run_option
from dlcore.cli.options.paths import EXISTING_FILE, FOLDER
from dlcore.cli.options.patterns import pattern_options
from dlcore.cli.options.rates import limit_rate_option
from dlcore.cli.options.retrying import retry_options, timeout_option
from dlcore.cli.options.seeds import seed_option
from dlcore.cli.options.sizes import max_size_option
from dlcore.cli.options.state import (
    no_agent_option,
    state_option,
    trust_root_option,
    wait_option,
)
from dlcore.cli.output import json_option, tell
from dlcore.cli.results.fetch_results import MAX_LISTED, show_fetched, show_results
from dlcore.cli.standard_output import temporary_folder, write_content
from dlcore.engine.documents.named_hash import check_named_hash
from dlcore.engine.events import Event
from dlcore.engine.fetching.call import FetchItem
from dlcore.engine.fetching.fetch import fetch_item
from dlcore.engine.fetching.fetch_into import Fetched
from dlcore.engine.fetching.options import FetchOptions
from dlcore.engine.fetching.wanted import check_sha256
from dlcore.engine.listeners.bus import EventBus
from dlcore.engine.listeners.writer import Write, written

T = TypeVar("T")


def _check_content_hash(told: str) -> None:
    if told:
        check_named_hash(told)


@click.command(cls=LoggedCommand)
@click.argument("what", nargs=-1, metavar="ID|URL|MANIFEST...")
@click.option(
    "-i",
    "--input",
    "lists",
    multiple=True,
    metavar="FILE",
    help="Also fetch what a file lists: an ID, URL or MANIFEST in each line, optionally followed "
    "by its SHA-256 or, as in sha-512=HEX, another digest; '-' is standard input.",
)
@click.option(
    "--from",
    "sources",
    multiple=True,
    metavar="ENDPOINT",
    help="Where from; may be repeated, all are used at once. A published folder, "
    "http(s)://..., az://..., s3://..., gs://..., file://..., cmg+https://..., "
    "cloud-dp+https://..., blob+https://..., dp+http://..., content-library+FOLDER or "
    "content-library+http://...; "
    "for a URL or foreign manifest, URLs of the same file elsewhere.",
)
@click.option(
    "--config",
    type=EXISTING_FILE,
    help="Deployment settings (TOML) that say where packages come from, in place of --from and "
    "--catalog: only endpoints that the boundary groups allow where this machine is are used.",
)
@click.option(
    "-o",
    "--output",
    "folder",
    required=True,
    type=FOLDER,
    help="Folder that becomes the package, complete or not at all; a single file by URL or "
    "foreign manifest is put into it. Of several things, each package becomes a folder in it. "
    "With -, one file at a URL is written to standard output once it is verified.",
)
@click.option(
    "--name",
    default="",
    metavar="NAME",
    help="What one file at a URL is called in the folder, in place of its name at the server.",
)
@click.option(
    "--sha256",
    default="",
    callback=checked_by(partial(check_sha256, "SHA-256")),
    metavar="HEX",
    help="SHA-256 of the file at a URL; needed unless its server says it over https.",
)
@click.option(
    "--checksum",
    default="",
    metavar="ALGORITHM=HEX",
    help="Another digest of the file at a URL in place of its SHA-256: sha-1, sha-224, sha-384, "
    "sha-512, blake2b.",
)
@click.option(
    "--checksums",
    default="",
    metavar="URL|FILE",
    help="List of digests as sha256sum, sha512sum or b2sum write it (SHA256SUMS, *.sha512): those "
    "of files at URLs. If nothing else is named, all files of the list at this URL are fetched.",
)
@click.option(
    "--catalog",
    type=EXISTING_FILE,
    help="Trusted catalog, a file; by default the first endpoint's is read.",
)
@click.option(
    "--catalog-sha256",
    default="",
    callback=checked_by(partial(check_sha256, "catalog's SHA-256")),
    metavar="HEX",
    help="SHA-256 that the catalog must have.",
)
@click.option(
    "--content-hash",
    default="",
    callback=checked_by(_check_content_hash),
    metavar="HEX",
    help="ConfigMgr's package content hash that the package must have: what a content library "
    "states, or all files of a distribution point together.",
)
@trust_root_option
@access_options
@click.option(
    "--connections",
    type=click.IntRange(1, 256),
    default=256,
    show_default=True,
    help="Open at most this many connections to each endpoint; dlcore measures how many help.",
)
@click.option(
    "-R",
    "--remote-time",
    is_flag=True,
    help="Give files at URLs the time of modification that their server states.",
)
@seed_option
@state_option
@no_agent_option
@max_size_option
@timeout_option
@retry_options
@pattern_options
@limit_rate_option
@wait_option
@dry_run_option
@click.option(
    "-q", "--quiet", is_flag=True, help="Print nothing but errors, and what --json asks for."
)
@json_option
@events_options
@otel_option
def command(**options: Any) -> int:
    """Fetch packages by ID, files by URL, or what a MANIFEST describes.

    A URL is http(s)://..., az://..., s3://..., gs://... or file://...

    If the first ENDPOINT is a content library, and no catalog is named, its INI files say what a
    package is. If it is a distribution point (dp), and --content-hash is given, that hash does.
    Then an ID may also be that of an application's content or an update, Content_<guid>.<version>
    or <guid>.

    MANIFEST is a file: a native manifest, a Metalink 4 or a Delivery Optimization piece hash file.

    Every block, or file without digests of its blocks, is verified before it counts. If the command
    is interrupted, run it again: it verifies what is already there and fetches only the rest. A
    folder that is damaged or holds another version is repaired in the same way. A file in it that
    dlcore did not put there is refused by name.

    A package whose place is not named is fetched by the agent of the state directory, if one runs.

    With --config the endpoints, the catalog and its root are those of a deployment, and so are the
    boundary groups and the bandwidth schedule. Everything that is fetched is then a package.

    Of several things, one that fails does not stop the others; the exit status is the highest of
    all.
    """
    return _fetch(FetchArguments(**options))


def _fetch(given: FetchArguments) -> int:
    """Do what the command line says. Returns the exit status."""
    given.check_outputs()
    asked = given.asked()
    given.check_sources(asked)
    options = given.options()
    item = asked.one
    if item and given.may_ask_agent:
        fetched = run_async(fetched_by_agent(item, given.state, given.folder, given.wait_s))
        if fetched:
            return _show_fetched_by_agent(fetched, given)
    if item and not given.names_source:
        check_source(item, given.state, was_asked=given.may_ask_agent)
    if given.is_dry_run:
        return _preview(asked, options, given)
    if item is None:
        return _fetch_several(asked, options, given)
    if given.is_to_standard_output:
        return _fetch_to_standard_output(item, options, given)
    return _fetch_one(item, options, given)


def _show_fetched_by_agent(fetched: Fetched, given: FetchArguments) -> int:
    if not given.quiet:
        tell(f"fetched by the agent of {given.state}")
    if fetched.kept_catalog:  # also if quiet: there may be a newer version
        tell(
            f": the site's current catalog could not be read ({fetched.kept_catalog});"
            f" version {fetched.version} comes from the catalog that was used last",
            label="warning",
        )
    return show_fetched(fetched, as_json=given.as_json, says_nothing=given.quiet)


def _preview(asked: Asked, options: FetchOptions, given: FetchArguments) -> int:
    """Show what would be fetched; nothing is."""
    from dlcore.cli.results.fetch_previews import show_preview, show_previews
    from dlcore.engine.fetching.preview import preview_fetch, preview_many

    if given.events_format:
        raise click.UsageError("--events cannot be used with --dry-run")
    call = options.dry_call()
    if asked.one:
        return show_preview(run_async(preview_fetch(asked.one, call)), as_json=given.as_json)
    previews = run_async(preview_many(asked.items, asked.checksums, call))
    return show_previews(previews, as_json=given.as_json)


def _fetch_one(item: FetchItem, options: FetchOptions, given: FetchArguments) -> int:
    with _opened_telling(given) as telling:
        fetched = run_async(telling.watch(partial(fetch_item, item, options)))
    return show_fetched(fetched, as_json=given.as_json, says_nothing=given.says_nothing)


def _fetch_to_standard_output(item: FetchItem, options: FetchOptions, given: FetchArguments) -> int:
    with _opened_telling(given) as telling, temporary_folder() as place:
        apart = options._replace(to=place / "content", deliveries=place / "records")
        fetched = run_async(telling.watch(partial(fetch_item, item, apart)))
        write_content(Path(fetched.path))
    return 0


def _fetch_several(asked: Asked, options: FetchOptions, given: FetchArguments) -> int:
    from dlcore.engine.fetching.fetch_many import fetch_items  # one thing is fetched without it

    start = partial(fetch_items, asked.items, asked.checksums, options)
    are_many = len(asked.items) > MAX_LISTED or bool(asked.checksums)
    with _opened_telling(given) as telling:
        results = run_async(telling.watch(start, are_many=are_many))
    return show_results(
        results,
        as_json=given.as_json,
        says_nothing=given.says_nothing,
        is_verbose=is_verbose(),
    )


class _Telling(NamedTuple):
    """Where it is told what a fetch does.

    Attributes:
        view: Shows it to people.
        write: Writes the events; None: nobody wants them.
        trace: Makes spans of it.
    """

    view: View
    write: Write | None
    trace: Trace

    async def watch(
        self, start: Callable[[Callable[[Event], None]], Awaitable[T]], *, are_many: bool = False
    ) -> T:
        """Fetch, and tell what happens meanwhile.

        Args:
            start: Fetches; it is given what hears the events.
            are_many: Whether so much is fetched that not each thing is told.
        """
        bus = EventBus()
        stream, verbose = bus.listen(), is_verbose()
        async with (
            written(bus, self.write),
            shown(stream, self.view, verbose=verbose, ending_tells=True, are_many=are_many),
        ):
            with self.trace(bus), contextlib.closing(bus):
                return await start(bus.emit)


@contextlib.contextmanager
def _opened_telling(given: FetchArguments) -> Iterator[_Telling]:
    with (
        opened_events(given.events_format, given.events_file) as write,
        opened_otel(given.otel, tell) as trace,
    ):
        yield _Telling(open_view(quiet=given.quiet), write, trace)
