"""Verdicts on the state directory and the disk that it is on."""

from __future__ import annotations

from pathlib import Path

from dlcore.deployment import Check, CheckOutcome
from dlcore.disk.faults import storage_error
from dlcore.disk.trial import LONG_NAME, LONG_PATH, Trial
from dlcore.engine.numbers_for_people import amount
from dlcore.errors import DlcoreError
from dlcore.long_path import plain_path
from dlcore.store import Reserve, Space

_REMOTE = "locks and syncs are as good as its server, and blocks travel twice"
_GONE = "it is lost at a restart, and a run cannot continue after one"
_SMALL = "no file there is longer than 4 GiB"
_WEAK = {
    **dict.fromkeys(("nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "afs", "ceph"), _REMOTE),
    **dict.fromkeys(("tmpfs", "ramfs"), _GONE),
    **dict.fromkeys(("vfat", "msdos", "FAT", "FAT32"), _SMALL),
}
_ON_LOCAL_DISK = "Choose a state directory on a local disk, with --state."


def rights(state: Path, refusal: DlcoreError | None) -> Check:
    """Nobody else can alter the state directory.

    Args:
        state: The state directory.
        refusal: Why it is not used; None if it is, or will be made there.
    """
    if refusal:
        return Check("state-rights", CheckOutcome.FAILED, refusal.message, refusal.remedy)
    detail = f"no other user can alter {plain_path(state)}"
    return Check("state-rights", CheckOutcome.PASSED, detail)


def room(space: Space, reserve: Reserve) -> Check:
    """There is more free space than what is left free."""
    reserve_bytes = reserve.of(space.disk_bytes)
    detail = (
        f"{amount(space.free_bytes)} of {amount(space.disk_bytes)} are free, and "
        f"{amount(reserve_bytes)} of these are to stay free"
    )
    if space.free_bytes > reserve_bytes:
        return Check("free-space", CheckOutcome.PASSED, detail)
    remedy = "Make room there, or set content.reserve to less."
    return Check("free-space", CheckOutcome.FAILED, detail, remedy)


def file_system(kind: str) -> Check:
    """The file system is one that keeps what was written.

    Args:
        kind: As the system names it; empty if that is not known.
    """
    if not kind:
        return Check("file-system", CheckOutcome.NOT_EXAMINED, "this system does not name it")
    if kind in _WEAK:
        detail = f"{kind}: {_WEAK[kind]}"
        return Check("file-system", CheckOutcome.WARNING, detail, _ON_LOCAL_DISK)
    return Check("file-system", CheckOutcome.PASSED, kind)


def writing(folder: Path, trial: Trial) -> Check:
    """A file can be written, synced and renamed."""
    if trial.fault:
        error = storage_error(trial.fault, "write there", folder)
        return Check("writing", CheckOutcome.FAILED, error.message, error.remedy)
    resume = (
        "an interrupted download reads back only what was written"
        if trial.is_told
        else "an interrupted download reads all of its files back"
    )
    return Check("writing", CheckOutcome.PASSED, f"written, synced and renamed; {resume}")


def long_names(trial: Trial) -> Check:
    """A name may be as long as other file systems allow."""
    return _tried("long-names", trial, trial.name_fault, f"names of {LONG_NAME} characters")


def long_paths(trial: Trial) -> Check:
    """A path may be longer than 260 characters."""
    return _tried("long-paths", trial, trial.path_fault, f"paths of {LONG_PATH} characters")


def _tried(name: str, trial: Trial, fault: OSError | None, what: str) -> Check:
    if trial.fault:
        return Check(name, CheckOutcome.NOT_EXAMINED, "nothing can be written there")
    if fault is None:
        return Check(name, CheckOutcome.PASSED, f"{what} can be used")
    detail = (
        f"{what} are refused: {fault.strerror or fault}; packages that have some cannot be kept"
    )
    remedy = "Choose a state directory with a shorter path, or on another file system."
    return Check(name, CheckOutcome.WARNING, detail, remedy)
