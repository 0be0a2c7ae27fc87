"""No token and no signature ever reaches a log, an error, a traceback or a repr."""

from __future__ import annotations

import gc
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcore.errors import TransferError
from dlcore.model import CATALOG_KEY, WebAccess
from dlcore.transfer import Endpoint, Keyring, open_endpoint, open_urls
from tests.transfer.access import read, secret_file
from tests.transfer.fakes import REGISTRATION, fake_cloud
from tests.transfer.hostile import HANG, Script, hostile
from tests.transfer.packages import Package
from tests.transfer.responses import FAULTS
from tests.transfer.sinks import Collector

CANARY = "canary"


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG):
        yield
    assert CANARY not in caplog.text
    for record in caplog.records:  # what a structured formatter could print
        assert CANARY not in f"{vars(record)}{record.args}"


def log_of(caplog: pytest.LogCaptureFixture) -> str:
    """What this room logged; a test that looks for secrets in no log at all cannot fail."""
    records = [r for r in caplog.records if r.name.startswith("dlcore.transfer")]
    return "\n".join(f"{record.levelname} {record.getMessage()}" for record in records)


def said(error: BaseException) -> str:
    """All that a program could print of an error, its hidden context included."""
    chain = []
    link: BaseException | None = error
    while link is not None:
        chain += [str(link), repr(link), str(link.args), *map(str, vars(link).values())]
        link = link.__cause__ or link.__context__
    return "".join([*chain, *traceback.format_exception(error)])


def tell_all(endpoint: Endpoint) -> str:
    return f"{endpoint!r}{endpoint}"


async def told_by(url: str, package: Package) -> str:
    """What can be printed where a range of a URL cannot be read."""
    endpoint = open_urls("edge", {package.manifest.objects[0].name: url})
    placement = await endpoint.locate(package.manifest)
    with pytest.raises(TransferError) as caught:
        await placement.read_range(0, 100, 150, Collector(50))
    await endpoint.aclose()
    return said(caught.value) + tell_all(endpoint)


@pytest.mark.parametrize("name", [n for n, (script, _) in FAULTS.items() if script.end != HANG])
async def test_a_fault_shows_no_signature(
    name: str, package: Package, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault K4: a request with a signature fails. dlcore shows the signature nowhere."""
    script = FAULTS[name][0]
    async with hostile(script) as server:
        assert CANARY not in await told_by(f"{server.url}/o?sv=1&sig={CANARY}", package)
    log = log_of(caplog)
    assert "DEBUG edge: GET http://localhost" in log
    assert "WARNING edge: GET http://localhost" in log
    assert "/o?***" in log


async def test_no_connection_shows_no_signature(package: Package) -> None:
    assert CANARY not in await told_by(f"https://host.invalid/o?sig={CANARY}", package)


@pytest.mark.parametrize("broken", ["token", "signature", "locations", "service"])
async def test_the_cloud_flow_shows_no_token_and_no_signature(
    package: Package,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    broken: str,
) -> None:
    assert CANARY in REGISTRATION
    monkeypatch.setenv("TOKEN", REGISTRATION)
    names = [wanted.name for wanted in package.manifest.objects]
    errors: list[BaseException] = []
    async with fake_cloud(dict(zip(names, package.contents, strict=True))) as cloud:
        settings = cloud.settings("edge", "TOKEN")
        endpoint = open_endpoint(settings)
        placement = await endpoint.locate(package.manifest)
        cloud.signatures += 1
        cloud.accept_token = broken != "token"
        cloud.accept_signature = broken != "signature"
        cloud.location_status = 500 if broken == "service" else 200
        if broken == "locations":
            cloud.reply_with(objects=[cloud.signature, cloud.token])
        for attempt in (
            placement.read_range(0, 0, 9, Collector(9)),
            endpoint.read_document(CATALOG_KEY, 9),
        ):
            with pytest.raises(TransferError) as caught:
                await attempt
            errors.append(caught.value)
        await endpoint.aclose()
    assert CANARY not in "".join(map(said, errors)) + tell_all(endpoint)
    log = log_of(caplog)
    assert "DEBUG edge: POST" in log
    assert "?***" in log
    assert "WARNING edge: " in log


async def test_nothing_alive_shows_a_credential_in_its_repr(
    package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault K4: an object that holds a credential is printed. dlcore shows no credential in any
    repr.
    """
    monkeypatch.setenv("TOKEN", REGISTRATION)
    names = [wanted.name for wanted in package.manifest.objects]
    async with fake_cloud(dict(zip(names, package.contents, strict=True))) as cloud:
        settings = cloud.settings("edge", "TOKEN")
        endpoint = open_endpoint(settings)
        await endpoint.locate(package.manifest)
        ours = [one for one in gc.get_objects() if is_ours(one)]
        await endpoint.aclose()
    assert len(ours) > 3
    assert not [type(one) for one in ours if CANARY in repr(one)]


def is_ours(thing: object) -> bool:
    return str(type(thing).__module__).startswith("dlcore.transfer")


@pytest.mark.parametrize("status", [401, 403, 407, 500])
async def test_a_login_and_headers_stay_secret(
    status: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault: a server refuses a login and repeats it. dlcore repeats none of it."""
    headers = secret_file(tmp_path, "headers", f"X-Key: {CANARY}\n")
    password = secret_file(tmp_path, "password", CANARY)
    web = WebAccess(user="anna", password_file=password, headers=(f"@{headers}",))
    refusal = Script.response(
        f"{status} {CANARY}", CANARY.encode(), Content_Length=str(len(CANARY)), X_Told=CANARY
    )
    async with hostile(refusal) as server:
        keyring = Keyring(web, server.url)
        with pytest.raises(TransferError) as caught:
            await read(f"{server.url}/o", keyring)
        assert any(CANARY.encode() in request for request in server.requests)
    assert CANARY not in f"{caught.value}{caught.value.remedy}{vars(caught.value)}{vars(keyring)}"
    assert log_of(caplog)
