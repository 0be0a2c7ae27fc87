"""What becomes of a test whose server is not installed."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Skip the test, or let it fail where ``DLCORE_REQUIRE_SERVERS=1`` says that all are there."""
    if os.environ.get("DLCORE_REQUIRE_SERVERS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
