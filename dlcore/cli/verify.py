"""``dlcore verify``: check a folder against its manifest."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

import click
import msgspec

from dlcore.cli.logs import LoggedCommand
from dlcore.cli.output import json_option, quiet_option, say, show_json
from dlcore.cli.paths import EXISTING_FILE, EXISTING_FOLDER
from dlcore.cli.views import open_view
from dlcore.engine.manifests import load_manifest
from dlcore.engine.units import amount
from dlcore.errors import IntegrityError, NotFoundError
from dlcore.model import Manifest
from dlcore.store import verify_tree

_log = logging.getLogger(__name__)

KEPT = "manifest.json"  # beside the content of a package in a state directory


@click.command(cls=LoggedCommand)
@click.argument("folder", type=EXISTING_FOLDER)
@click.option(
    "--manifest",
    "manifest_path",
    type=EXISTING_FILE,
    help="Manifest, Metalink 4 or piece hash file; by default the one kept with the package.",
)
@quiet_option
@json_option
def command(folder: Path, manifest_path: Path | None, quiet: bool, as_json: bool) -> int:
    """Check FOLDER against its manifest and name every bad file and offset.

    FOLDER is a content folder, or a package's folder in a state directory. Changes nothing. Ends
    with status 7 if anything is wrong.
    """
    folder, manifest = _locate(folder, manifest_path)
    with contextlib.closing(open_view(quiet=quiet)) as view:
        total_bytes = manifest.content_bytes
        bad = verify_tree(
            folder, manifest, progress=lambda done: view.progress("read", done, total_bytes)
        )
    for item in bad:
        _log.error("%s: %s at offset %d", item.path, item.reason.value, item.offset_bytes)
    if as_json:
        show_json(
            {
                "package": manifest.package_id,
                "version": manifest.version,
                "files": len(manifest.files),
                "content_bytes": manifest.content_bytes,
                "verified": not bad,
                "bad": msgspec.to_builtins(bad),
            }
        )
    else:
        for item in bad:
            say(f"{item.path}: {item.reason.value} at offset {item.offset_bytes}")
        verdict = f"{len(bad)} faults" if bad else "all verified"
        say(
            f"{manifest.package_id} version {manifest.version}: {len(manifest.files)} files, "
            f"{amount(total_bytes)}: {verdict}"
        )
    return IntegrityError.exit_status if bad else 0


def _locate(folder: Path, manifest_path: Path | None) -> tuple[Path, Manifest]:
    """The content and what it should be."""
    if manifest_path is None:
        if (folder / KEPT).is_file() and (folder / "content").is_dir():
            manifest_path, folder = folder / KEPT, folder / "content"
        elif (folder.parent / KEPT).is_file() and folder.name == "content":
            manifest_path = folder.parent / KEPT
        else:
            raise NotFoundError(
                f"no manifest is kept with {folder}", remedy="Name one with --manifest."
            )
    return folder, load_manifest(manifest_path)
