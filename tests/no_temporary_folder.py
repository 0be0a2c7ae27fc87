"""A machine whose folder for temporary files cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest


def take_away_temporary_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, a temporary file without a place of its own is an error.

    Python takes another folder if that of ``TMPDIR`` or ``TEMP`` is not there. The setting that it
    documents for programs has no such way out.

    Args:
        folder: Is not there, and must not be made.
        monkeypatch: Changes that setting.
    """
    assert not folder.exists()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
