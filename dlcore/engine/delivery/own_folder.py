"""A target that is a folder of its own: the package and nothing else.

Guarantees: only what `look` has seen is replaced. Whoever puts something into the folder, or alters
it there, while the package arrives, has it there still; then the delivery is refused.
"""

from __future__ import annotations

import logging
from pathlib import Path

from dlcore.disk.faults import guarded, storage_error
from dlcore.disk.generation import generation_at
from dlcore.disk.links import is_file, is_folder
from dlcore.disk.ownership import is_of_another
from dlcore.disk.rights import rights_of_new_folder
from dlcore.engine.delivery.apart import check_holds_none
from dlcore.engine.delivery.deliveries import Delivered, Deliveries
from dlcore.engine.delivery.state_folder import has_content, remove_state, state_folder
from dlcore.engine.delivery.target import (
    Disk,
    Look,
    Standing,
    foreign_files_error,
    format_names,
    is_unrelated,
    place_of_delivery,
)
from dlcore.errors import ConfigError, StorageError
from dlcore.model import Manifest
from dlcore.package_ids import LOCAL_ID
from dlcore.store import Bad, Reason, verify_tree

_log = logging.getLogger(__name__)

_Identity = tuple[int, int, int, int]
"""Inode, mode, length, time of modification."""


class OwnFolder:
    """A folder that is the package. Implements `Target`.

    Args:
        folder: As the user names it.
        deliveries: What dlcore delivered before.
        disk: The disk.
        keeps_all: Whether what is dlcore's and not in the manifest is refused, not removed: the
            manifest is that of some files of the package.

    Raises:
        ConfigError: The folder cannot have this name, or is in a state directory.
        OwnershipError: Another user has planted a link on the way to it.
    """

    def __init__(
        self,
        folder: Path,
        deliveries: Deliveries,
        disk: Disk | None = None,
        *,
        keeps_all: bool = False,
    ) -> None:
        self.path = self.source = place_of_delivery(folder)
        self.state = state_folder(self.path)
        self._replaced = self.state / "replaced"
        self._deliveries = deliveries
        self._keeps_all = keeps_all
        self._disk = disk or Disk()
        self._seen: dict[str, _Identity] = {}
        self._left: StorageError | None = None  # why what was replaced before is still there

    # What is there

    def look(self, manifest: Manifest) -> Look:
        """Hash what is in the folder; what another user owns is to be replaced, though right."""
        with guarded(f"look at {self.path}", self.path):
            self._check_no_mount_point(manifest)
            self._check_kind()
            self._seen = self._identities(self.path)
            check_holds_none(self.path, self._seen)
            is_there = bool(self._seen)
            bad = verify_tree(self.path, manifest) if is_there else []
            if is_there and not bad and not self._is_of_another():
                return Look(Standing.RIGHT)
            if self._left:
                raise self._left
            if is_there:
                self._check_replaceable(manifest, bad)
            self._check_replaced(manifest)
            standing = Standing.REPAIRABLE if is_there else Standing.NOTHING
            return Look(standing, self._differing(manifest, bad))

    def _differing(self, manifest: Manifest, bad: list[Bad]) -> tuple[Bad, ...]:
        """What differs, without files of this version that dlcore was never asked to put here."""
        put = self._find_delivery()
        if put is None or (put.package, put.version) != (manifest.package_id, manifest.version):
            return tuple(bad)
        known = put.files | put.folders
        return tuple(each for each in bad if each.reason != Reason.MISSING or each.path in known)

    def _is_of_another(self) -> bool:
        """Whether another user owns any of it: right now, it may be altered the moment after."""
        return is_of_another(self.path, self.path.lstat()) or any(
            is_of_another(self.path / name, status)
            for name, status in self._disk.tree_entries(self.path)
        )

    def _check_replaceable(self, manifest: Manifest, bad: list[Bad]) -> None:
        put = self._find_delivery()
        delivered = put if put and put.is_of(manifest) else None
        if self._keeps_all:
            self._check_nothing_is_lost(bad)
        strange = [item.path for item in bad if self._is_strange(item, delivered)]
        if strange:
            raise foreign_files_error(self.path, manifest, strange)
        if put and LOCAL_ID not in (put.package, manifest.package_id) and not delivered:
            raise _other_package_error(self.path, put, manifest)
        if delivered is None and is_unrelated(manifest, bad) and self._has_bytes():
            others = dict.fromkeys(item.path for item in bad if item.reason != Reason.MISSING)
            raise ConfigError(
                f"{self.path} holds nothing of package {manifest.package_id} version"
                f" {manifest.version}, only other files of the same names, and dlcore did not put"
                f" them there: {format_names(others)}",
                remedy="Move them away, or name a folder that does not exist or is empty.",
            )

    def _check_nothing_is_lost(self, bad: list[Bad]) -> None:
        more = [item.path for item in bad if item.reason is Reason.UNEXPECTED]
        if more:
            raise ConfigError(
                f"{self.path} holds more than the patterns select: {format_names(more)}",
                remedy="Fetch without patterns or with wider ones, or name another folder.",
            )

    def _check_replaced(self, manifest: Manifest) -> None:
        """Refuse to go on while an earlier delivery left what is not dlcore's."""
        strange = self._strange_in_replaced(manifest)
        if strange:
            raise foreign_files_error(self._replaced, manifest, strange)

    def _check_no_mount_point(self, manifest: Manifest) -> None:
        if self._disk.is_mount_point(self.path):
            raise ConfigError(
                f"{self.path} is a mount point, which a package cannot replace",
                remedy=f"Name a folder in it, such as {self.path / manifest.package_id}.",
            )

    def _check_kind(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise ConfigError(
                f"{self.path} is not a folder, but a package is one",
                remedy="Name a folder that does not exist or is empty.",
            )

    def _check_unchanged(self, folder: Path, manifest: Manifest) -> None:
        """Refuse to replace a folder that is not as it was when it was looked at."""
        is_other = not is_folder(folder.lstat())
        now = {} if is_other else self._identities(folder)
        changed = sorted({path for path, _ in self._seen.items() ^ now.items()})
        if is_other or changed:
            raise ConfigError(
                f"{self.path} was altered while package {manifest.package_id} arrived, and was not"
                f" replaced: {format_names(changed) or 'it is not a folder any more'}",
                remedy="Move away what is yours, and run again.",
            )

    def _identities(self, folder: Path) -> dict[str, _Identity]:
        """What tells whether anything below a folder is another thing now, or was written to."""
        if self._disk.status(folder) is None:
            return {}
        return {
            path: (status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns)
            for path, status in self._disk.tree_entries(folder)
        }

    def _is_strange(self, item: Bad, delivered: Delivered | None) -> bool:
        if item.reason not in (Reason.UNEXPECTED, Reason.NOT_A_FILE):
            return False
        status = self._disk.status(self.path / item.path)
        return status is not None and not (delivered and delivered.owns(item.path, status))

    def _has_bytes(self) -> bool:
        return any(
            is_file(status) and status.st_size for _, status in self._disk.tree_entries(self.path)
        )

    def _find_delivery(self) -> Delivered | None:
        """What dlcore put here, if that is what is here."""
        status = self._disk.status(self.path)
        if status is None:
            return None
        return self._deliveries.find(self.path, status.st_ino, generation_at(self.path))

    # Delivery

    def deliver(self, content: Path, manifest: Manifest) -> None:
        """Exchange the folder for the content folder, in one step where the system has it."""
        with guarded(f"put the package at {self.path}", self.path.parent):
            if self._disk.status(self.path) is not None:
                self._check_unchanged(self.path, manifest)
            rights = rights_of_new_folder(self.path, self.state)
            self._disk.hand_over(content, manifest, rights)
            delivered = Delivered.at(content, manifest)
            self._deliveries.begin(self.path, self._find_delivery(), delivered)
            if self._disk.status(self.path) is None:
                self._disk.move_to_free_name(content, self.path)
            elif self._disk.exchange(content, self.path):
                self._keep_exchanged(content, manifest)
            else:
                self._deliver_in_two_steps(content, manifest)
            self._disk.sync_folder(self.path.parent)

    def _keep_exchanged(self, content: Path, manifest: Manifest) -> None:
        """Give what was replaced its name, or undo the exchange if it is not what was seen."""
        try:
            self._check_unchanged(content, manifest)
        except ConfigError:
            self._disk.exchange(content, self.path)
            raise
        self._disk.sync_folder(self.path.parent)
        self._disk.move_to_free_name(content, self._replaced)

    def _deliver_in_two_steps(self, content: Path, manifest: Manifest) -> None:
        self._disk.move_to_free_name(self.path, self._replaced)
        try:
            self._check_unchanged(self._replaced, manifest)
            self._disk.sync_folder(self.state)
            self._disk.move_to_free_name(content, self.path)
        except (OSError, ConfigError):
            self._disk.move_to_free_name(self._replaced, self.path)
            raise

    # Recovery

    def recover(self, manifest: Manifest) -> None:
        """Finish what a delivery that was broken off had begun, or put the folder back."""
        with guarded(f"put {self.path} back", self.path.parent):
            self._find_exchanged()
            if self._disk.status(self._replaced) is None:
                return
            if self._disk.status(self.path) is None:
                self._disk.move_to_free_name(self._replaced, self.path)
                self._disk.sync_folder(self.path.parent)
            elif not self._strange_in_replaced(manifest):
                self._remove_replaced()

    def _remove_replaced(self) -> None:
        """Delete what an earlier delivery replaced; what is there may be right without that."""
        try:
            self._disk.remove_tree(self._replaced)
        except PermissionError as error:
            left = self._disk.clear(self._replaced)
            if left is not None:
                error.filename = str(left)
                doing = f"delete what was at {self.path} before it was repaired"
                self._left = storage_error(error, doing, left)

    def _find_exchanged(self) -> None:
        """Give what was replaced its name, if the process died right after the exchange.

        Else it would be taken for finished content, and refused for its names.
        """
        replaced = {item.inode for item in self._deliveries.all(self.path)[:-1]}
        for content in self.state.glob("packages/*/content"):
            status = self._disk.status(content)
            if status is not None and status.st_ino in replaced:
                self._disk.move_to_free_name(content, self._replaced)

    def end(self, manifest: Manifest) -> None:
        """Delete the state folder, and note what is delivered."""
        self.discard(manifest)
        with guarded(f"look at {self.path}", self.path):
            if has_content(self.state):  # as long as it has what was replaced, that stays noted
                return
            if len(self._deliveries.all(self.path)) > 1:
                # Else a loss of power could bring it back when nothing tells any more whose it is.
                is_there = self._disk.status(self.state) is not None  # it has the lock
                self._disk.sync_folder(self.state if is_there else self.path.parent)
            delivered = Delivered.at(self.path, manifest)
        self._deliveries.end(self.path, delivered)

    def discard(self, manifest: Manifest) -> None:
        """Delete the state folder, unless it has what was in the folder and is not dlcore's."""
        with guarded(f"look at {self.state}", self.state):
            strange = self._strange_in_replaced(manifest)
            is_away = self._disk.status(self.path) is None
            if is_away and self._disk.status(self._replaced) is not None:
                strange = [self._replaced.name]
        if strange:
            _log.warning(
                "%s is kept: it has files that are not dlcore's: %s",
                self.state,
                format_names(strange),
            )
        else:
            remove_state(self.state)

    def _strange_in_replaced(self, manifest: Manifest) -> list[str]:
        """Names in the replaced folder that were not there when it was looked at."""
        known = [Delivered.of(manifest, 0), *self._deliveries.all(self.path)]
        status = self._disk.status(self._replaced)
        if status is None:
            return []
        if not is_folder(status):
            return [self._replaced.name]
        return [
            path
            for path, status in self._disk.tree_entries(self._replaced)
            if not any(each.owns(path, status) for each in known)
        ]


def _other_package_error(folder: Path, put: Delivered, manifest: Manifest) -> ConfigError:
    return ConfigError(
        f"{folder} holds package {put.package} version {put.version}, which dlcore put there, and"
        f" not package {manifest.package_id}",
        remedy="Move that away, or name a folder that does not exist or is empty.",
    )
