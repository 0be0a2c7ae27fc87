from __future__ import annotations

import xml.etree.ElementTree as ET
from email.utils import parsedate_to_datetime
from urllib.parse import unquote, urlsplit

import pytest

from dlcore.emulator import Emulator, Settings
from dlcore.model import manifest_key, object_key
from tests.emulator.conftest import Started
from tests.emulator.helpers import CONTENT, LARGE, PACKAGE_ID, Answer, Client, Sample

DAV = "{DAV:}"
ROOT = "/SMS_DP_SMSPKG$"
SETUP = f"{ROOT}/{PACKAGE_ID}/sccm?/setup.exe"


@pytest.fixture
def dp(emulator: Emulator) -> str:
    """The origin of the distribution point."""
    assert emulator.dp_url.endswith(ROOT)
    return emulator.dp_url.removesuffix(ROOT)


def listed(answer: Answer) -> dict[str, ET.Element]:
    """The properties of each response, by link."""
    assert answer.status == 207
    found = {}
    for response in ET.fromstring(answer.body):
        [prop] = response.iter(f"{DAV}prop")
        found[response.findtext(f"{DAV}href") or ""] = prop
    return found


def is_collection(prop: ET.Element) -> bool:
    return prop.findtext(f"{DAV}iscollection") == "1"


async def test_a_package_is_listed_one_folder_deep(client: Client, dp: str) -> None:
    answer = await client.ask("PROPFIND", f"{dp}{ROOT}/{PACKAGE_ID}", Depth="1")
    assert list(listed(answer)) == [
        f"{dp}{ROOT}/sccm?/{PACKAGE_ID}/",
        f"{dp}{ROOT}/{PACKAGE_ID}/sccm?/Drivers/",
        f"{dp}{ROOT}/{PACKAGE_ID}/sccm?/Logs/",
        f"{dp}{ROOT}/{PACKAGE_ID}/sccm?/setup.exe",
    ]


async def test_links_of_deeper_folders_and_files_follow_the_quirk(client: Client, dp: str) -> None:
    url = f"{dp}{ROOT}/{PACKAGE_ID}/Drivers/sccm?/Net/"
    assert list(listed(await client.ask("PROPFIND", url, Depth="1"))) == [
        url,
        f"{dp}{ROOT}/{PACKAGE_ID}/sccm?/Drivers/Net/Espa%C3%B1ol%20%26%20m%C3%A1s.txt",
        f"{dp}{ROOT}/{PACKAGE_ID}/sccm?/Drivers/Net/empty.txt",
    ]


async def test_properties_have_the_observed_shape(client: Client, dp: str) -> None:
    answer = await client.ask("PROPFIND", f"{dp}{ROOT}/{PACKAGE_ID}/", Depth="1")
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    props = list(listed(answer).values())
    folder, file = props[0], props[-1]
    names = "getcontenttype supportedlock getetag creationdate iscollection resourcetype ishidden"
    names += " displayname getlastmodified getcontentlanguage getcontentlength"
    for prop in props:
        assert [child.tag for child in prop] == [DAV + name for name in names.split()]
        assert prop.findtext(f"{DAV}getetag") == ""
    assert folder.find(f"{DAV}resourcetype/{DAV}collection") is not None
    assert folder.findtext(f"{DAV}displayname") == PACKAGE_ID
    assert file.find(f"{DAV}resourcetype/*") is None
    assert file.findtext(f"{DAV}displayname") == "setup.exe"
    assert file.findtext(f"{DAV}getcontentlength") == "600000"
    parsedate_to_datetime(file.findtext(f"{DAV}getlastmodified") or "")


async def test_depth_0_names_the_thing_itself(client: Client, dp: str) -> None:
    package = await client.ask("PROPFIND", f"{dp}{ROOT}/{PACKAGE_ID}", Depth="0")
    assert list(listed(package)) == [f"{dp}{ROOT}/sccm?/{PACKAGE_ID}/"]
    file = await client.ask("PROPFIND", f"{dp}{SETUP}", Depth="1")
    assert list(listed(file)) == [f"{dp}{SETUP}"]


async def test_following_the_links_as_they_stand_gives_every_file(client: Client, dp: str) -> None:
    found: dict[str, bytes] = {}
    folders = [f"{dp}{ROOT}/sccm?/{PACKAGE_ID}/"]
    while folders:
        url = folders.pop()
        for link, prop in listed(await client.ask("PROPFIND", url, Depth="1")).items():
            if not is_collection(prop):
                found[unquote(urlsplit(link).query[1:])] = (await client.ask("GET", link)).body
            elif link != url:
                folders.append(link)
    assert found == CONTENT


@pytest.mark.parametrize(
    "path",
    [
        f"{ROOT}/{PACKAGE_ID}/sccm?/setup.exe",
        f"{ROOT}/{PACKAGE_ID}/setup.exe",
        f"{ROOT}/sccm?/{PACKAGE_ID}/setup.exe",
        f"/NOCERT_SMS_DP_SMSPKG$/{PACKAGE_ID}/sccm?/SETUP.EXE",
        f"/sms_dp_smspkg%24/{PACKAGE_ID.lower()}/sccm?/setup%2Eexe",
    ],
)
async def test_a_file_is_found_under_every_spelling_of_its_path(
    client: Client, dp: str, path: str
) -> None:
    assert (await client.ask("GET", dp + path)).body == LARGE


async def test_a_range_of_a_packed_file_is_cut_out_of_its_object(client: Client, dp: str) -> None:
    url = f"{dp}{ROOT}/{PACKAGE_ID}/sccm?/Drivers/a%20100%25.inf"
    answer = await client.ask("GET", url, Range="bytes=1-7")
    assert (answer.status, answer.body) == (206, b"Version")
    assert answer.headers["Content-Range"] == "bytes 1-7/9"


async def test_answers_carry_a_date_and_no_etag(client: Client, dp: str) -> None:
    answer = await client.ask("HEAD", f"{dp}{SETUP}")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Length"] == "600000"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert "ETag" not in answer.headers
    parsedate_to_datetime(answer.headers["Last-Modified"])


async def test_a_range_behind_the_end_gets_416(client: Client, dp: str) -> None:
    answer = await client.ask("GET", f"{dp}{SETUP}", Range="bytes=600000-")
    assert (answer.status, answer.headers["Content-Range"]) == (416, "bytes */600000")


async def test_an_empty_file_needs_no_object(client: Client, dp: str, sample: Sample) -> None:
    (sample.folder / object_key(sample.large.name)).unlink()
    answer = await client.ask("GET", f"{dp}{ROOT}/{PACKAGE_ID}/sccm?/Drivers/Net/empty.txt")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("method", ["GET", "PROPFIND"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        ROOT,
        f"{ROOT}/",
        f"{ROOT}/ABC00013/",
        f"{ROOT}/{PACKAGE_ID}/sccm?/nothing",
        f"{ROOT}/{PACKAGE_ID}/sccm?/../{PACKAGE_ID}/setup.exe",
        f"/OTHER$/{PACKAGE_ID}/setup.exe",
    ],
)
async def test_what_is_not_there_is_not_found(
    client: Client, dp: str, method: str, path: str
) -> None:
    assert (await client.ask(method, dp + path)).status == 404


async def test_a_name_that_is_not_utf_8_is_refused(client: Client, dp: str) -> None:
    assert (await client.ask("GET", f"{dp}{ROOT}/{PACKAGE_ID}/sccm?/Espa%F1ol")).status == 400


async def test_a_missing_object_or_manifest_gets_404_and_a_log_line(
    client: Client, dp: str, sample: Sample, caplog: pytest.LogCaptureFixture
) -> None:
    path = sample.folder / manifest_key(sample.digest)
    document = path.read_bytes()
    path.unlink()
    assert (await client.ask("GET", f"{dp}{SETUP}")).status == 404
    assert f"manifest {sample.digest} is missing on disk" in caplog.text
    path.write_bytes(document)
    assert (await client.ask("GET", f"{dp}{SETUP}")).status == 200
    (sample.folder / object_key(sample.large.name)).unlink()
    assert (await client.ask("GET", f"{dp}{SETUP}")).status == 404
    assert f"object {sample.large.name} is missing on disk" in caplog.text


async def test_only_who_asks_for_a_distribution_point_gets_one(started: Started) -> None:
    async with started(Settings()) as (emulator, client):
        answer = await client.ask("PROPFIND", f"{emulator.url}{ROOT}/{PACKAGE_ID}", Depth="1")
        assert answer.status == 404
