"""What a process may write is known without writing."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.disk.writable import check_may_write
from tests.users import folder_of, run_as_ordinary_user


@pytest.mark.posix_only(reason="modes")
def test_the_nearest_folder_that_exists_decides() -> None:
    with folder_of(None, mode=0o755) as folder:
        mine, closed = folder / "mine", folder / "closed"
        for each, mode in ((mine, 0o777), (closed, 0o555)):
            each.mkdir()
            each.chmod(mode)

        def look() -> None:
            check_may_write(mine / "a" / "b")
            check_may_write(mine)
            for path in (closed, closed / "a" / "b"):
                with pytest.raises(PermissionError):
                    check_may_write(path)

        run_as_ordinary_user(look)
        assert not any((*mine.iterdir(), *closed.iterdir()))


def test_nothing_is_made_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        check_may_write(tmp_path / "file" / "a")
