"""``dlcore list``: which packages and versions a site holds."""

from __future__ import annotations

import click
import msgspec

from dlcore.cli.logs import LoggedCommand
from dlcore.cli.options.site_access import site_access_options
from dlcore.cli.output import json_option, show_json, show_table
from dlcore.engine.numbers_for_people import amount
from dlcore.publish import PackageVersion, list_site


@click.command(cls=LoggedCommand)
@click.argument("site", metavar="SITE")
@click.option(
    "--earlier",
    "with_earlier",
    is_flag=True,
    help="Also list earlier versions that the site has kept.",
)
@site_access_options
@json_option
def command(site: str, with_earlier: bool, ca_file: str, as_json: bool) -> None:
    """List the packages of SITE, with their versions and lengths.

    SITE is a folder that was published to, or a URL: https://..., az://container/prefix, s3://...,
    gs://.... Signatures are not verified: dlcore verify does that.
    """
    found = list_site(site, with_earlier=with_earlier, ca_file=ca_file)
    if as_json:
        show_json({"site": site, "packages": msgspec.to_builtins(found)})
        return
    show_table(("package", "version", "content", ""), map(_row, found))


def _row(each: PackageVersion) -> tuple[str, str, str, str]:
    note = "" if each.is_current else "earlier"
    return each.package_id, str(each.version), amount(each.content_bytes), note
