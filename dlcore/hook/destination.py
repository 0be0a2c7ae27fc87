"""Puts a package at the destination that Windows names.

Guarantees: what appears there was compared, block by block, with the manifest in this process, and
appears in one step; before that, an empty folder stays empty and a right one stays as it is.

It is always a copy. A hard link would be quicker, but the step may write into its folder, and would
write into the agent's store; other steps and later runs get their content from there.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from dlcore.disk.faults import guarded
from dlcore.disk.links import is_link
from dlcore.engine.delivery.copying import Copying
from dlcore.engine.delivery.deliveries import Deliveries
from dlcore.engine.delivery.delivering import deliver
from dlcore.engine.delivery.own_folder import OwnFolder
from dlcore.engine.delivery.target import Standing
from dlcore.errors import ConfigError, IntegrityError
from dlcore.hook.obtaining import Obtained
from dlcore.long_path import long_path
from dlcore.manifest import decode
from dlcore.store import Package
from dlcore.store.files import Files
from dlcore.store.manifest_file import read_manifest
from dlcore.waiting import in_thread


class AtDestination(NamedTuple):
    """What is at the destination now.

    Attributes:
        content_bytes: Length of all files.
        was_there: Whether it was there before, and right.
    """

    content_bytes: int
    was_there: bool


async def put_package(
    package_id: str, obtained: Obtained, destination: Path, records: Path, wait_s: float
) -> AtDestination:
    """Copy a package to its destination, unless it is there.

    Args:
        package_id: Its id.
        obtained: Where it is, and the digest of its manifest.
        destination: The folder that is to hold it. What dlcore did not put there is not replaced.
        records: Folder of the records of what dlcore put where.
        wait_s: How long to wait while another process copies to the same destination.

    Raises:
        IntegrityError: What was obtained is not the package; nothing was put there.
        ConfigError: Something is at the destination that is not the package's, or it is a link:
            Windows makes folders, and where a link leads somebody else may have decided.
        LockedError: Another process copies to the same destination.
        StorageError: The disk failed, or is full; what was there is there still.
    """
    await in_thread(_check_no_link, destination)
    package = await in_thread(_package, package_id, obtained)
    goal = await in_thread(OwnFolder, destination, Deliveries(records))
    copying = Copying(long_path(obtained.folder), package)
    look = await deliver(goal, package, copying, wait_s)
    return AtDestination(package.manifest.content_bytes, look.standing is Standing.RIGHT)


def _check_no_link(destination: Path) -> None:
    with guarded(f"look at {destination}", destination):
        try:
            status = long_path(destination).lstat()
        except FileNotFoundError:
            return
    if is_link(status):
        raise ConfigError(
            f"the destination {destination} is a link, and a package is put into a folder only",
            remedy="Remove the link, or name the folder that it leads to.",
        )


def _package(package_id: str, obtained: Obtained) -> Package:
    """The package by its manifest, which lies beside its files.

    Raises:
        IntegrityError: The manifest is not the one that the catalog names.
        StorageError: It cannot be read.
    """
    folder = long_path(obtained.folder).parent
    with guarded(f"read the manifest of package {package_id}", folder):
        document = read_manifest(Files(), folder, obtained.manifest_digest)
    if document is None:
        raise IntegrityError(
            f"the manifest of package {package_id} in {folder} is not the one that the catalog"
            " names",
            remedy="Something else writes to the state directory.",
        )
    manifest = decode(document, source=f"manifest of {package_id}")
    if manifest.package_id != package_id or obtained.version not in (None, manifest.version):
        raise IntegrityError(
            f"the manifest in {folder} is of package {manifest.package_id} version"
            f" {manifest.version}, and not of {package_id} version {obtained.version}"
        )
    return Package(manifest, document)
