"""Endpoints that are named by a text: what they are, and which secret is theirs."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from dlcore.engine.fetching import sources
from dlcore.engine.fetching.sources import Access, open_mirrors, open_sources, settings_of
from dlcore.errors import ConfigError
from dlcore.model import EndpointKind, EndpointSettings
from dlcore.transfer import Endpoint, open_endpoint


@pytest.mark.parametrize(
    ("named", "token_file"),
    [("cmg+https://localhost/x", "token"), ("https://localhost/x", ""), ("folder", "")],
)
async def test_only_an_endpoint_that_asks_for_the_token_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, token_file: str
) -> None:
    seen: list[EndpointSettings] = []

    def noting(settings: EndpointSettings, **more: object) -> Endpoint:
        seen.append(settings)
        return open_endpoint(EndpointSettings("disk", EndpointKind.FILE, str(tmp_path)))

    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(sources, "open_endpoint", noting)
    async with AsyncExitStack() as stack:
        sources.open_sources([named], Access(token_file="token"), stack)
    assert [settings.token_file for settings in seen] == [token_file]


@pytest.mark.parametrize("name", ["s3", "az", "gs", "http"])
def test_a_folder_may_be_called_as_a_scheme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    settings = sources.settings_of(name, 0, Access())
    assert (settings.kind, settings.url) == (EndpointKind.FILE, name)


def test_a_folder_may_be_named_by_a_url(tmp_path: Path) -> None:
    settings = sources.settings_of(tmp_path.as_uri(), 0, Access())
    assert (settings.kind, settings.url) == (EndpointKind.FILE, str(tmp_path))


@pytest.mark.parametrize("folder", [r"D:\SCCMContentLib", r"\\dp1\SCCMContentLib$", "/mnt/dp1"])
def test_a_content_library_is_a_folder(folder: str) -> None:
    settings = sources.settings_of(f"content-library+{folder}", 0, Access(ca_file="ca.pem"))
    assert (settings.kind, settings.url) == (EndpointKind.CONTENT_LIBRARY, folder)
    assert settings.ca_file == ""


@pytest.mark.parametrize("named", ["s3://bucket/site", "az://container", "GS://bucket"])
def test_a_bucket_is_named_by_its_url(named: str) -> None:
    settings = sources.settings_of(named, 0, Access(token_file="token", sas_file="sas"))
    assert (settings.kind, settings.url) == (EndpointKind.BUCKET, named)
    assert (settings.token_file, settings.sas_file) == ("", "")


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("clod-dp+https://host", "(did you mean cloud-dp?)"),
        ("ftp+https://host", "ftp is not a kind"),
    ],
)
async def test_a_kind_that_is_misspelt_is_told(named: str, meant: str) -> None:
    async with AsyncExitStack() as stack:
        with pytest.raises(ConfigError) as refused:
            sources.open_sources([named], Access(), stack)
    assert meant in refused.value.message
    assert "cmg, cloud-dp" in refused.value.remedy


def test_a_plus_elsewhere_is_a_part_of_the_url() -> None:
    settings = sources.settings_of("https://host/c++/https://x", 0, Access())
    assert (settings.kind, settings.url) == (EndpointKind.HTTP, "https://host/c++/https://x")


async def test_the_urls_at_one_server_are_one_endpoint() -> None:
    urls = {
        "one": ["https://a.example/1", "https://b.example/1", "https://A.example/again"],
        "two": ["https://a.example/2"],
        "three": ["https://a.example:444/3", "http://a.example/3"],
    }
    async with AsyncExitStack() as stack:
        mirrors = sources.open_mirrors(urls, Access(), stack)
    assert [mirror.urls for mirror in mirrors] == [
        {"one": "https://a.example/1", "two": "https://a.example/2"},
        {"three": "https://a.example:444/3"},
        {"one": "https://b.example/1"},
        {"three": "http://a.example/3"},
        {"one": "https://A.example/again"},
    ]
    names = [endpoint.name for (endpoint, _), _ in mirrors]
    assert names == ["a.example", "a.example #2", "b.example #3", "a.example #4", "a.example #5"]


async def test_what_each_server_names_is_an_endpoint_of_its_own() -> None:
    urls = {
        "one": ["https://a.example/1"],
        "two": ["https://b.example/2", "https://a.example/by-b/2"],
        "three": ["https://b.example/3", "https://a.example/by-b/3"],
        "four": ["https://c.example/4", "https://a.example/by-c/4"],
    }
    led_to = {url: own[0] for own in urls.values() for url in own[1:]}
    async with AsyncExitStack() as stack:
        mirrors = sources.open_mirrors(urls, Access(), stack, led_to=led_to)
    assert [mirror.urls for mirror in mirrors if "https://a" in str(mirror.urls)] == [
        {"one": "https://a.example/1"},
        {"two": "https://a.example/by-b/2", "three": "https://a.example/by-b/3"},
        {"four": "https://a.example/by-c/4"},
    ]


async def test_folders_are_called_by_their_names(tmp_path: Path) -> None:
    """Fault: two folders are named, and all that is told of either is called the same. Each
    has its own name.
    """
    folders = [tmp_path / name for name in ("east", "west")]
    for folder in folders:
        folder.mkdir()
    async with AsyncExitStack() as stack:
        named = [str(folders[0]), folders[1].as_uri()]
        opened = open_sources(named, Access(), stack)
        assert [endpoint.name for endpoint, _ in opened] == ["east", "west #2"]
        urls = {name: [(folder / name).as_uri() for folder in folders] for name in ("a", "b")}
        mirrors = open_mirrors(urls, Access(), stack)
    assert [mirror.source[0].name for mirror in mirrors] == ["east", "west #2"]


def test_the_folder_in_which_the_user_is_has_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings_of(".", 0, Access()).name == tmp_path.name
