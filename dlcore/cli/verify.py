"""``dlcore verify``: check a folder against its manifest, or everything at a published site."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from dlcore.cli.content_hash import check_content_hash
from dlcore.cli.live.views import open_view
from dlcore.cli.logs import LoggedCommand
from dlcore.cli.options.paths import EXISTING_FILE, EXISTING_FOLDER
from dlcore.cli.options.site_access import site_access_options
from dlcore.cli.options.state import trust_root_option
from dlcore.cli.output import json_option, quiet_option, say, show_json
from dlcore.engine.documents.manifests import load_manifest
from dlcore.engine.numbers_for_people import amount, counted
from dlcore.errors import ConfigError, IntegrityError, NotFoundError
from dlcore.long_path import long_path
from dlcore.model import CATALOG_KEY, Manifest
from dlcore.store import Bad, Reason, verify_tree

if TYPE_CHECKING:
    from dlcore.publish import SiteFault

_log = logging.getLogger(__name__)

MAX_NAMED_FILES = 5  # of a fault, in words: a pack object may hold thousands
_HAVE_A_PLACE = (Reason.MISMATCH, Reason.LONGER, Reason.UNCHECKED)  # others are of all of a file
_WHOLE = (Reason.MISSING, Reason.UNEXPECTED)
KEPT = "manifest.json"  # beside the content of a package in a state directory


@click.command(cls=LoggedCommand)
@click.argument("where", metavar="FOLDER|SITE")
@click.option(
    "--manifest",
    "manifest_path",
    type=EXISTING_FILE,
    help="Manifest, Metalink 4 or piece hash file; by default the one kept with the package.",
)
@click.option(
    "--package",
    "package",
    default="",
    metavar="ID",
    help="Compare FOLDER with this package, as the endpoints of --from describe it.",
)
@click.option(
    "--from",
    "sources",
    multiple=True,
    metavar="ENDPOINT",
    help="Where the package is described: a published site, content-library+FOLDER or "
    "content-library+http(s)://... Repeatable.",
)
@click.option(
    "--content-hash",
    "named_hash",
    default="",
    metavar="HEX",
    help="Compare FOLDER with ConfigMgr's package content hash in place of a manifest.",
)
@trust_root_option
@site_access_options
@quiet_option
@json_option
def command(
    where: str,
    manifest_path: Path | None,
    package: str,
    sources: tuple[str, ...],
    named_hash: str,
    trust_root: Path | None,
    ca_file: str,
    quiet: bool,
    as_json: bool,
) -> int:
    """Check FOLDER against its manifest, or all packages of SITE, and name everything that is bad.

    FOLDER is a content folder, or a package's folder in a state directory. SITE is a folder that
    was published to (it has a catalog.json), or a URL: https://..., az://container/prefix, s3://...,
    gs://.... Changes nothing. Ends with status 7 if anything is wrong.

    With --content-hash a folder is compared as a whole: that hash cannot tell which file is bad.
    """
    truths = [manifest_path, package, named_hash, trust_root]
    if sum(map(bool, truths)) > 1:
        raise ConfigError(
            "a folder is compared with one thing only",
            remedy="Give one of --manifest, --package, --content-hash and --trust-root.",
        )
    if bool(package) != bool(sources):
        raise ConfigError(
            "--package and --from belong together",
            remedy="Say which package FOLDER should be, and who describes it.",
        )
    if package:
        EXISTING_FOLDER.convert(where, None, None)
        manifest = _ask_for_manifest(package, sources, ca_file)
        return _check_folder(long_path(Path(where)), manifest, quiet=quiet, as_json=as_json)
    if named_hash:
        EXISTING_FOLDER.convert(where, None, None)
        return check_content_hash(Path(where), named_hash, quiet=quiet, as_json=as_json)
    if "://" in where and manifest_path is None:
        return _check_site(where, trust_root, ca_file, quiet=quiet, as_json=as_json)
    EXISTING_FOLDER.convert(where, None, None)
    found = _locate(long_path(Path(where)), manifest_path)
    if found is None:
        return _check_site(where, trust_root, ca_file, quiet=quiet, as_json=as_json)
    if trust_root:
        raise ConfigError(
            f"a root vouches for a published site, but {where} holds one package",
            remedy="Leave --trust-root out: the manifest says what the package must be.",
        )
    folder, manifest = found
    return _check_folder(folder, manifest, quiet=quiet, as_json=as_json)


def _ask_for_manifest(package: str, sources: tuple[str, ...], ca_file: str) -> Manifest:
    """What endpoints say of a package."""
    from dlcore.cli.ending.loop import run_async  # late, as all here: other checks need no HTTP
    from dlcore.engine.fetching.access import Access
    from dlcore.engine.fetching.describing import manifest_of

    return run_async(manifest_of(package, sources, Access(ca_file=ca_file)))


def _check_folder(folder: Path, manifest: Manifest, *, quiet: bool, as_json: bool) -> int:
    with contextlib.closing(open_view(quiet=quiet)) as view:
        total_bytes = manifest.content_bytes
        found = verify_tree(
            folder, manifest, progress=lambda done: view.progress("read", done, total_bytes)
        )
    bad = _without_folders(found)
    for item in bad:
        _log.error("%s", _format_bad(item))
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
            say(_format_bad(item))
        verdict = counted(len(bad), "fault") if bad else "all verified"
        say(
            f"{manifest.package_id} version {manifest.version}: "
            f"{counted(len(manifest.files), 'file')}, {amount(total_bytes)}: {verdict}"
        )
    return IntegrityError.exit_status if bad else 0


def _without_folders(found: list[Bad]) -> list[Bad]:
    """The differences, without folders that differ only by the files that are named."""
    folders = {
        (item.path[:end], item.reason)
        for item in found
        for end, character in enumerate(item.path)
        if character == "/"
    }
    return [
        item
        for item in found
        if item.reason not in _WHOLE or (item.path, item.reason) not in folders
    ]


def _format_bad(item: Bad) -> str:
    place = f" at offset {item.offset_bytes}" if item.reason in _HAVE_A_PLACE else ""
    return f"{item.path}: {item.reason.value}{place}"


def _check_site(
    where: str, trust_root: Path | None, ca_file: str, *, quiet: bool, as_json: bool
) -> int:
    from dlcore.publish import verify_site

    with contextlib.closing(open_view(quiet=quiet)) as view:
        report = verify_site(
            where,
            trust_root=trust_root,
            ca_file=ca_file,
            progress=lambda done, total: view.progress("read", done, total),
        )
    for fault in report.faults:
        _log.error("%s", _in_words(fault))
    if as_json:
        show_json({"site": where, "verified": not report.faults, **msgspec.to_builtins(report)})
        return IntegrityError.exit_status if report.faults else 0
    for fault in report.faults:
        say(_in_words(fault))
    for key in report.unreferenced or ():
        say(f"{key}: not needed by any package (not a fault)")
    verdict = counted(len(report.faults), "fault") if report.faults else "all verified"
    say(
        f"{counted(report.packages, 'package')}, {counted(report.objects, 'object')}, "
        f"{amount(report.content_bytes)}: {verdict}"
    )
    return IntegrityError.exit_status if report.faults else 0


def _in_words(fault: SiteFault) -> str:
    from dlcore.publish import Wrong

    package = f"{fault.package_id}: " if fault.package_id else ""
    text = f"{package}{fault.key}: {fault.wrong.value}"
    if fault.blocks is not None:
        if fault.wrong is Wrong.MISMATCH:
            text += f" at offset {fault.offset_bytes}"
        first, end = fault.blocks
        text += f" (block {first})" if end - first == 1 else f" (blocks {first} to {end - 1})"
    if fault.files:
        more = len(fault.files) - MAX_NAMED_FILES
        text += f": {', '.join(fault.files[:MAX_NAMED_FILES])}"
        text += f" and {more} more files" if more > 0 else ""
    return f"{text}: {fault.message}" if fault.message else text


def _locate(folder: Path, manifest_path: Path | None) -> tuple[Path, Manifest] | None:
    """The content and what it should be; None for a published site."""
    if manifest_path is None:
        if (folder / KEPT).is_file() and (folder / "content").is_dir():
            manifest_path, folder = folder / KEPT, folder / "content"
        elif (folder.parent / KEPT).is_file() and folder.name == "content":
            manifest_path = folder.parent / KEPT
        elif (folder / CATALOG_KEY).is_file():
            return None
        else:
            raise NotFoundError(
                f"{folder} has neither a manifest of its content nor a catalog",
                remedy="Name a manifest with --manifest.",
            )
    return folder, load_manifest(manifest_path)
