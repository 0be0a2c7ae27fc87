"""Errors travel to other processes as they are."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from dlcore.errors import (
    ConfigError,
    DlcoreError,
    ExhaustedError,
    Fault,
    IntegrityError,
    StorageError,
    TransferError,
    TrustError,
    TrustFault,
)

TRANSFER = TransferError("failed", fault=Fault.BUSY, endpoint="dp1", remedy="Wait.")
ERRORS = [
    TRANSFER,
    ConfigError("two", problems=(ConfigError("one"),), remedy="Correct it."),
    ExhaustedError("no endpoint is left", causes=(TRANSFER,)),
    IntegrityError("wrong", path="setup.exe", offset_bytes=7),
    StorageError("failed", path=Path("disk")),
    TrustError("refused", fault=TrustFault.ROLLBACK),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_arrives_in_another_process_with_all_that_it_tells(error: DlcoreError) -> None:
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    told, expected = vars(arrived), vars(error)
    assert told.keys() == expected.keys()
    assert all(repr(told[name]) == repr(expected[name]) for name in expected)
