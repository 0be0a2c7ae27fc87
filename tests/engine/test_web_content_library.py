"""A content library on a web server: it says what a package is, and has its files."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from dlcore.engine.download.retry import Retry
from dlcore.engine.fetching.fetch import fetch
from dlcore.engine.fetching.fetch_into import Fetched
from dlcore.errors import ConfigError, DlcoreError, IntegrityError, ManifestError, NotFoundError
from dlcore.long_path import long_path
from dlcore.manifest import content_hash
from dlcore.model import EndpointKind, EndpointSettings
from dlcore.store import folder_digests
from tests.library_points import FOLDER, LARGE, TREE, Asked, point, serving_point
from tests.publish.helpers import write_tree
from tests.publish.library import PACKAGE_ID, file_of, ini, write_library

APPLICATION = "Content_4f1d9a3e-0c52-4b0a-9d55-6d1c5b0e7a11.2"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return write_library(long_path(tmp_path / "SCCMContentLib"), TREE, versions=(3, 11))


async def fetched(
    library: Path,
    what: str = PACKAGE_ID,
    *,
    told: str = "",
    asked: Asked | None = None,
    to: Path | None = None,
    has_propfind: bool = True,
    lists_contents: bool = True,
) -> Fetched:
    server = point(library, has_propfind=has_propfind, lists_contents=lists_contents)
    async with serving_point(server, asked) as url:
        return await fetch(
            what,
            to=to or library.parent / "to",
            endpoints=[EndpointSettings("dp1", EndpointKind.CONTENT_LIBRARY, url)],
            deliveries=library.parent / "records",
            content_hash=told,
            retry=Retry(0),
        )


async def refused(kind: type[DlcoreError], library: Path, *, told: str = "") -> DlcoreError:
    with pytest.raises(kind) as caught:
        await fetched(library, told=told)
    assert not (library.parent / "to").exists(), "nothing may be delivered"
    return caught.value


def tree_at(folder: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if path.is_file() or not any(path.iterdir())
    }


@pytest.mark.parametrize(
    ("has_propfind", "lists_contents"),
    [(True, True), (False, True), (True, False), (False, False)],
    ids=["PROPFIND", "page", "PROPFIND of packages only", "pages of packages only"],
)
async def test_a_package_is_fetched_whatever_the_server_lists(
    library: Path, has_propfind: bool, lists_contents: bool
) -> None:
    asked = Asked()
    found = await fetched(
        library, asked=asked, has_propfind=has_propfind, lists_contents=lists_contents
    )
    assert tree_at(library.parent / "to") == TREE
    assert (found.version, found.truth) == (11, "content-library")
    assert set(found.endpoints) == {"dp1"}
    assert not asked.of("PkgLib")
    requests = len(asked.requests)
    again = await fetched(library, asked=asked, has_propfind=has_propfind)
    assert again.bytes_fetched == 0
    assert not [line for line in asked.requests[requests:] if "FileLib" in line]


async def test_the_content_of_an_application(library: Path) -> None:
    (library / "DataLib" / f"{PACKAGE_ID}.3").rename(library / "DataLib" / APPLICATION)
    await fetched(library, APPLICATION)
    assert tree_at(library.parent / "to") == TREE


async def test_a_flipped_bit_is_named_by_its_file_and_its_endpoint(library: Path) -> None:
    """Fault: a web server sends a file of a content library wrong. dlcore names both."""
    data = bytearray(LARGE)
    data[2 << 20] ^= 1
    file_of(library, LARGE).write_bytes(data)
    error = await refused(IntegrityError, library)
    assert "setup.exe" in error.message
    assert "dp1" in error.message


async def test_what_the_library_contradicts_is_part_of_the_result(library: Path) -> None:
    """Fault: a content library contradicts itself. dlcore's result says so."""
    place = library / "DataLib" / f"{PACKAGE_ID}.11.INI"
    place.write_text("[Info]\r\nHash=" + "AB" * 32)
    assert (await fetched(library)).stated_hash == "different"
    plain = folder_digests(write_tree(library.parent / "plain", TREE))
    place.write_text(f"[Info]\r\nHash={content_hash(plain)}")
    assert (await fetched(library)).stated_hash == "equal"


async def test_a_content_hash_that_is_named_decides(library: Path) -> None:
    """Fault: a web server describes other files than the package's. dlcore fetches nothing."""
    asked = Asked()
    with pytest.raises(IntegrityError):
        await fetched(library, told="AB" * 32, asked=asked)
    assert not asked.of("FileLib")


async def test_without_tls_only_a_content_hash_vouches_for_what_it_says(library: Path) -> None:
    """Fault: somebody between alters what a library says. dlcore does not believe it unproved."""
    with pytest.raises(ConfigError, match="without TLS"):
        await fetch(
            PACKAGE_ID,
            to=library.parent / "to",
            endpoints=["content-library+http://dp1.invalid/SMS_DP_SMSPKG$"],
        )


async def test_a_malformed_ini_file_is_named(library: Path) -> None:
    (library / "DataLib" / f"{PACKAGE_ID}.11" / "setup.exe.INI").write_text(ini(LARGE, digest="x"))
    assert "setup.exe.INI" in (await refused(ManifestError, library)).message


async def test_a_package_that_is_not_there_is_named(library: Path) -> None:
    with pytest.raises(NotFoundError, match="ABC00099"):
        await fetched(library, "ABC00099")


async def test_many_ini_files_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """They are asked for side by side: else each would cost a round trip of its own."""
    tree = {f"{number}.inf": b"%d" % number for number in range(20)}
    library = write_library(tmp_path / "library", tree)
    server = point(library)
    most = under_way = 0
    answer = server.get

    async def counted(request: web.Request) -> web.StreamResponse:
        nonlocal most, under_way
        under_way += 1
        most = max(most, under_way)
        try:
            for _ in range(50):  # turns of the loop, in which others may come
                await asyncio.sleep(0)
            return await answer(request)
        finally:
            under_way -= 1

    server.get = counted  # type: ignore[method-assign]  # before its routes are made
    async with serving_point(server) as url:
        await fetch(
            PACKAGE_ID,
            to=tmp_path / "to",
            endpoints=[f"content-library+{url}"],
            deliveries=tmp_path / "records",
        )
    assert most >= 10
    assert tree_at(tmp_path / "to") == tree


async def test_a_distribution_point_without_a_library_is_named_as_such(library: Path) -> None:
    """Fault: a plain distribution point is taken for a content library. dlcore says what it is."""
    asked = Asked()
    asked.refused = ("/Datalib", "/FileLib")
    with pytest.raises(NotFoundError, match="is a distribution point without a content") as caught:
        await fetched(library, told="0" * 64, asked=asked)
    assert f"{FOLDER}' with --content-hash HEX" in caught.value.remedy
    assert "--from 'dp+http://127.0.0.1:" in caught.value.remedy
    asked.refused = (FOLDER,)
    with pytest.raises(NotFoundError, match="there is no content library at http://") as caught:
        await fetched(library, asked=asked)
    assert "Check the URL" in caught.value.remedy


@pytest.mark.parametrize("kind", ["dp", "content-library"])
async def test_a_published_site_is_named_as_such(tmp_path: Path, kind: str) -> None:
    """Fault: a published site is taken for another kind of place. dlcore says what it is."""

    async def answer(request: web.Request) -> web.Response:
        is_catalog = request.path == "/site/catalog.json"
        return web.json_response({}, status=200 if is_catalog else 404)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/site"
    try:
        with pytest.raises(NotFoundError, match="is a published site") as caught:
            await fetch(
                PACKAGE_ID,
                to=tmp_path / "to",
                endpoints=[f"{kind}+{url}"],
                deliveries=tmp_path / "records",
                content_hash="0" * 64,
            )
    finally:
        await runner.cleanup()
    assert caught.value.remedy == f"Fetch from the site: --from '{url}', without --content-hash."
