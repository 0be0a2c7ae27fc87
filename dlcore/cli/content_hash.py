"""What ``dlcore verify --content-hash`` does: compares a folder with a package content hash."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

from dlcore.cli.live.views import open_view
from dlcore.cli.output import say, show_json
from dlcore.engine.documents.named_hash import check_named_hash
from dlcore.engine.numbers_for_people import counted
from dlcore.errors import IntegrityError
from dlcore.manifest import content_hash, has_content_hash
from dlcore.store import folder_digests

_log = logging.getLogger(__name__)


def check_content_hash(folder: Path, told: str, *, quiet: bool, as_json: bool) -> int:
    """Compare all of a folder with a package content hash.

    Args:
        folder: The package's files, and nothing else.
        told: The hash, as the user wrote it.
        quiet: Whether no progress is shown.
        as_json: Whether programs are told.

    Returns:
        The exit status.

    Raises:
        ConfigError: The text is not a content hash.
        UnexpectedContentError: A link or a special file is in the folder.
        StorageError: Something cannot be read.
    """
    check_named_hash(told)
    with contextlib.closing(open_view(quiet=quiet)) as view:
        found = folder_digests(
            folder, progress=lambda done, total: view.progress("read", done, total)
        )
    is_equal = has_content_hash(found, told)
    hash_ = told.upper() if is_equal else content_hash(found)
    files = counted(len(found.files), "file")
    verdict = "as given" if is_equal else f"not {told.upper()}"
    if as_json:
        show_json({"content_hash": hash_, "files": len(found.files), "verified": is_equal})
    else:
        say(f"{folder}: {files}, content hash {hash_}: {verdict}")
    if is_equal:
        return 0
    _log.error("%s: the content hash is %s, not %s", folder, hash_, told.upper())
    return IntegrityError.exit_status
