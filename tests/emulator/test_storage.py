from __future__ import annotations

import urllib.parse
import xml.etree.ElementTree as ET
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp
import pytest

from dlcore.emulator import Emulator, Settings
from dlcore.model import object_key
from tests.emulator.helpers import LARGE, Answer, Client, Sample, Time, trusting


@pytest.fixture
async def url(client: Client, sample: Sample) -> str:
    return await client.url_of(sample, sample.large.name)


def code_of(answer: Answer) -> str:
    """The code of an error, which must be the same in the header and in the body."""
    code = str(answer.headers["x-ms-error-code"])
    assert ET.fromstring(answer.body).findtext("Code") == code
    return code


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=599999-599999", 599_999, 600_000),
        ("bytes=262143-262144", 262_143, 262_145),
        ("bytes=1000-524999", 1000, 525_000),
        ("bytes=599000-999999", 599_000, 600_000),
        ("bytes=590000-", 590_000, 600_000),
        ("bytes=0-599999", 0, 600_000),
    ],
)
async def test_a_range_is_exactly_what_was_asked(
    client: Client, url: str, header: str, start: int, end: int
) -> None:
    answer = await client.ask("GET", url, Range=header)
    assert answer.status == 206
    assert answer.body == LARGE[start:end]
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/600000"
    assert answer.headers["Content-Length"] == str(end - start)


async def test_without_a_range_the_whole_is_sent(client: Client, url: str) -> None:
    answer = await client.ask("GET", url)
    assert (answer.status, answer.body) == (200, LARGE)
    assert "Content-Range" not in answer.headers
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["x-ms-blob-type"] == "BlockBlob"
    parsedate_to_datetime(answer.headers["Last-Modified"])


async def test_the_etag_is_the_same_for_every_range(client: Client, url: str) -> None:
    answers = [await client.ask("GET", url, Range=f"bytes={at}-{at}") for at in (0, 5)]
    assert answers[0].headers["ETag"] == answers[1].headers["ETag"]
    assert answers[0].headers["ETag"].startswith('"0x')


async def test_azures_own_range_header_wins(client: Client, url: str) -> None:
    answer = await client.ask("GET", url, Range="bytes=0-9", x_ms_range="bytes=10-19")
    assert answer.body == LARGE[10:20]


async def test_a_range_behind_the_end_gets_416(client: Client, url: str) -> None:
    answer = await client.ask("GET", url, Range="bytes=600000-600001")
    assert answer.status == 416
    assert answer.headers["Content-Range"] == "bytes */600000"
    assert code_of(answer) == "InvalidRange"


async def test_head_gives_the_length_and_no_body(client: Client, url: str) -> None:
    answer = await client.ask("HEAD", url)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Length"] == "600000"


async def test_head_of_what_is_refused_has_no_body(client: Client, url: str) -> None:
    answer = await client.ask("HEAD", url + "x")
    assert (answer.status, answer.body) == (403, b"")
    assert answer.headers["x-ms-error-code"] == "AuthenticationFailed"


async def test_an_expired_signature_gets_403_as_azure_says_it(
    client: Client, url: str, time: Time
) -> None:
    time.now_s += 3599.9
    assert (await client.ask("GET", url, Range="bytes=0-0")).status == 206
    time.now_s += 0.2
    answer = await client.ask("GET", url, Range="bytes=0-0")
    assert answer.status == 403
    assert code_of(answer) == "AuthenticationFailed"
    detail = ET.fromstring(answer.body).findtext("AuthenticationErrorDetail") or ""
    assert detail.startswith("Signature not valid in the specified time frame: Expiry [")


async def test_a_wrong_or_missing_signature_gets_403(client: Client, url: str) -> None:
    path, _, query = url.partition("?")
    for wrong in (url[:-4] + "x%3D", path, f"{path}?{query.partition('&sig=')[0]}"):
        answer = await client.ask("GET", wrong)
        assert answer.status == 403
        assert code_of(answer) == "AuthenticationFailed"


async def test_a_signature_opens_one_path_only(client: Client, sample: Sample, url: str) -> None:
    other = sample.manifest.objects[0].name
    assert (await client.ask("GET", url.replace(sample.large.name, other))).status == 403
    assert (await client.ask("GET", url.replace("abc00012", "abc00013"))).status == 403


async def test_an_expiry_cannot_be_moved(client: Client, url: str) -> None:
    expiry = dict(urllib.parse.parse_qsl(url.partition("?")[2]))["se"]
    moved = url.replace(urllib.parse.quote(expiry, safe=""), "2999-01-01T00%3A00%3A00Z")
    assert moved != url
    assert (await client.ask("GET", moved)).status == 403


async def test_a_token_shown_to_the_storage_is_refused(client: Client, url: str) -> None:
    answer = await client.ask("GET", url, Authorization=f"Bearer {await client.token()}")
    assert answer.status == 400
    assert code_of(answer) == "InvalidAuthenticationInfo"


async def test_an_object_that_is_missing_on_disk_gets_404_and_a_log_line(
    client: Client, sample: Sample, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    (sample.folder / object_key(sample.large.name)).unlink()
    answer = await client.ask("GET", url)
    assert answer.status == 404
    assert code_of(answer) == "BlobNotFound"
    assert f"object {sample.large.name} is missing on disk" in caplog.text


async def test_an_object_that_shrinks_while_it_is_read_breaks_the_connection(
    sample: Sample, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = sample.folder / object_key(sample.large.name)

    class Cutting(Time):
        async def sleep(self, wait_s: float) -> None:
            path.write_bytes(LARGE[:300_000])
            await super().sleep(wait_s)

    time, settings = Cutting(), Settings(bandwidth_bytes_per_s=1e6)
    async with (
        Emulator(
            sample.folder, settings, state=tmp_path / "state", clock=time, sleep=time.sleep
        ) as emulator,
        aiohttp.ClientSession(connector=trusting(emulator.ca_file)) as session,
    ):
        client = Client(emulator, session)
        url = await client.url_of(sample, sample.large.name)
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.ask("GET", url)
        assert (await client.ask("GET", url)).body == LARGE[:300_000]
        assert emulator.counters.snapshot().ranges_served == 1
    assert "cannot be read to the end: 37856 of 262144 bytes at offset 262144" in caplog.text
