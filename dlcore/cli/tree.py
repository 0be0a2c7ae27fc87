"""``dlcore tree``: which files a package at a site consists of."""

from __future__ import annotations

import click
import msgspec

from dlcore.cli.logs import LoggedCommand
from dlcore.cli.options.site_access import site_access_options
from dlcore.cli.output import json_option, say, show_json, show_table
from dlcore.engine.numbers_for_people import amount, counted
from dlcore.package_ids import asked_id
from dlcore.publish import read_version


@click.command(cls=LoggedCommand)
@click.argument("site", metavar="SITE")
@click.argument("package", metavar="ID")
@click.argument("version", metavar="[VERSION]", default="")
@site_access_options
@json_option
def command(site: str, package: str, version: str, ca_file: str, as_json: bool) -> None:
    """List the files of package ID at SITE, in the order of their paths.

    VERSION is a version, or the SHA-256 of its manifest; the current version by default. SITE is
    named as for list. Only the manifest is read.
    """
    manifest = read_version(site, asked_id(package), version, ca_file=ca_file)
    if as_json:
        files = [{"path": file.path, "length_bytes": file.length_bytes} for file in manifest.files]
        told = {"files": files, "folders": msgspec.to_builtins(manifest.folders)}
        show_json({"package": manifest.package_id, "version": manifest.version, **told})
        return
    rows = [(amount(file.length_bytes), file.path) for file in manifest.files]
    rows += [("", f"{folder}/") for folder in manifest.folders]
    show_table(("length", "file"), sorted(rows, key=lambda row: row[1]))
    say(
        f"{manifest.package_id} version {manifest.version}: "
        f"{counted(len(manifest.files), 'file')}, {amount(manifest.content_bytes)}"
    )
