"""The package under test, and every source that serves it, by name."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import trustme

from dlcore.emulator import Counters, Emulator, Settings
from dlcore.emulator.distribution_point import DistributionPoint
from dlcore.emulator.library_point import LibraryPoint
from dlcore.emulator.ntlm_acceptor import NtlmAcceptor
from dlcore.emulator.published_folder import PublishedFolder
from dlcore.emulator.sender import Sender
from dlcore.model import Authentication, EndpointKind, EndpointSettings, WebAccess
from dlcore.transfer.http import direct, stall_timer
from dlcore.transfer.http.receive import PATH_VARIABLE
from tests import azurite as azurite_server
from tests import buckets, nginx
from tests.azurite import Azurite
from tests.others import touch_private
from tests.transfer.access import secret_file
from tests.transfer.bodies import Server
from tests.transfer.clock import Clock
from tests.transfer.packages import Package, make_package
from tests.transfer.windows_auth import WindowsGuard, serving

Source = Callable[[], AbstractAsyncContextManager[EndpointSettings]]

SOURCES = {
    "cmg": EndpointKind.CMG,
    "cloud-dp": EndpointKind.CLOUD_DP,
    "dp": EndpointKind.DP,
    "dp-negotiate": EndpointKind.DP,
    "blob": EndpointKind.BLOB,
    "nginx": EndpointKind.HTTP,
    "nginx-tls": EndpointKind.HTTP,
    "file": EndpointKind.FILE,
    "s3": EndpointKind.BUCKET,
    "gs": EndpointKind.BUCKET,
    "az": EndpointKind.BUCKET,
    "az-sas": EndpointKind.BUCKET,
}
"""Servers by name, and the kind of endpoint that the conformance suite tests with each."""

WITH_WINDOWS_LOGIN = "dp-negotiate"
"""The one of them that wants a login for each connection."""

PATHS = ["plain", "direct"]
_CONTAINER = "content"
_ON_EACH_LOOP = {
    *("test_responses.py", "test_broken_bodies.py", "test_conformance.py", "test_faults.py"),
    *("test_receive.py", "test_receive_path.py", "test_tls.py"),
}


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The event loops that a test runs on: uvloop's too, if it is installed, where it matters."""
    loops = {"asyncio": asyncio.new_event_loop}
    if item.path.name in _ON_EACH_LOOP and importlib.util.find_spec("uvloop"):
        loops["uvloop"] = importlib.import_module("uvloop").new_event_loop
    return loops


@pytest.fixture(params=PATHS)
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The receive path, forced."""
    name: str = request.param
    monkeypatch.setenv(PATH_VARIABLE, name)
    return name


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(params=["tcp", "tls"])
def server(
    request: pytest.FixtureRequest,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Server:
    server = Server()
    if request.param == "tls":
        server.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost").configure_cert(server.tls)
        server.ca_file = str(tmp_path / "ca.pem")
        authority.cert_pem.write_to_path(server.ca_file)
    real = direct.receive

    async def counted(*args: object) -> None:
        server.direct += 1
        await real(*args)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(direct, "receive", counted)
    return server


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of stall timers; it stands still until a test moves it."""
    clock = Clock()
    monkeypatch.setattr(stall_timer, "asyncio", SimpleNamespace(get_running_loop=lambda: clock))
    return clock


@pytest.fixture(scope="session")
def package() -> Package:
    return make_package()


@pytest.fixture(scope="session")
def published(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package.publish(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="session")
def nginx_url(published: Path) -> Iterator[str]:
    with nginx.running(published) as url:
        yield url


@pytest.fixture(scope="session")
def nginx_tls(
    published: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """Base URL and the file of the authority to trust."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate = authority.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    with nginx.running(published, certificate=folder / "server.pem") as url:
        yield url, folder / "ca.pem"


@pytest.fixture(scope="session")
def azurite(package: Package) -> Iterator[Azurite]:
    """A server that holds the package in a container."""
    with azurite_server.running() as server:
        server.create_container(_CONTAINER)
        for key, data in package.published().items():
            server.put_blob(_CONTAINER, key, data)
        yield server


@pytest.fixture(scope="session")
def s3_environment(package: Package) -> Iterator[dict[str, str]]:
    with buckets.s3(package.published()) as environment:
        yield environment


@pytest.fixture(scope="session")
def gs_environment(
    package: Package, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    with buckets.google(package.published(), tmp_path_factory.mktemp("google")) as environment:
        yield environment


@pytest.fixture
def source(
    request: pytest.FixtureRequest,
    published: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Source:
    """Settings of one endpoint while its server runs; parametrised with a name of `SOURCES`."""
    name: str = request.param
    kind = SOURCES[name]
    if kind is EndpointKind.BUCKET:
        pytest.importorskip("obstore")
        for variable, value in _environment(name, request).items():
            monkeypatch.setenv(variable, value)
        scheme = name.partition("-")[0]
        return lambda: _still(EndpointSettings(name, kind, f"{scheme}://{_CONTAINER}"))
    if name == WITH_WINDOWS_LOGIN:
        accounts = Path(secret_file(tmp_path, "accounts", "CORP:svc-dl:Pa55\n"))
        password = secret_file(tmp_path, "password", "Pa55\n")
        dp = DistributionPoint(
            PublishedFolder(published), Sender(None, time.monotonic, asyncio.sleep), Counters()
        )
        return lambda: logged_in(dp, kind, accounts, password)
    if kind in {EndpointKind.CMG, EndpointKind.CLOUD_DP, EndpointKind.DP}:
        return lambda: _emulated(kind, published, tmp_path / "state")
    return lambda: _still(_lasting(name, request, published, tmp_path))


def _environment(name: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """What the client of a bucket finds in its environment."""
    if name in {"s3", "gs"}:
        found: dict[str, str] = request.getfixturevalue(f"{name}_environment")
        return found
    server: Azurite = request.getfixturevalue("azurite")
    environment = server.environment()
    if name == "az-sas":  # with such a token the library signs nothing
        del environment["AZURE_STORAGE_ACCOUNT_KEY"]
        environment["AZURE_STORAGE_SAS_TOKEN"] = server.container_sas(_CONTAINER)
    return environment


@asynccontextmanager
async def _emulated(
    kind: EndpointKind, published: Path, state: Path
) -> AsyncIterator[EndpointSettings]:
    is_dp = kind is EndpointKind.DP
    settings = Settings(kind=EndpointKind.CMG if is_dp else kind, dp=is_dp)
    async with Emulator(published, settings, state=state) as emulator:
        if is_dp:
            yield EndpointSettings("dp", kind, emulator.dp_url)
        else:
            yield EndpointSettings(
                kind.value,
                kind,
                emulator.url,
                token_file=str(emulator.registration_token_file),
                ca_file=str(emulator.ca_file),
            )


@asynccontextmanager
async def logged_in(
    point: DistributionPoint | LibraryPoint,
    kind: EndpointKind,
    accounts: Path,
    password_file: str,
) -> AsyncIterator[EndpointSettings]:
    """A distribution point with Windows authentication: NTLM inside of Negotiate."""
    guard = WindowsGuard(lambda: NtlmAcceptor("Negotiate", accounts), schemes=("Negotiate",))
    async with serving(point.routes(), guard) as url:
        yield EndpointSettings(
            WITH_WINDOWS_LOGIN,
            kind,
            f"{url}/SMS_DP_SMSPKG$",
            web=WebAccess(
                authentication=Authentication.NEGOTIATE,
                user="CORP\\svc-dl",
                password_file=password_file,
            ),
        )


@asynccontextmanager
async def _still(settings: EndpointSettings) -> AsyncIterator[EndpointSettings]:
    yield settings


def _lasting(
    name: str, request: pytest.FixtureRequest, published: Path, tmp_path: Path
) -> EndpointSettings:
    """Settings of an endpoint whose server runs for the whole session."""
    if name == "file":
        return EndpointSettings(name, EndpointKind.FILE, str(published))
    if name == "nginx":
        return EndpointSettings(name, EndpointKind.HTTP, request.getfixturevalue("nginx_url"))
    if name == "nginx-tls":
        url, ca_file = request.getfixturevalue("nginx_tls")
        return EndpointSettings(name, EndpointKind.HTTP, url, ca_file=str(ca_file))
    server: Azurite = request.getfixturevalue("azurite")
    sas_file = tmp_path / "sas"
    touch_private(sas_file)
    sas_file.write_text(server.container_sas(_CONTAINER) + "\n")
    return EndpointSettings(
        name, EndpointKind.BLOB, f"{server.url}/{_CONTAINER}", sas_file=str(sas_file)
    )
