"""``dlcore prune``: remove old versions of packages from a site."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from dlcore.cli.logs import LoggedCommand
from dlcore.cli.options.dry_run import dry_run_option
from dlcore.cli.options.keys import keys_root_option, passphrase_option, sign_with_option
from dlcore.cli.options.numbers import NumberRange
from dlcore.cli.output import json_option, say, show_json
from dlcore.engine.numbers_for_people import amount, counted
from dlcore.publish import Pruned, prune

_DAY_S = 86_400


@click.command(cls=LoggedCommand)
@click.argument("site", metavar="SITE")
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    metavar="N",
    help="Keep the N newest versions of each package, the current one included.",
)
@click.option(
    "--older-than",
    "older_than_days",
    type=NumberRange(min=0),
    metavar="DAYS",
    help="Remove only what was replaced by another version longer ago than this.",
)
@dry_run_option
@sign_with_option
@keys_root_option
@passphrase_option
@json_option
def command(
    site: str,
    keep: int | None,
    older_than_days: float | None,
    is_dry_run: bool,
    sign_with: tuple[Path, ...],
    root: Path | None,
    passphrase: bytes | None,
    as_json: bool,
) -> None:
    """Remove old versions of packages from SITE, and what nothing needs any more.

    SITE is a folder that was published to, or az://container/prefix, s3://..., gs://.... What the
    catalog names always stays; so does what was stored within the last day. With --keep and
    --older-than, a version is removed if both say so. A signed site needs its --root, or the keys.

    A client that runs a task sequence with an old version cannot fetch the rest of it any more:
    remove what was replaced longer ago than any run takes. If the command is interrupted, the site
    is valid, and the next call removes the rest.
    """
    done = prune(
        site,
        keep=keep,
        older_than_s=None if older_than_days is None else older_than_days * _DAY_S,
        trust_root=root,
        sign_with=sign_with,
        passphrase=passphrase,
        dry_run=is_dry_run,
    )
    if as_json:
        show_json({"dry_run": is_dry_run, **msgspec.to_builtins(done)})
        return
    for line in _lines(done, "would be removed" if is_dry_run else "removed"):
        say(line)


def _lines(done: Pruned, removed: str) -> list[str]:
    lines = [f"{removed}: {v.package_id} version {v.version}" for v in done.versions]
    lines += [
        f"{removed}: {v.package_id} version {v.version}, which was never published"
        for v in done.unpublished
    ]
    lines += [f"{removed}: {key}, which is damaged" for key in done.damaged]
    lines += [f"left alone: {key}, neither an object nor a manifest" for key in done.foreign]
    lines.append(
        f"{counted(len(done.versions), 'version')} and {counted(done.objects, 'object')} {removed} "
        f"({amount(done.removed_bytes)}), {counted(done.kept_versions, 'version')} kept"
    )
    if done.unknown_versions:
        lines.append(
            f"{counted(done.unknown_versions, 'version')} kept from before the site had a history,"
            " so nobody knows when another one came"
        )
    if done.kept_unpublished:
        lines.append(
            f"{counted(done.kept_unpublished, 'version')} kept that nobody published, until its"
            " time is over"
        )
    if done.young_objects:
        lines.append(
            f"{counted(done.young_objects, 'object')} stored within the last day kept, though"
            " nothing needs them yet"
        )
    return lines
