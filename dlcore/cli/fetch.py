"""``dlcore fetch``: fetch one package or file, verified and resumable."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import click
import msgspec

from dlcore.cli.loop import run_async
from dlcore.cli.output import amount, json_option, quiet_option, show_json
from dlcore.cli.progress import open_view, shown
from dlcore.cli.sources import Access
from dlcore.cli.state import wait_option
from dlcore.cli.wanted import Asked, find
from dlcore.engine.events import EventBus
from dlcore.engine.fetch import Fetched, fetch_into


@click.command()
@click.argument("what", metavar="ID|URL|MANIFEST")
@click.option(
    "--from",
    "sources",
    multiple=True,
    metavar="ENDPOINT",
    help="Where from; may be repeated. A folder, http(s)://..., cmg+https://..., "
    "cloud-dp+https://..., blob+https://... or dp+http://...; for a URL or foreign "
    "manifest, URLs of the same file elsewhere.",
)
@click.option(
    "-o",
    "--output",
    "folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the files; appears complete or not at all.",
)
@click.option("--sha256", default="", metavar="HEX", help="Digest of the file at a URL.")
@click.option(
    "--catalog",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Trusted catalog; by default the first endpoint's.",
)
@click.option("--catalog-sha256", default="", metavar="HEX", help="Digest of the catalog.")
@click.option("--token-file", default="", help="Registration token of a CMG or cloud DP.")
@click.option("--sas-file", default="", help="Shared access signature of a blob endpoint.")
@click.option("--ca-file", default="", help="Authorities to trust in place of the system's.")
@click.option("--connections", type=click.IntRange(1, 256), default=4, show_default=True)
@wait_option
@quiet_option
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
    wait_s: float,
    quiet: bool,
    as_json: bool,
) -> None:
    """Fetch a package by ID, a file by URL, or what a MANIFEST describes.

    MANIFEST is a file: a native manifest, a Metalink or a piece hash file. Broken off, the same
    command goes on where it was; secrets come from files or, for tokens and signatures, from the
    environment variables DLCORE_TOKEN and DLCORE_SAS.
    """
    access = Access(token_file, sas_file, ca_file, connections)
    asked = Asked(what, sources, sha256, catalog, catalog_sha256)
    fetched = run_async(_fetch(asked, folder, access, wait_s, quiet))
    if as_json:
        show_json({**msgspec.to_builtins(fetched), "verified": True})
    else:
        click.echo(
            f"{fetched.package}: {amount(fetched.content_bytes)} verified at {fetched.path} "
            f"({amount(fetched.bytes_fetched)} fetched, {amount(fetched.bytes_reused)} reused)"
        )


async def _fetch(asked: Asked, folder: Path, access: Access, wait_s: float, quiet: bool) -> Fetched:
    bus = EventBus()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(shown(bus.listen(), open_view(quiet=quiet)))
        manifest, endpoints = await find(asked, access, stack)
        return await fetch_into(
            folder,
            manifest,
            [(endpoint, access.connections) for endpoint in endpoints],
            bus,
            wait_s=wait_s,
        )
