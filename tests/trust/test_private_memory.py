"""What was verified is kept where no other user can turn it back."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dlcore.errors import OwnershipError
from dlcore.trust.memory import Memory


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
def test_a_memory_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    """Fault: others could turn back what was verified. dlcore refuses the folder by name."""
    folder = tmp_path / "trust"
    folder.mkdir(mode=0o700)
    assert Memory(folder, b"root").read() is None
    folder.chmod(0o777)
    with pytest.raises(OwnershipError, match=f"{folder} is writable by others"):
        Memory(folder, b"root").read()
