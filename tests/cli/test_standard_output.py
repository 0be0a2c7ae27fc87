"""Where a file waits that goes to standard output once it is verified."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcore.cli.standard_output import temporary_folder
from dlcore.errors import StorageError
from tests.no_temporary_folder import take_away_temporary_files


def test_a_missing_temporary_folder_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault D12: a file is to go to standard output, and no temporary folder can be used. dlcore
    names the variable that says where another one is.
    """
    take_away_temporary_files(tmp_path / "gone", monkeypatch)
    with pytest.raises(StorageError) as caught, temporary_folder():
        pass
    assert "TMPDIR" in caught.value.remedy
    assert str(tmp_path / "gone") in caught.value.message
