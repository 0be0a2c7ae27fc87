"""``dlcore verify``: check a folder against its manifest."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from dlcore import manifest as documents
from dlcore.cli.output import amount, json_option, show_json
from dlcore.errors import IntegrityError, NotFoundError
from dlcore.model import Manifest
from dlcore.store import verify_tree

KEPT = "manifest.json"  # beside the content of a package in a state directory


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--manifest",
    "manifest_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Manifest, Metalink or piece hash file; by default the one kept with the package.",
)
@json_option
def command(folder: Path, manifest_path: Path | None, as_json: bool) -> int:
    """Check FOLDER against its manifest and name every bad file and offset.

    FOLDER is a content folder, or a package's folder in a state directory.
    """
    folder, manifest = _locate(folder, manifest_path)
    bad = verify_tree(folder, manifest)
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
            click.echo(f"{item.path}: {item.reason.value} at offset {item.offset_bytes}")
        verdict = f"{len(bad)} faults" if bad else "all verified"
        click.echo(
            f"{manifest.package_id} version {manifest.version}: {len(manifest.files)} files, "
            f"{amount(manifest.content_bytes)}: {verdict}",
            file=sys.stdout,
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
    described = documents.read_any(
        manifest_path.read_bytes(), source=str(manifest_path), package_id="LOCAL000"
    )
    return folder, described.manifest
