from __future__ import annotations

import hashlib

import aiohttp
import pytest

from dlcore.emulator import Emulator, Settings
from dlcore.model import CATALOG_KEY, EndpointKind, manifest_key, object_key
from tests.emulator.conftest import Started
from tests.emulator.helpers import (
    PACKAGE_ID,
    Client,
    Sample,
    Time,
    locations_path,
    parsed,
)

DOCUMENT = "/downloadrestservice.svc/document?key="
LOCATIONS = "/downloadrestservice.svc/getcontentxmlsecure"


async def test_the_registration_token_is_exchanged_for_an_access_token(
    emulator: Emulator, client: Client
) -> None:
    registration = emulator.registration_token_file.read_text().strip()
    path = "/ccm_system_TokenAuth/token"
    answer = await client.ask("POST", path, Authorization=f"Bearer {registration}")
    assert answer.status == 200
    assert parsed(answer).keys() == {"access_token", "expires_in_s"}
    assert parsed(answer)["expires_in_s"] == 28_800


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", "Basic d3Jvbmc=", "é"])
async def test_an_unknown_registration_token_gets_401(client: Client, authorization: str) -> None:
    path = "/ccm_system_TokenAuth/token"
    answer = await client.ask("POST", path, Authorization=authorization)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "registration token" in parsed(answer)["error"]


async def test_documents_are_sent_as_published(client: Client, sample: Sample) -> None:
    token = await client.token()
    catalog = await client.read(DOCUMENT + CATALOG_KEY, token)
    assert catalog.body == (sample.folder / CATALOG_KEY).read_bytes()
    assert catalog.headers["Content-Length"] == str(len(catalog.body))
    manifest = await client.read(DOCUMENT + manifest_key(sample.digest), token)
    assert hashlib.sha256(manifest.body).hexdigest() == sample.digest


@pytest.mark.parametrize(
    "key",
    [
        "",
        "manifests/" + "0" * 64 + ".json",
        "../state/registration-token",
        "manifests/../../state/server.pem",
        "/etc/passwd",
        "objects",
    ],
)
async def test_what_is_no_document_is_not_found(client: Client, key: str) -> None:
    assert (await client.read(DOCUMENT + key, await client.token())).status == 404


async def test_objects_are_not_documents(client: Client, sample: Sample) -> None:
    key = object_key(sample.large.name)
    assert (await client.read(DOCUMENT + key, await client.token())).status == 404


@pytest.mark.parametrize("path", [DOCUMENT + CATALOG_KEY, LOCATIONS + "?pid=a&cid=b"])
async def test_an_access_token_that_is_missing_wrong_or_expired_gets_401(
    client: Client, time: Time, path: str
) -> None:
    token = await client.token()
    assert (await client.read(path, token)).status in {200, 404}
    assert (await client.ask("GET", path)).status == 401
    assert (await client.read(path, token + "x")).status == 401
    time.now_s += 28_800
    assert (await client.read(path, token)).status == 401


async def test_locations_name_every_object_with_its_length(client: Client, sample: Sample) -> None:
    answer = parsed(await client.read(locations_path(sample), await client.token()))
    assert answer["package_id"] == PACKAGE_ID
    assert answer["expires_in_s"] == 3600
    assert {name: one["length_bytes"] for name, one in answer["objects"].items()} == {
        one.name: one.length_bytes for one in sample.manifest.objects
    }


@pytest.mark.parametrize("pid", ["ABC00013", "", "abc00012"])
async def test_a_package_that_is_not_here_is_not_found(
    client: Client, sample: Sample, pid: str
) -> None:
    path = f"{LOCATIONS}?pid={pid}&cid={sample.digest}"
    assert (await client.read(path, await client.token())).status == 404


@pytest.mark.parametrize("cid", ["0" * 64, "", "..", "ABC00012"])
async def test_a_version_that_is_not_here_is_not_found(client: Client, cid: str) -> None:
    path = f"{LOCATIONS}?pid={PACKAGE_ID}&cid={cid}"
    assert (await client.read(path, await client.token())).status == 404


async def test_an_object_that_is_missing_on_disk_has_no_location(
    client: Client, sample: Sample, caplog: pytest.LogCaptureFixture
) -> None:
    (sample.folder / object_key(sample.large.name)).unlink()
    answer = parsed(await client.read(locations_path(sample), await client.token()))
    assert list(answer["objects"]) == [sample.manifest.objects[0].name]
    assert f"{PACKAGE_ID}: 1 objects are missing on disk" in caplog.text


async def test_a_gateway_that_does_not_serve_content_says_so(
    started: Started, sample: Sample
) -> None:
    async with started(Settings(serve_content=False)) as (_, client):
        token = await client.token()
        answer = await client.read(locations_path(sample), token)
        assert answer.status == 503
        assert "not configured to serve content" in parsed(answer)["error"]
        assert (await client.read(DOCUMENT + CATALOG_KEY, token)).status == 200


async def test_a_damaged_manifest_is_our_fault_and_not_the_end(
    client: Client, sample: Sample, caplog: pytest.LogCaptureFixture
) -> None:
    path = sample.folder / manifest_key(sample.digest)
    document = path.read_bytes()
    token = await client.token()
    path.write_bytes(document[:-1])
    assert (await client.read(locations_path(sample), token)).status == 500
    assert manifest_key(sample.digest) in caplog.text
    path.write_bytes(document)
    assert (await client.read(locations_path(sample), token)).status == 200


async def test_a_cloud_distribution_point_is_the_same_service(
    started: Started, sample: Sample
) -> None:
    async with started(Settings(kind=EndpointKind.CLOUD_DP)) as (_, client):
        assert (await client.read(locations_path(sample), await client.token())).status == 200


async def test_nobody_is_served_who_does_not_trust_the_authority(emulator: Emulator) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(emulator.url)


async def test_counters_say_what_was_done(
    emulator: Emulator, client: Client, sample: Sample
) -> None:
    before = emulator.counters.snapshot()
    url = await client.url_of(sample, sample.large.name)
    await client.ask("GET", url, Range="bytes=100-299")
    await client.ask("GET", url + "x")
    await client.ask("GET", "/nowhere")
    await client.read(DOCUMENT + CATALOG_KEY, "wrong")
    counts = emulator.counters.snapshot()
    assert (counts.tokens_issued, counts.locations_issued) == (1, 1)
    assert (counts.ranges_served, counts.bytes_served, counts.document_bytes) == (1, 200, 0)
    assert counts.refused == {401: 1, 403: 1, 404: 1}
    assert (before.tokens_issued, before.refused) == (0, {})
