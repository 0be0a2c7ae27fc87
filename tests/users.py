"""Tests that act as other users: root may do everything, so as root they would prove nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

if sys.platform != "win32":  # loaded now: the other user may not be able to read Python's folder
    import grp  # noqa: F401
    import pwd  # noqa: F401

ORDINARY = 65534  # a user without rights; no account is needed
ADVERSARY = 65533  # another one

needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can act as other users"
)


def run_as(user: int | None, work: Callable[[], object]) -> None:
    """Call ``work`` in a child process as a user; fail with the child's traceback.

    Args:
        user: Id of the user; None for the one who runs the tests.
        work: What to do. Its umask, its user and its open files end with the child.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            if user is not None:
                os.setgroups([])
                os.setgid(user)
                os.setuid(user)
            work()
            os._exit(0)
        except BaseException:
            os.write(writer, traceback.format_exc().encode(errors="replace")[:60_000])
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        report = told.read().decode()
    _, status = os.waitpid(child, 0)
    if status:
        pytest.fail(report or f"the child ended with {status}", pytrace=False)


def run_as_ordinary_user(work: Callable[[], object]) -> None:
    """Call ``work`` in a child process as a user who is not root."""
    run_as(ORDINARY if os.geteuid() == 0 else None, work)


@contextlib.contextmanager
def folder_of(user: int | None, *, mode: int = 0o700) -> Iterator[Path]:
    """A temporary folder that belongs to a user: pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="dlcore-user-")).resolve()
    try:
        if user is not None and os.geteuid() == 0:
            os.chown(folder, user, user)
        folder.chmod(mode)
        yield folder
    finally:
        shutil.rmtree(folder)


def give(path: Path, user: int) -> Path:
    """Make a user the owner of what is at a path, links not followed."""
    os.chown(path, user, user, follow_symlinks=False)
    return path
