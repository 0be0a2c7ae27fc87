"""``dlcore publish``: cut a folder into verified blocks and put it where clients fetch it."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec

from dlcore.cli.live.views import open_view
from dlcore.cli.logs import LoggedCommand
from dlcore.cli.options.dry_run import dry_run_option
from dlcore.cli.options.keys import keys_root_option, passphrase_option, sign_with_option
from dlcore.cli.options.paths import EXISTING_FOLDER
from dlcore.cli.output import json_option, quiet_option, say, show_json
from dlcore.cli.publish_library import (
    LibraryAsked,
    contradictions,
    join,
    library_options,
    publish_everything,
)
from dlcore.engine.numbers_for_people import amount, counted
from dlcore.model import DEFAULT_BLOCK_BYTES
from dlcore.printable import quoted
from dlcore.publish import Published, Repaired, Stage, publish, repair

DONE = {
    Stage.CHECK: "checked",
    Stage.HASH: "hashed",
    Stage.PATCH: "patched",
    Stage.WRITE: "written",
}


def _programs(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    programs: dict[str, str] = {}
    for text in texts:
        name, found, command_line = text.partition("=")
        if not found:
            raise click.BadParameter(f"{quoted(text)} is not NAME=COMMAND")
        if name.strip() in programs:
            raise click.BadParameter(f"the program {quoted(name.strip())} is given twice")
        programs[name.strip()] = command_line.strip()
    return programs


@click.command(cls=LoggedCommand)
@click.argument("folders", type=EXISTING_FOLDER, nargs=-1, metavar="FOLDER...")
@click.option("--package-id", metavar="ID", help="Id of the package, such as ABC00012.")
@click.option(
    "--version",
    type=int,
    help="Source version, counted from 1; by default that of the content library, else 1.",
)
@click.option(
    "--to",
    "destination",
    required=True,
    metavar="DEST",
    help="A folder, or an object store: az://container/prefix, s3://..., gs://...; "
    "credentials come from the environment.",
)
@click.option(
    "--block-bytes",
    type=int,
    default=DEFAULT_BLOCK_BYTES,
    show_default=True,
    help="Length of the blocks that are verified one by one: a power of two from 4096 to 16777216.",
)
@click.option(
    "--no-pack", is_flag=True, help="Give every file, however small, an object of its own."
)
@click.option(
    "--content-library",
    is_flag=True,
    help="FOLDER is the content library of a distribution point (SCCMContentLib): publish the "
    "package from there.",
)
@click.option(
    "--documents-only",
    is_flag=True,
    help="With --content-library: publish catalog and manifest, and no content. Clients fetch that "
    "from the content library or the distribution point.",
)
@library_options
@click.option(
    "--program",
    "programs",
    multiple=True,
    callback=_programs,
    metavar="NAME=COMMAND",
    help="A program of the package, for Install Package steps: its name and its command line, "
    "which starts in the package's folder. Files of packages carry no execute permission on Linux "
    "and macOS: write 'sh setup.sh', not './setup.sh'. Repeatable.",
)
@click.option(
    "--patch-from",
    multiple=True,
    metavar="VERSION|FOLDER",
    help="Make patches from an old version: its number at DEST, or the folder that it was "
    "published from. Clients that have it fetch patches in place of the files that changed. "
    "Repeatable.",
)
@click.option(
    "--repair",
    "is_repair",
    is_flag=True,
    help="Read the whole published version, and write from FOLDER what is wrong there. "
    "What is published stays as it is. A signed site is verified with --root or the keys, and "
    "signed documents that were lost are written again.",
)
@click.option(
    "--replace", is_flag=True, help="Replace other content of the same or a later version."
)
@dry_run_option
@sign_with_option
@keys_root_option
@passphrase_option
@quiet_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    folders: tuple[Path, ...],
    package_id: str | None,
    version: int | None,
    destination: str,
    block_bytes: int,
    no_pack: bool,
    content_library: bool,
    documents_only: bool,
    everything: bool,
    shard: str | None,
    shards: int | None,
    parts: str,
    withdraw_gone: int | None,
    dask: str | None,
    programs: dict[str, str],
    patch_from: tuple[str, ...],
    is_repair: bool,
    replace: bool,
    is_dry_run: bool,
    sign_with: tuple[Path, ...],
    root: Path | None,
    passphrase: bytes | None,
    quiet: bool,
    as_json: bool,
) -> int | None:
    """Publish FOLDER as a version of a package, or all that a content library has.

    Objects that are already stored are compared with their digests, and written again only if they
    are wrong; clients see the new version only when everything of it is in place.
    """
    if is_repair and replace:
        raise click.UsageError("--repair and --replace exclude each other")
    if is_repair and is_dry_run:
        raise click.UsageError("--repair has no --dry-run: dlcore verify DEST tells what is wrong")
    if is_repair and patch_from:
        raise click.UsageError("--repair has no --patch-from: publish again to mend patches")
    if is_repair and documents_only:
        raise click.UsageError("--repair and --documents-only exclude each other")
    asked = LibraryAsked(everything, shard, shards, parts, dask, withdraw_gone)
    asked.check(
        content_library=content_library,
        of_one_package={
            "--package-id": package_id,
            "--version": version,
            "--program": programs,
            "--patch-from": patch_from,
            "--repair": is_repair,
        },
    )
    keys: dict[str, Any] = {"sign_with": sign_with, "trust_root": root, "passphrase": passphrase}
    if shards is not None:
        return join(asked, destination=destination, as_json=as_json, **keys)
    if not folders:
        raise click.MissingParameter(ctx=context, param=context.command.params[0])
    if asked.everything:
        how: dict[str, Any] = {
            "destination": destination,
            "block_bytes": block_bytes,
            "pack": not no_pack,
            "replace": replace,
            "documents_only": documents_only,
            "dry_run": is_dry_run,
        }
        return publish_everything(folders, asked, quiet=quiet, as_json=as_json, **how, **keys)
    if len(folders) > 1:
        raise click.UsageError("a package is published from one FOLDER; several go with --all")
    if package_id is None:
        raise click.MissingParameter(ctx=context, param=context.command.params[1])
    folder = folders[0]
    with contextlib.closing(open_view(quiet=quiet)) as view:
        patched = partial(publish, patch_from=patch_from, documents_only=documents_only)
        work = repair if is_repair else partial(patched, replace=replace, dry_run=is_dry_run)
        done = work(
            folder,
            package_id=package_id,
            version=version,
            destination=destination,
            block_bytes=block_bytes,
            pack=not no_pack,
            content_library=content_library,
            programs=programs,
            **keys,
            progress=lambda p: view.progress(DONE[p.stage], p.done_bytes, p.total_bytes),
        )
    if as_json:
        show_json({**({"dry_run": True} if is_dry_run else {}), **msgspec.to_builtins(done)})
    else:
        lines = (
            _repaired(done)
            if isinstance(done, Repaired)
            else _published(done, is_dry_run=is_dry_run)
        )
        for line in lines:
            say(line)
    return None


def _published(done: Published, *, is_dry_run: bool) -> list[str]:
    again = f", of them {done.objects_rewritten} again" if done.objects_rewritten else ""
    did, written = ("would publish", "to write") if is_dry_run else ("published", "written")
    counts = (
        f"{did} {done.package_id} version {done.version}: {counted(done.files, 'file')}, "
        f"{amount(done.content_bytes)}; {counted(done.objects_written, 'object')} "
        f"{written}{again} ({amount(done.written_bytes)}), {done.objects_present} already stored"
    )
    lines = [counts, f"manifest sha256 {done.manifest}"]
    if done.patches:
        made = f"patches for {counted(done.patches, 'file')}: {amount(done.patch_bytes)}"
        lines.insert(1, made)
    wrong = contradictions([done.package_id] if done.contradicts_itself else [])
    return [*_without_patches(done, is_dry_run=is_dry_run), *wrong, *lines]


def _repaired(done: Repaired) -> list[str]:
    verdict = (
        f"repaired {done.package_id} version {done.version}: "
        f"{counted(done.objects, 'object')} checked, "
        f"{len(done.rewritten)} rewritten ({amount(done.written_bytes)})"
    )
    restored = [f"restored {key}, as it was signed" for key in done.restored]
    rewrote = [f"rewrote {key}" for key in done.rewritten]
    return [*restored, *_without_patches(done, is_dry_run=False), *rewrote, verdict]


def _without_patches(done: Published | Repaired, *, is_dry_run: bool) -> list[str]:
    """What became of damaged patches."""
    if not done.patches_removed:
        return []
    did = "would remove" if is_dry_run else "removed"
    lines = [f"{did} {key}" for key in done.patches_removed]
    lines.append(
        "patches of this version were damaged, and clients fetch blocks instead: publish again with"
        " --patch-from to make them anew"
    )
    return lines
