"""Every kind of endpoint, against a server such as users have."""

from __future__ import annotations

import pytest

from dlcore.model import EndpointKind
from tests.transfer.conformance import Conformance
from tests.transfer.conftest import SOURCES, WITH_WINDOWS_LOGIN

_NOT_ON_WINDOWS = pytest.mark.posix_only(
    reason="Windows' own NTLM treats a server on the same machine in another way"
)
PARAMETERS = [
    pytest.param(name, marks=_NOT_ON_WINDOWS) if name == WITH_WINDOWS_LOGIN else name
    for name in SOURCES
]


def test_every_kind_of_endpoint_has_a_source() -> None:
    """But a content library: it has no packed files (``test_content_library.py``)."""
    assert set(SOURCES.values()) == set(EndpointKind) - {EndpointKind.CONTENT_LIBRARY}


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("source", PARAMETERS, indirect=True)
class TestEveryEndpoint(Conformance):
    """All of the suite for each source and each receive path."""
