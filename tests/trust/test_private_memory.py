"""What was verified is kept where no other user can turn it back."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.errors import OwnershipError
from dlcore.trust.memory import Memory
from tests.others import let_nobody_else, let_others_change


def test_a_memory_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    """Fault: others could turn back what was verified. dlcore refuses the folder by name."""
    folder = tmp_path / "trust"
    folder.mkdir()
    let_nobody_else(folder)
    assert Memory(folder, b"root").read() is None
    let_others_change(folder)
    with pytest.raises(OwnershipError, match="trust is writable by others"):
        Memory(folder, b"root").read()
