"""``dlcore diff``: which files differ between two versions of a package."""

from __future__ import annotations

import click
import msgspec

from dlcore.cli.logs import LoggedCommand
from dlcore.cli.options.site_access import site_access_options
from dlcore.cli.output import json_option, say, show_json, show_table
from dlcore.engine.numbers_for_people import amount, counted
from dlcore.manifest import FileChange, difference
from dlcore.package_ids import asked_id
from dlcore.publish import read_version


@click.command(cls=LoggedCommand)
@click.argument("site", metavar="SITE")
@click.argument("package", metavar="ID")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="[NEW]", default="")
@site_access_options
@json_option
def command(site: str, package: str, old: str, new: str, ca_file: str, as_json: bool) -> None:
    """Show which files of package ID differ between its versions OLD and NEW at SITE.

    OLD and NEW are versions, or the SHA-256 of their manifests; NEW is the current version by
    default. SITE is named as for list. Only manifests are read.
    """
    wanted = asked_id(package)
    before = read_version(site, wanted, old, ca_file=ca_file)
    after = read_version(site, wanted, new, ca_file=ca_file)
    changes = difference(before, after)
    new_bytes = sum(change.new_bytes or 0 for change in changes)
    if as_json:
        versions = {"old": before.version, "new": after.version, "new_bytes": new_bytes}
        show_json({"package": wanted, **versions, "files": msgspec.to_builtins(changes)})
        return
    if changes:
        show_table(("", "before", "after", "file"), map(_row, changes))
    say(
        f"{wanted} version {before.version} to {after.version}: "
        f"{counted(len(changes), 'file')} not the same, "
        f"{amount(new_bytes)} of {amount(after.content_bytes)} in new or changed files"
    )


def _row(change: FileChange) -> tuple[str, str, str, str]:
    return change.change.value, _length(change.old_bytes), _length(change.new_bytes), change.path


def _length(count_bytes: int | None) -> str:
    return "" if count_bytes is None else amount(count_bytes)
