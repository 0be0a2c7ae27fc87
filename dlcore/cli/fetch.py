"""``dlcore fetch``: fetch packages and files, verified and resumable."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from dlcore.cli.by_agent import check_source, fetched_by_agent
from dlcore.cli.ending.loop import run_async
from dlcore.cli.fetch_arguments import Asked, asked_for
from dlcore.cli.live.event_output import events_options, opened_events, takes_standard_output
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
from dlcore.cli.options.state import no_agent_option, state_option, trust_root_option, wait_option
from dlcore.cli.output import json_option, tell
from dlcore.cli.results.fetch_results import MAX_LISTED, show_fetched, show_results
from dlcore.cli.standard_output import (
    check_one_file,
    is_standard_output,
    temporary_folder,
    write_content,
)
from dlcore.deployment import load_deployment
from dlcore.engine.delivery.apart import check_outside, real
from dlcore.engine.delivery.deliveries import Deliveries, users_deliveries
from dlcore.engine.documents.named_hash import check_named_hash
from dlcore.engine.download.retry import Retry
from dlcore.engine.fetching.access import Access
from dlcore.engine.fetching.by_deployment import FetchSettings, with_deployment
from dlcore.engine.fetching.call import Call, FetchItem
from dlcore.engine.fetching.fetch import fetch
from dlcore.engine.fetching.fetch_into import Fetched
from dlcore.engine.fetching.selecting import patterns_of
from dlcore.engine.fetching.site import NamedSite
from dlcore.engine.fetching.wanted import check_sha256
from dlcore.engine.listeners.bus import EventBus
from dlcore.engine.listeners.writer import Write, written
from dlcore.engine.time_limit import patience

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
def command(
    what: tuple[str, ...],
    lists: tuple[str, ...],
    sources: tuple[str, ...],
    config: Path | None,
    folder: Path,
    name: str,
    sha256: str,
    checksum: str,
    checksums: str,
    catalog: Path | None,
    catalog_sha256: str,
    content_hash: str,
    trust_root: Path | None,
    access: Access,
    connections: int,
    remote_time: bool,
    seeds: tuple[Path, ...],
    state: Path,
    is_without_agent: bool,
    max_file_bytes: int,
    timeout_s: float | None,
    retry: Retry,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    cap_bytes_per_s: int | None,
    wait_s: float,
    is_dry_run: bool,
    quiet: bool,
    as_json: bool,
    events_format: str | None,
    events_file: Path | None,
    otel: str | None,
) -> int:
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
    tells_events = takes_standard_output(events_format, events_file, as_json=as_json)
    access = access._replace(
        connections=connections, max_file_bytes=max_file_bytes, timeout_s=timeout_s
    )
    if is_standard_output(folder):
        check_one_file((*what, *lists), is_taken=tells_events or as_json or is_dry_run)
    else:
        check_outside(real(folder), state)
    asked = asked_for(what, lists, checksums, FetchItem("", sha256, checksum, name))
    if content_hash and not asked.one:
        raise click.UsageError("--content-hash is for one package")
    digests = sha256 or checksum or catalog_sha256 or content_hash
    if config and (sources or catalog or catalog_sha256 or content_hash):
        raise click.UsageError(
            "--config goes without --from, --catalog, --catalog-sha256 and --content-hash"
        )
    deployment = load_deployment(config, trust_root=trust_root) if config else None
    trust_root = None if deployment else trust_root
    is_named = bool(sources or catalog or digests or trust_root or deployment)
    is_plain = not (is_named or include or exclude or seeds)
    is_elsewhere = is_without_agent or is_dry_run or is_standard_output(folder) or events_format
    if asked.one and is_plain and not is_elsewhere:
        fetched = run_async(fetched_by_agent(asked.one, state, folder, wait_s))
        if fetched:
            if not quiet:
                tell(f"fetched by the agent of {state}")
            if fetched.kept_catalog:  # also if quiet: there may be a newer version
                tell(
                    f": the site's current catalog could not be read ({fetched.kept_catalog});"
                    f" version {fetched.version} comes from the catalog that was used last",
                    label="warning",
                )
            return show_fetched(fetched, as_json=as_json, says_nothing=quiet)
    if asked.one and not (sources or digests or deployment):
        check_source(asked.one, state, was_asked=is_plain and not is_elsewhere)
    if is_dry_run:
        if events_format:
            raise click.UsageError("--events cannot be used with --dry-run")
        named = NamedSite(sources, catalog, catalog_sha256, trust_root, content_hash=content_hash)
        given = FetchSettings(named, access, retry, seeds)
        by = with_deployment(given, deployment, lambda _: None, is_dry_run=True)
        return _previewed(asked, by, folder, include, exclude, as_json=as_json)
    common: dict[str, Any] = {
        "endpoints": sources,
        "catalog": catalog,
        "catalog_sha256": catalog_sha256,
        "trust_root": trust_root,
        "access": access,
        "retry": retry,
        "cap_bytes_per_s": cap_bytes_per_s or 0.0,
        "wait_s": wait_s,
        "include": include,
        "exclude": exclude,
        "remote_time": remote_time,
        "seeds": seeds,
        "deployment": deployment,
    }
    with opened_events(events_format, events_file) as write, opened_otel(otel, tell) as trace:
        shown_by = partial(_shown, view=open_view(quiet=quiet), write=write, trace=trace)
        show = _fetched(asked, folder, content_hash, common, shown_by)
    return show(as_json=as_json, says_nothing=tells_events or quiet)


def _previewed(
    asked: Asked,
    by: FetchSettings,
    folder: Path,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    *,
    as_json: bool,
) -> int:
    """Show what would be fetched; nothing is."""
    from dlcore.cli.results.fetch_previews import show_preview, show_previews
    from dlcore.engine.fetching.preview import preview_fetch, preview_many

    records, patient = Deliveries(users_deliveries()), patience(by.access.timeout_s, None)
    patterns = patterns_of(include, exclude)
    call = Call(by.site, by.access, folder, records, patterns, patient, rules=by.rules)
    if asked.one:
        return show_preview(run_async(preview_fetch(asked.one, call)), as_json=as_json)
    previews = run_async(preview_many(asked.items, asked.checksums, call))
    return show_previews(previews, as_json=as_json)


def _fetched(
    asked: Asked,
    folder: Path,
    content_hash: str,
    common: dict[str, Any],
    shown_by: Callable[..., Any],
) -> Callable[..., int]:
    """Fetch it.

    Args:
        asked: What.
        folder: Where to; a hyphen is standard output.
        content_hash: That of the only thing; else empty.
        common: What else the library's functions take.
        shown_by: Runs a fetch with its progress shown.

    Returns:
        What shows the results, and returns the exit status.
    """
    if asked.one and is_standard_output(folder):
        one = partial(_fetch_one, asked.one, content_hash=content_hash, **common)
        _to_standard_output(one, shown_by)
        return _show_nothing
    if asked.one:
        one = partial(_fetch_one, asked.one, to=folder, content_hash=content_hash, **common)
        return partial(show_fetched, run_async(shown_by(one)))
    from dlcore.engine.fetching.fetch_many import fetch_many  # one thing is fetched without it

    many = partial(fetch_many, asked.items, checksums=asked.checksums, to=folder, **common)
    are_many = len(asked.items) > MAX_LISTED or bool(asked.checksums)
    results = run_async(shown_by(many, are_many=are_many))
    return partial(show_results, results, is_verbose=is_verbose())


def _show_nothing(**_: bool) -> int:
    """The content itself was the result."""
    return 0


async def _fetch_one(item: FetchItem, **common: Any) -> Fetched:
    what, sha256, checksum, name = item
    return await fetch(what, sha256=sha256, checksum=checksum, name=name, **common)


def _to_standard_output(
    start: Callable[..., Awaitable[Fetched]], shown_by: Callable[..., Coroutine[Any, Any, Fetched]]
) -> None:
    with temporary_folder() as place:
        places = {"to": place / "content", "deliveries": place / "records"}
        fetched = run_async(shown_by(partial(start, **places)))
        write_content(Path(fetched.path))


async def _shown(
    start: Callable[..., Awaitable[T]],
    *,
    view: View,
    write: Write | None,
    trace: Trace,
    are_many: bool = False,
) -> T:
    bus = EventBus()
    stream, verbose = bus.listen(), is_verbose()
    async with (
        written(bus, write),
        shown(stream, view, verbose=verbose, ending_tells=True, are_many=are_many),
    ):
        with trace(bus), contextlib.closing(bus):
            return await start(on_event=bus.emit)
