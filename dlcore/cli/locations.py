"""``dlcore locations``: write a deployment file from what a ConfigMgr site tells of locations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from dlcore.cli.logs import LoggedCommand
from dlcore.cli.options.paths import EXISTING_FILE, FILE
from dlcore.cli.output import json_option, say, show_json, tell
from dlcore.disk.faults import guarded
from dlcore.disk.named_files import not_planted
from dlcore.errors import ConfigError, NotFoundError, StorageError
from dlcore.long_path import long_path
from dlcore.plain_files import is_file_there, read_plain
from dlcore.printable import quoted

if TYPE_CHECKING:
    from dlcore.locations import SiteDocument

_NO_LOCATION = "0x80040102"  # what ConfigMgr's own logs say then


@click.command(cls=LoggedCommand)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=EXISTING_FILE)
@click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="FILE",
    help="Write the deployment file there; it must not exist. By default it is printed.",
)
@click.option(
    "--catalog",
    default="",
    metavar="FILE",
    help="The catalog that the deployment file names, as `dlcore publish` wrote it: no site "
    "provides one. By default the file states the packages by the content hashes that the site "
    "provides; if there are none, it names catalog.json.",
)
@json_option
def command(files: tuple[Path, ...], output: Path | None, catalog: str, as_json: bool) -> None:
    """Write a deployment file with the endpoints that a ConfigMgr site names.

    FILE has the variables of a task sequence (lines NAME=VALUE, JSON, or ts.env), or the
    ContentLocationReply of a management point. What cannot be used is listed on standard error. No
    secret is copied. Nothing is asked over the network.
    """
    from dlcore.deployment import parse_deployment
    from dlcore.locations import deployment_file, endpoints_of

    _check_path_of_catalog(catalog)
    told = [_read(file) for file in files]
    endpoints = endpoints_of(each for one in told for each in one.locations)
    _tell_notes(told)
    if not endpoints:
        raise _no_location_error(told)
    text = deployment_file(told, catalog=catalog)
    path = (output or Path("deployment.toml")).absolute()
    named = parse_deployment(text.encode(), path).catalog.path
    if named and not is_file_there(long_path(Path(named))):
        _tell_missing(Path(named))
    if output:
        _write(output, text)
    if as_json:
        found = {"output": str(output) if output else None, "endpoints": endpoints, "told": told}
        show_json(msgspec.to_builtins(found))
    elif output:
        say(f"{output}: {len(endpoints)} endpoint{'s' if len(endpoints) > 1 else ''} written")
    else:
        for line in text.splitlines():
            say(line)


def _tell_missing(catalog: Path) -> None:
    tell(
        f": nothing can be fetched with this deployment file yet: there is no catalog at {catalog}."
        " Put the catalog.json there that `dlcore publish` wrote, or name it with --catalog",
        label="warning",
    )


def _check_path_of_catalog(catalog: str) -> None:
    try:
        catalog.encode()
    except UnicodeEncodeError:
        raise ConfigError(
            f"--catalog {quoted(catalog)}: a deployment file can contain only Unicode, and this "
            "is not",
            remedy="Rename the folder or the file.",
        ) from None


def _read(file: Path) -> SiteDocument:
    from dlcore.locations import MAX_BYTES, read_site_document

    with guarded("read a document of the site", file):
        data = read_plain(long_path(file), MAX_BYTES + 1)
    return read_site_document(data, str(file))


def _tell_notes(documents: list[SiteDocument]) -> None:
    for one in documents:
        for note in one.notes:
            tell(note)
        if one.is_without_locations and any(other.locations for other in documents):
            tell(f"{one.source}: does not name any location ({_NO_LOCATION})")
        if one.secrets:
            tell(
                f"{one.source}: holds secrets ({', '.join(one.secrets)}). None was copied. Give"
                " what an endpoint needs with token_file, token_env, password_file or password_env,"
                " and delete the file."
            )


def _no_location_error(documents: list[SiteDocument]) -> NotFoundError:
    empty = [one.source for one in documents if one.is_without_locations]
    if empty:
        return NotFoundError(
            f"{', '.join(empty)}: the management point does not name a location for this"
            f" content, which ConfigMgr calls {_NO_LOCATION}",
            remedy="Distribute the content to a distribution point of the client's boundary"
            " group, or to a CMG that serves content; and let the deployment use the neighboring"
            " or the default boundary group.",
        )
    return NotFoundError(
        f"{', '.join(one.source for one in documents)}: no location in it can be used",
        remedy="Save the variables while the task sequence runs and has just asked for the package"
        " (_SMSTSHTTP... has its locations then), or save the management point's reply.",
    )


def _write(output: Path, text: str) -> None:
    try:
        with (
            guarded("write the deployment file", output),
            open(output, "x", encoding="utf-8", newline="\n", opener=not_planted) as opened,
        ):
            opened.write(text)
    except StorageError as error:
        if isinstance(error.__cause__, FileExistsError):
            raise ConfigError(
                f"{output} already exists", remedy="Name another file with -o, or remove it."
            ) from None
        raise
