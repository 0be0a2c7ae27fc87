"""A target that is a single file in a folder, beside whatever else is there."""

from __future__ import annotations

import logging
from pathlib import Path

from dlcore.disk.faults import guarded
from dlcore.disk.generation import generation_at
from dlcore.disk.links import is_file
from dlcore.disk.ownership import check_not_of_another
from dlcore.disk.rights import rights_of_new_file
from dlcore.engine.delivery.deliveries import Delivered, Deliveries
from dlcore.engine.delivery.state_folder import remove_state, state_folder
from dlcore.engine.delivery.target import Disk, Look, Standing, place_of_delivery
from dlcore.errors import ConfigError
from dlcore.model import Manifest
from dlcore.store import verify_tree

_log = logging.getLogger(__name__)


class OneFile:
    """A file beside others. Implements `Target`.

    Args:
        folder: As the user names it.
        name: Of the file.
        deliveries: What dlcore delivered before.
        disk: The disk.
        modified_ns: The time of modification that a delivered file gets, in nanoseconds since 1970;
            None for that of its delivery. A file that is right already keeps its own.

    Raises:
        ConfigError: The file cannot have this name, or the folder is in a state directory.
        OwnershipError: Another user has planted a link on the way to it.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        deliveries: Deliveries,
        disk: Disk | None = None,
        *,
        modified_ns: int | None = None,
    ) -> None:
        self.source = place_of_delivery(folder)
        self.path = self.source / name
        self.state = state_folder(self.path)
        self._deliveries = deliveries
        self._disk = disk or Disk()
        self._modified_ns = modified_ns

    def look(self, manifest: Manifest) -> Look:
        """Hash the file."""
        with guarded(f"look at {self.path}", self.path):
            status = self._disk.status(self.path)
            if status is None:
                return Look(Standing.NOTHING)
            bad = verify_tree(self.source, manifest, strict=False)
            if not bad:
                check_not_of_another(self.path, status)
                return Look(Standing.RIGHT)
            if not is_file(status) or self._find_delivery(manifest) is None:
                raise ConfigError(
                    f"{self.path} is there already and is not what is to be fetched, and dlcore"
                    " did not put it there",
                    remedy="Move it away, or name another folder.",
                )
            return Look(Standing.REPAIRABLE, tuple(bad))

    def _find_delivery(self, manifest: Manifest) -> Delivered | None:
        """What dlcore put here of the same package, if that is what is here."""
        status = self._disk.status(self.path)
        if status is None:
            return None
        found = self._deliveries.find(self.path, status.st_ino, generation_at(self.path))
        return found if found and found.is_of(manifest) else None

    def deliver(self, content: Path, manifest: Manifest) -> None:
        """Rename the content's only file to the final name, over its own earlier one at most."""
        file = content / self.path.name
        with guarded(f"put the file at {self.path}", self.source):
            rights = rights_of_new_file(self.path, self.state)
            self._set_time(file)  # before all is synced
            self._disk.hand_over(content, manifest, rights)
            earlier = self._find_delivery(manifest)
            delivered = Delivered.at(file, manifest)
            self._deliveries.begin(self.path, earlier, delivered)
            if earlier is None:
                self._disk.move_to_free_name(file, self.path)
            else:
                self._disk.move(file, self.path)
            self._disk.sync_folder(self.source)

    def _set_time(self, file: Path) -> None:
        """Give the file its time, if one is said; a time alone stops no delivery."""
        if self._modified_ns is None:
            return
        try:
            self._disk.set_modified(file, self._modified_ns)
        except (OSError, OverflowError) as error:
            _log.warning("%s keeps the time of its delivery: %s", self.path, error)

    def recover(self, manifest: Manifest) -> None:
        """Nothing is ever moved away: a file replaces another in one step."""

    def end(self, manifest: Manifest) -> None:
        """Delete the state folder, and note what is delivered."""
        self.discard(manifest)
        with guarded(f"look at {self.path}", self.path):
            delivered = Delivered.at(self.path, manifest)
        self._deliveries.end(self.path, delivered)

    def discard(self, manifest: Manifest) -> None:
        """Delete the state folder."""
        remove_state(self.state)
