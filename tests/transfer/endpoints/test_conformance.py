"""Every endpoint, against a server as a user would have it."""

from __future__ import annotations

import pytest

from tests.transfer.conformance import Conformance
from tests.transfer.conftest import SOURCES


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("source", SOURCES, indirect=True)
class TestEveryEndpoint(Conformance):
    """All of the suite for each source and each receive path."""
