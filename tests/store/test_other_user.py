"""What root would not notice: files and folders that this user has no right to."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from dlcore.errors import StorageError
from dlcore.store import Store, verify_tree
from tests.store.helpers import Package, make_package
from tests.users import ORDINARY, folder_of, give, run_as_ordinary_user

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="users and modes are POSIX's")

PACKAGE = make_package()


def lay_out(package: Package, folder: Path) -> None:
    """Write a package's files, as a user who may read them."""
    for path in ("empty/inner", "a", "b/c"):
        (folder / path).mkdir(parents=True, exist_ok=True)
    for path, data in package.contents.items():
        (folder / path).write_bytes(data)


@pytest.mark.parametrize("path", ["long.bin", "b/c", "."])
def test_what_may_not_be_read_is_an_error_and_never_verified(path: str) -> None:
    """Fault: a file or folder may not be read. dlcore raises, and says nothing is verified."""

    def work(folder: Path) -> None:
        lay_out(PACKAGE, folder)
        assert verify_tree(folder, PACKAGE.manifest) == []
        mode = (folder / path).stat().st_mode
        (folder / path).chmod(0)
        try:
            with pytest.raises(StorageError, match="Permission denied"):
                verify_tree(folder, PACKAGE.manifest)
        finally:
            (folder / path).chmod(mode)

    with folder_of(ORDINARY) as folder:
        run_as_ordinary_user(lambda: work(folder))


def test_a_state_folder_that_may_not_be_made_is_named() -> None:
    """Fault: this user may not write there. dlcore says so, and what to do."""
    with folder_of(ORDINARY) as folder:
        (folder / "closed").mkdir(mode=0o555)
        if os.geteuid() == 0:
            give(folder / "closed", ORDINARY)

        def work() -> None:
            with pytest.raises(StorageError, match="Permission denied") as refused:
                Store.open(folder / "closed" / "state")
            assert "right to write" in refused.value.remedy

        run_as_ordinary_user(work)
