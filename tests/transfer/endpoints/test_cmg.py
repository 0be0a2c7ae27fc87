"""The cloud flow: who gets which credential, and how it is renewed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest

from dlcore.errors import AuthError, Fault, TransferError
from dlcore.model import CATALOG_KEY
from dlcore.transfer import Endpoint, Renewed, open_endpoint
from tests.transfer.fakes import REGISTRATION, FakeCloud, fake_cloud
from tests.transfer.packages import Package
from tests.transfer.sinks import Collector


class Client:
    """An endpoint on a clock of its own, and what it told its observer."""

    def __init__(self, cloud: FakeCloud) -> None:
        self.now_s = 0.0
        self.renewals: list[Renewed] = []
        self.renewed = asyncio.Event()
        settings = cloud.settings("cloud", "DLCORE_TEST_TOKEN")
        self.endpoint: Endpoint = open_endpoint(
            settings, observer=self.observe, clock=lambda: self.now_s
        )

    def observe(self, renewal: Renewed) -> None:
        self.renewals.append(renewal)
        self.renewed.set()


@pytest.fixture
async def cloud(package: Package, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeCloud]:
    monkeypatch.setenv("DLCORE_TEST_TOKEN", REGISTRATION)
    names = [wanted.name for wanted in package.manifest.objects]
    async with fake_cloud(dict(zip(names, package.contents, strict=True))) as cloud:
        yield cloud


@pytest.fixture
async def client(cloud: FakeCloud) -> AsyncIterator[Client]:
    client = Client(cloud)
    yield client
    await client.endpoint.aclose()


async def test_each_credential_goes_only_where_it_belongs(
    cloud: FakeCloud, client: Client, package: Package
) -> None:
    """Fault K5: a flow has several credentials and hosts. dlcore sends each credential only where
    it belongs.
    """
    placement = await client.endpoint.locate(package.manifest)
    sink = Collector(100)
    await placement.read_range(0, 0, 100, sink)
    assert sink.received == package.contents[0][:100]
    token, locations = cloud.asked_service
    assert token.headers["Authorization"] == f"Bearer {REGISTRATION}"
    assert locations.headers["Authorization"] == f"Bearer {cloud.token}"
    (storage,) = cloud.asked_storage
    assert "Authorization" not in storage.headers
    assert storage.raw_path.endswith("?sig=signature%2Fcanary%2B1")  # exactly as given


async def test_locations_that_storage_rejects_are_renewed_once_for_all_ranges(
    cloud: FakeCloud, client: Client, package: Package
) -> None:
    """Fault K1, G7: signed locations expire during a download. dlcore renews them once for all
    ranges.
    """
    placement = await client.endpoint.locate(package.manifest)
    cloud.signatures += 10  # what was given out is no longer accepted
    sinks = [Collector(50) for _ in range(20)]
    await asyncio.gather(*(placement.read_range(0, 0, 50, sink) for sink in sinks))
    assert all(sink.received == package.contents[0][:50] for sink in sinks)
    assert cloud.signatures == 12
    assert client.renewals == [Renewed("cloud", "locations", "rejected")]


async def test_locations_are_renewed_ahead_of_time_while_ranges_go_on(
    cloud: FakeCloud, client: Client, package: Package
) -> None:
    cloud.location_life_s = 100
    placement = await client.endpoint.locate(package.manifest)
    client.now_s = 91
    sink = Collector(50)
    await placement.read_range(0, 0, 50, sink)
    assert sink.received == package.contents[0][:50]
    await asyncio.wait_for(client.renewed.wait(), 5)
    assert client.renewals == [Renewed("cloud", "locations", "expiring")]


async def test_an_expired_token_is_renewed_on_the_way_to_new_locations(
    cloud: FakeCloud, client: Client, package: Package
) -> None:
    placement = await client.endpoint.locate(package.manifest)
    cloud.tokens += 5
    cloud.signatures += 5
    sink = Collector(50)
    await placement.read_range(0, 0, 50, sink)
    assert sink.received == package.contents[0][:50]
    assert client.renewals == [
        Renewed("cloud", "token", "rejected"),
        Renewed("cloud", "locations", "rejected"),
    ]


async def test_storage_that_never_accepts_is_an_auth_error_and_no_loop(
    cloud: FakeCloud, client: Client, package: Package
) -> None:
    placement = await client.endpoint.locate(package.manifest)
    cloud.accept_signature = False
    for _ in range(3):
        with pytest.raises(AuthError) as caught:
            await placement.read_range(0, 0, 50, Collector(50))
        assert caught.value.fault is Fault.AUTH
    assert cloud.signatures == 2


async def test_a_service_that_never_accepts_is_an_auth_error_and_no_loop(
    cloud: FakeCloud, client: Client, package: Package
) -> None:
    cloud.accept_token = False
    with pytest.raises(AuthError):
        await client.endpoint.locate(package.manifest)
    assert cloud.tokens == 2


async def test_a_registration_that_is_not_known_is_an_auth_error(
    cloud: FakeCloud, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLCORE_TEST_TOKEN", "unknown")
    with pytest.raises(AuthError):
        await client.endpoint.read_document(CATALOG_KEY, 1000)
    assert len(cloud.asked_service) == 1


@pytest.mark.parametrize(
    ("status", "fault", "requests"),
    [(403, Fault.AUTH, 2), (404, Fault.NOT_FOUND, 2), (503, Fault.BUSY, 2), (500, Fault.SERVER, 2)],
)
async def test_the_service_says_why_there_are_no_locations(
    cloud: FakeCloud,
    client: Client,
    package: Package,
    status: int,
    fault: Fault,
    requests: int,
) -> None:
    cloud.location_status = status
    with pytest.raises(TransferError) as caught:
        await client.endpoint.locate(package.manifest)
    assert caught.value.fault is fault
    assert len(cloud.asked_service) == requests


@pytest.mark.parametrize("what", ["token", "locations"])
@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_service_says_when_to_ask_again(
    cloud: FakeCloud, client: Client, package: Package, what: str, status: int
) -> None:
    placement = await client.endpoint.locate(package.manifest)
    cloud.refusal_headers = {"Retry-After": "17"}
    if what == "token":
        cloud.token_status, cloud.accept_token = status, False
    else:
        cloud.location_status = status
    cloud.accept_signature = False  # so that a range needs what the service does not give
    for asking in (
        client.endpoint.locate(package.manifest),
        placement.read_range(0, 0, 10, Collector(10)),
    ):
        with pytest.raises(TransferError) as caught:
            await asking
        assert (caught.value.fault, caught.value.retry_after_s) == (Fault.BUSY, 17.0)


async def test_only_objects_of_the_right_length_are_held(
    cloud: FakeCloud, client: Client, package: Package
) -> None:
    cloud.contents[package.manifest.objects[1].name] += b"!"
    del cloud.contents[package.manifest.objects[2].name]
    placement = await client.endpoint.locate(package.manifest)
    assert placement.held == set(range(len(package.contents))) - {1, 2}


async def test_a_service_without_any_object_does_not_hold_the_package(
    cloud: FakeCloud, client: Client, package: Package
) -> None:
    cloud.contents.clear()
    with pytest.raises(TransferError, match="ABC00012") as caught:
        await client.endpoint.locate(package.manifest)
    assert caught.value.fault is Fault.NOT_FOUND


@pytest.mark.parametrize(
    "url",
    [
        "http://storage.example/o?sig=canary",
        "ftp://127.0.0.1/o?sig=canary",
        "/o?sig=canary",
        "https://user:canary@storage.example/o",
        "https://storage.example/o\r\nX: canary",
    ],
)
async def test_a_location_that_is_not_exact_https_is_refused_and_not_repeated(
    cloud: FakeCloud, client: Client, package: Package, url: str
) -> None:
    wanted = package.manifest.objects[0]
    cloud.reply_with(objects={wanted.name: {"url": url, "length_bytes": wanted.length_bytes}})
    with pytest.raises(TransferError) as caught:
        await client.endpoint.locate(package.manifest)
    assert caught.value.fault is Fault.REFUSED
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:1/o",
        "https://localhost:1/o",
        "https://[::1]:1/o",
        "https://169.254.169.254/metadata",
        "https://10.0.0.5/o",
        "http://127.0.0.1:1/o",
        "https://storage.example/o",
    ],
)
@pytest.mark.parametrize("content_hosts", [(), ("*.contoso.com",)])
async def test_a_location_leads_only_where_the_settings_allow(
    cloud: FakeCloud, package: Package, url: str, content_hosts: tuple[str, ...]
) -> None:
    """Fault: a gateway's location leads to a private address. dlcore does not follow it."""
    if not content_hosts and "example" in url:
        pytest.skip("a public name is allowed by default")
    wanted = package.manifest.objects[0]
    cloud.reply_with(objects={wanted.name: {"url": url, "length_bytes": wanted.length_bytes}})
    settings = cloud.settings("cloud", "DLCORE_TEST_TOKEN")
    endpoint = open_endpoint(msgspec.structs.replace(settings, content_hosts=content_hosts))
    with pytest.raises(TransferError, match="content_hosts does not name") as caught:
        await endpoint.locate(package.manifest)
    await endpoint.aclose()
    assert caught.value.fault is Fault.REFUSED


async def test_a_name_that_turns_out_to_be_private_is_not_connected_to(
    cloud: FakeCloud, package: Package
) -> None:
    """Fault: a location's name resolves to this machine. dlcore refuses the connection itself."""
    wanted = package.manifest.objects[0]
    host = "0x7f000001"  # to ipaddress and to us a name, to the resolver 127.0.0.1
    url = f"https://{host}:{cloud.storage_url.rpartition(':')[2]}/{wanted.name}"
    cloud.reply_with(objects={wanted.name: {"url": url, "length_bytes": wanted.length_bytes}})
    settings = cloud.settings("cloud", "DLCORE_TEST_TOKEN")
    endpoint = open_endpoint(msgspec.structs.replace(settings, content_hosts=()))
    placement = await endpoint.locate(package.manifest)
    with pytest.raises(TransferError, match="the address is not public") as caught:
        await placement.read_range(0, 0, 10, Collector(10))
    await endpoint.aclose()
    assert caught.value.fault is Fault.REFUSED
    assert not cloud.asked_storage


@pytest.mark.parametrize("what", ["registration", "access"])
async def test_a_reply_that_repeats_a_credential_is_refused(
    cloud: FakeCloud, client: Client, package: Package, what: str
) -> None:
    """Fault: a gateway puts the token into a location. dlcore refuses it before it is logged."""
    await client.endpoint.locate(package.manifest)
    token = REGISTRATION if what == "registration" else cloud.token
    wanted = package.manifest.objects[0]
    url = f"{cloud.storage_url}/{token}/{wanted.name}"
    cloud.reply_with(objects={wanted.name: {"url": url, "length_bytes": wanted.length_bytes}})
    with pytest.raises(TransferError, match="it repeats a credential"):
        await client.endpoint.locate(package.manifest)


def in_json(text: str) -> str:
    return "".join(f"\\u{ord(character):04X}" for character in text)


def in_a_url(text: str) -> str:
    return "".join(f"%{ord(character):02x}" for character in text)


@pytest.mark.parametrize("what", ["access", "registration"])
@pytest.mark.parametrize("spelled", [in_json, in_a_url, lambda text: in_json(in_a_url(text))])
async def test_a_reply_that_spells_a_credential_otherwise_is_refused(
    cloud: FakeCloud, client: Client, package: Package, what: str, spelled: Callable[[str], str]
) -> None:
    """Fault: a gateway repeats the token, escaped as JSON or as a URL. dlcore refuses the reply."""
    await client.endpoint.locate(package.manifest)
    token = REGISTRATION if what == "registration" else cloud.token
    wanted = package.manifest.objects[0]
    url = f"{cloud.storage_url}/HERE/{wanted.name}"
    cloud.reply_with(objects={wanted.name: {"url": url, "length_bytes": wanted.length_bytes}})
    assert cloud.location_reply is not None
    cloud.location_reply = cloud.location_reply.replace(b"HERE", spelled(token).encode())
    with pytest.raises(TransferError, match="it repeats a credential"):
        await client.endpoint.locate(package.manifest)


@pytest.mark.parametrize("what", ["access", "registration"])
async def test_a_document_that_repeats_a_credential_is_refused(
    cloud: FakeCloud, client: Client, package: Package, what: str
) -> None:
    """Fault: a gateway puts the token into a catalog. dlcore refuses it before it is quoted."""
    await client.endpoint.locate(package.manifest)
    token = REGISTRATION if what == "registration" else cloud.token
    cloud.location_reply = f'{{"schema":1,"packages":{{"{token}":1}}}}'.encode()
    with pytest.raises(TransferError, match="it repeats a credential"):
        await client.endpoint.read_document(CATALOG_KEY, 1000)


@pytest.mark.parametrize(
    "change",
    [
        {"package_id": "ABC00013"},
        {"expires_in_s": 0},
        {"expires_in_s": -1},
        {"expires_in_s": 1e300},
        {"expires_in_s": "canary"},
        {"objects": ["canary"]},
        {"objects": {"canary": {"url": 5}}},
    ],
)
async def test_locations_of_another_form_are_refused_and_not_repeated(
    cloud: FakeCloud, client: Client, package: Package, change: dict[str, object]
) -> None:
    cloud.reply_with(**change)
    with pytest.raises(TransferError) as caught:
        await client.endpoint.locate(package.manifest)
    assert caught.value.fault is Fault.REFUSED
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("reply", [b"", b"<html>", b"{", b"[" * 100_000, b"\xff"])
async def test_a_reply_that_is_not_json_is_refused(
    cloud: FakeCloud, client: Client, package: Package, reply: bytes
) -> None:
    cloud.location_reply = reply
    with pytest.raises(TransferError) as caught:
        await client.endpoint.locate(package.manifest)
    assert caught.value.fault is Fault.REFUSED
