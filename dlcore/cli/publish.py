"""``dlcore publish``: cut a folder into verified blocks and put it where clients fetch it."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from dlcore.cli.output import amount, json_option, show_json
from dlcore.model import DEFAULT_BLOCK_BYTES
from dlcore.publish import publish


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--package-id", required=True, help="Id of the package, such as ABC00012.")
@click.option("--version", type=int, default=1, show_default=True, help="Source version.")
@click.option(
    "--to",
    "destination",
    required=True,
    metavar="DEST",
    help="A folder, or an object store: az://container/prefix, s3://..., gs://...; "
    "credentials come from the environment.",
)
@click.option("--block-bytes", type=int, default=DEFAULT_BLOCK_BYTES, show_default=True)
@click.option(
    "--no-pack", is_flag=True, help="Give every file, however small, an object of its own."
)
@click.option(
    "--replace", is_flag=True, help="Replace other content of the same or a later version."
)
@json_option
def command(
    folder: Path,
    package_id: str,
    version: int,
    destination: str,
    block_bytes: int,
    no_pack: bool,
    replace: bool,
    as_json: bool,
) -> None:
    """Publish FOLDER as a version of a package.

    Objects that are there already are not written again; clients see the new version only when
    everything of it is in place.
    """
    published = publish(
        folder,
        package_id=package_id,
        version=version,
        destination=destination,
        block_bytes=block_bytes,
        pack=not no_pack,
        replace=replace,
    )
    if as_json:
        show_json(msgspec.to_builtins(published))
        return
    click.echo(
        f"published {package_id} version {version}: {published.files} files, "
        f"{amount(published.content_bytes)}; {published.objects_written} objects written "
        f"({amount(published.written_bytes)}), {published.objects_present} there already\n"
        f"manifest sha256 {published.manifest}"
    )
