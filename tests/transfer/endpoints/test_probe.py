"""What a server says about a plain URL, asked with as little as possible."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from dlcore.errors import ConfigError, Fault, TransferError
from dlcore.transfer import ConnectionPool, Keyring, begin_url, probe_url
from dlcore.transfer.endpoints.probe import Probed
from tests.transfer.hostile import AGAIN, Script, hostile
from tests.transfer.packages import LARGE_BYTES, Package

NO_HEAD = Script.response("405 No", Content_Length="0")


async def probed(*scripts: Script, path: str = "/a/file.iso") -> Probed:
    async with hostile(*scripts) as server:
        return await probe_url(f"{server.url}{path}")


async def test_a_real_server_tells_length_and_ranges(
    nginx_tls: tuple[str, Path], package: Package
) -> None:
    url, ca_file = nginx_tls
    name = package.manifest.objects[package.index_of("large.wim")].name
    found = await probe_url(f"{url}/objects/{name}", keyring=Keyring(ca_file=str(ca_file)))
    assert found.modified_ns
    assert found == Probed(LARGE_BYTES + 17, True, name, modified_ns=found.modified_ns)


async def test_a_redirect_may_tell_the_digest_and_the_mirrors() -> None:
    """A server of mirrors says what the file is, and leads to one of them; RFC 6249."""
    sha256 = hashlib.sha256(b"x").digest()
    told = {
        "Location": "/elsewhere",
        "Digest": f"SHA-256={base64.b64encode(sha256).decode()},MD5=HUXZLQLMuI/KZ5KDcJPcOA==",
        "Link": '<file.meta4>; rel=describedby; type="application/metalink4+xml"'
        ", <http://127.0.0.1:9/f>; rel=duplicate",
        "Content_Length": "0",
    }
    redirect = Script.response("302 Found", b"", end=AGAIN, **told)
    head = Script.response("200 OK", Content_Length="1", Accept_Ranges="bytes")
    async with hostile(redirect, head) as server:
        found = await probe_url(f"{server.url}/a/file.iso")
        assert found.metalinks == (f"{server.url}/a/file.meta4",)
    assert found.sha256 == sha256
    assert found.mirrors == ("http://127.0.0.1:9/f",)


@pytest.mark.parametrize(("is_joined", "connections"), [(True, 1), (False, 3)])
async def test_a_pool_that_somebody_has_joined_keeps_its_connections(
    is_joined: bool, connections: int
) -> None:
    told = {"Content_Length": "1234", "Accept_Ranges": "bytes"}
    head = Script.response("200 OK", b"", end=AGAIN, **told)
    pool = ConnectionPool()
    if is_joined:
        pool.join(pool)
    async with hostile(head, head, head) as server:
        for _ in range(3):
            assert (await probe_url(f"{server.url}/a", pool=pool)).length_bytes == 1234
        await pool.leave(pool)
        assert server.connections == connections


async def test_the_time_of_modification_is_told_by_whichever_answer_counts() -> None:
    said = "Sun, 06 Nov 1994 08:49:37 GMT"
    told = {"Content_Length": "1", "Last_Modified": said}
    head = Script.response("200 OK", b"", Accept_Ranges="bytes", **told)
    first = Script.response("206 Partial", b"x", Content_Range="bytes 0-0/5", **told)
    for scripts in ((head,), (NO_HEAD, first)):
        assert (await probed(*scripts)).modified_ns == 784_111_777 * 10**9


async def test_a_file_tells_its_time_too(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"xyz")
    found = await probe_url((tmp_path / "a").as_uri())
    assert found == Probed(3, True, "a", modified_ns=(tmp_path / "a").stat().st_mtime_ns)


async def test_head_is_enough_where_it_tells_all() -> None:
    head = Script.response("200 OK", Content_Length="1234", Accept_Ranges="bytes")
    assert await probed(head) == Probed(1234, True, "file.iso")


@pytest.mark.parametrize(
    "head",
    [
        NO_HEAD,
        Script.response("200 OK"),
        Script.response("200 OK", Content_Length="99"),
        Script.response("403 No", Content_Length="99", Accept_Ranges="bytes"),
    ],
    ids=["not allowed", "no length", "no word of ranges", "forbidden"],
)
async def test_the_first_byte_tells_what_head_does_not(head: Script) -> None:
    first = Script.response("206 P", b"x", Content_Length="1", Content_Range="bytes 0-0/5000000000")
    assert await probed(head, first) == Probed(5_000_000_000, True, "file.iso")


async def test_a_server_without_ranges_is_known_by_its_200() -> None:
    whole = Script.response("200 OK", b"x" * 40, Content_Length="40")
    assert await probed(NO_HEAD, whole) == Probed(40, False, "file.iso")


@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_a_length_that_nobody_says_is_not_known(coding: str) -> None:
    """Fault: what compresses the body tells the length of that. dlcore takes it for none."""
    length = {"Content_Length": "10"} if coding == "gzip" else {}
    whole = Script.response("200 OK", b"x" * 10, Content_Encoding=coding, **length)
    assert await probed(NO_HEAD, whole) == Probed(None, False, "file.iso")


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        (Script.response("404 No", Content_Length="0"), Fault.NOT_FOUND),
        (Script.response("302 Found", Content_Length="0", Location="ftp://login"), Fault.REFUSED),
        (Script.response("206 P", b"x", Content_Length="1", Content_Range="0-0/*"), Fault.RANGE),
        (Script.response("416 No", Content_Length="0"), Fault.RANGE),
        (Script.response("200 OK", b"x", Content_Length="1", Content_Encoding="br"), Fault.REFUSED),
    ],
    ids=["missing", "redirect", "no total", "unsatisfiable", "compressed"],
)
async def test_what_cannot_be_measured_is_a_fault(script: Script, fault: Fault) -> None:
    with pytest.raises(TransferError) as caught:
        await probed(NO_HEAD, script)
    assert caught.value.fault is fault


@pytest.mark.parametrize(
    ("path", "name"),
    [("/a/b%20c.iso?x=/y#z", "b c.iso"), ("/", ""), ("", ""), ("?/a", ""), ("/a/", "")],
)
async def test_the_name_is_the_last_component_of_the_path(path: str, name: str) -> None:
    head = Script.response("200 OK", Content_Length="1", Accept_Ranges="bytes")
    assert (await probed(head, path=path)).name == name


async def test_a_text_that_is_not_a_url_is_the_callers_fault() -> None:
    with pytest.raises(ConfigError):
        await probe_url("not a url")


@pytest.mark.parametrize(
    ("line", "content_range", "body_bytes"),
    [
        ("206 Partial Content", "bytes 0-99/5000", 100),
        ("206 Partial Content", "bytes 1-100/5000", 100),
        ("200 OK", "", 5000),
    ],
    ids=["the beginning", "another part", "all of it"],
)
async def test_content_that_came_with_the_answer_about_a_long_file_is_counted(
    line: str, content_range: str, body_bytes: int
) -> None:
    """Fault: the question about a file brings content that is of no use. dlcore counts it."""
    told = {"Content_Range": content_range} if content_range else {}
    answer = Script.response(line, b"x" * body_bytes, Content_Length=str(body_bytes), **told)
    at_once = Script([b"".join(each for each in answer.said if isinstance(each, bytes))])
    received: list[int] = []
    async with hostile(at_once) as server:
        beginning = await begin_url(f"{server.url}/a", 100, received.append)
    assert beginning.content is None
    assert sum(received) == body_bytes
