"""Every kind of endpoint, against a server such as users have."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dlcore.long_path import long_path
from dlcore.model import EndpointKind, EndpointSettings
from tests.library_points import point, serving_point
from tests.publish.library import file_of, write_library
from tests.transfer.access import secret_file
from tests.transfer.conformance import Conformance
from tests.transfer.conftest import SOURCES, WITH_WINDOWS_LOGIN, Source, logged_in
from tests.transfer.packages import MISSING, Package, make_whole_package

_NOT_ON_WINDOWS = pytest.mark.posix_only(
    reason="Windows' own NTLM treats a server on the same machine in another way"
)
PARAMETERS = [
    pytest.param(name, marks=_NOT_ON_WINDOWS) if name == WITH_WINDOWS_LOGIN else name
    for name in SOURCES
]


LIBRARIES = [
    "folder",
    "http",
    pytest.param(WITH_WINDOWS_LOGIN, marks=_NOT_ON_WINDOWS),
]


def test_every_kind_of_endpoint_has_a_source() -> None:
    """A content library has its own: it has no packed files."""
    assert set(SOURCES.values()) == set(EndpointKind) - {EndpointKind.CONTENT_LIBRARY}


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("source", PARAMETERS, indirect=True)
class TestEveryEndpoint(Conformance):
    """All of the suite for each source and each receive path."""


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    package = make_whole_package()
    root = write_library(long_path(tmp_path_factory.mktemp("library")), package.files())
    file_of(root, package.files()[MISSING]).unlink()
    return root


@pytest.mark.usefixtures("path")
class TestEveryContentLibrary(Conformance):
    """The same for content libraries, whose objects are whole files."""

    @pytest.fixture
    def package(self) -> Package:
        return make_whole_package()

    @pytest.fixture(params=LIBRARIES)
    def source(
        self,
        request: pytest.FixtureRequest,
        library: Path,
        tmp_path: Path,
    ) -> Source:
        name: str = request.param
        if name == WITH_WINDOWS_LOGIN:
            accounts = Path(secret_file(tmp_path, "accounts", "CORP:svc-dl:Pa55\n"))
            password = secret_file(tmp_path, "password", "Pa55\n")
            kind = EndpointKind.CONTENT_LIBRARY
            return lambda: logged_in(point(library), kind, accounts, password)
        return lambda: _library(name, library)


@asynccontextmanager
async def _library(name: str, library: Path) -> AsyncIterator[EndpointSettings]:
    kind = EndpointKind.CONTENT_LIBRARY
    if name == "folder":
        yield EndpointSettings(name, kind, str(library))
        return
    async with serving_point(point(library)) as url:
        yield EndpointSettings(name, kind, url)
