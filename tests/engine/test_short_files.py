"""Short files whose digests are known: one request each, and everything else as ever."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from dlcore import Access, FetchItem, FetchResult, fetch_many
from dlcore.engine.events import Event, FetchEnded, PackageReady
from dlcore.engine.fetching.right_already import MAX_SHORT_BYTES
from dlcore.engine.fetching.short_files import MAX_LONG_AHEAD
from dlcore.errors import ConfigError, IntegrityError, NotFoundError


class Site:
    """A server of files.

    Attributes:
        url: Where it is.
        files: What it has, by name.
        asked: Method, name and range of each request.
        headers: Of each answer.
        has_ranges: Whether it sends parts.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.url = ""
        self.files = files
        self.asked: list[tuple[str, str]] = []
        self.headers: dict[str, str] = {}
        self.has_ranges = True

    async def answer(self, request: web.Request) -> web.Response:
        name = request.path[1:]
        self.asked.append((request.method, name))
        if name not in self.files:
            return web.Response(status=404)
        body = self.files[name]
        headers = {"Accept-Ranges": "bytes", **self.headers} if self.has_ranges else self.headers
        if not (self.has_ranges and body and "Range" in request.headers):
            return web.Response(body=body, headers=headers)
        start = request.http_range.start or 0
        part = body[request.http_range]
        told = f"bytes {start}-{start + len(part) - 1}/{len(body)}"
        return web.Response(status=206, body=part, headers={**headers, "Content-Range": told})

    def items(self) -> list[FetchItem]:
        return [
            FetchItem(f"{self.url}/{name}", hashlib.sha256(body).hexdigest())
            for name, body in self.files.items()
        ]

    def listed(self) -> bytes:
        lines = (f"{hashlib.sha256(b).hexdigest()}  {n}\n" for n, b in self.files.items())
        return "".join(lines).encode()


@contextlib.asynccontextmanager
async def site(files: dict[str, bytes]) -> AsyncIterator[Site]:
    served = Site(files)
    server = web.Server(served.answer)  # type: ignore[arg-type]
    runner = web.ServerRunner(server)
    await runner.setup()
    place = web.TCPSite(runner, "127.0.0.1", 0)
    await place.start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield served
    finally:
        await runner.cleanup()


def many(count: int = 40) -> dict[str, bytes]:
    return {f"folder/{number}.bin": bytes([number]) * (number * 7) for number in range(1, count)}


async def fetched(tmp_path: Path, items: list[FetchItem], **options: Any) -> list[FetchResult]:
    to, records = tmp_path / "to", tmp_path / "records"
    return await fetch_many(items, to=to, deliveries=records, **options)


def there(tmp_path: Path) -> dict[str, bytes]:
    to = tmp_path / "to"
    return {p.relative_to(to).as_posix(): p.read_bytes() for p in to.rglob("*") if p.is_file()}


async def test_a_list_takes_one_request_for_each_file(tmp_path: Path) -> None:
    events: list[Event] = []
    files = many()
    async with site(files) as served:
        served.files = {**files, "SHA256SUMS": served.listed()}
        options: dict[str, Any] = {"checksums": f"{served.url}/SHA256SUMS"}
        results = await fetched(tmp_path, [], on_event=events.append, **options)
        assert [result.error for result in results] == [None] * len(files)
        assert there(tmp_path) == files
        assert sorted(served.asked) == sorted([("GET", name) for name in served.files])
        served.asked.clear()
        again = await fetched(tmp_path, [], **options)
        assert served.asked == [("GET", "SHA256SUMS")], "what is there is not asked for"
    size = sum(map(len, files.values()))
    assert sum(result.fetched.bytes_fetched for result in results if result.fetched) == size
    assert sum(result.fetched.bytes_reused for result in again if result.fetched) == size
    assert {e.path for e in events if isinstance(e, PackageReady)} == {
        str(tmp_path / "to" / name) for name in files
    }
    (ending,) = [event for event in events if isinstance(event, FetchEnded)]
    assert (ending.outcome, ending.bytes_fetched) == ("succeeded", size)


@pytest.mark.parametrize("has_ranges", [True, False])
async def test_longer_and_empty_files_come_as_ever(tmp_path: Path, has_ranges: bool) -> None:
    lengths = {"0": 0, "1": 1, "2": MAX_SHORT_BYTES, "3": MAX_SHORT_BYTES + 1, "4": 3_000_000}
    files = {name: b"x" * length for name, length in lengths.items()}
    async with site(files) as served:
        served.has_ranges = has_ranges
        results = await fetched(tmp_path, served.items())
    assert [result.error for result in results] == [None] * len(files)
    assert there(tmp_path) == files


async def test_when_files_turn_out_to_be_long_lengths_are_asked_for_first(tmp_path: Path) -> None:
    files = {str(number): b"%d" % number * MAX_SHORT_BYTES for number in range(10, 60)}
    async with site(files) as served:
        results = await fetched(tmp_path, served.items(), access=Access(connections=2))
        asked = [method for method, _ in served.asked].count("HEAD")
    assert [result.error for result in results] == [None] * len(files)
    assert asked >= len(files) - 2 * MAX_LONG_AHEAD


async def test_another_digest_is_never_delivered(tmp_path: Path) -> None:
    """Fault: a file of a list has another digest. dlcore says so, and gives it no name."""
    async with site(many()) as served:
        items = served.items()
        served.files["folder/3.bin"] = b"altered"
        results = await fetched(tmp_path, items)
    wrong = [result for result in results if result.error]
    assert [result.item.what for result in wrong] == [f"{served.url}/folder/3.bin"]
    assert isinstance(wrong[0].error, IntegrityError)
    assert there(tmp_path) == {
        name.partition("/")[2]: body for name, body in served.files.items() if "/3.bin" not in name
    }


async def test_what_is_not_dlcores_own_is_not_replaced_and_what_is_its_own_is(
    tmp_path: Path,
) -> None:
    async with site({"a": b"one", "b": b"two"}) as served:
        (tmp_path / "to").mkdir()
        (tmp_path / "to" / "a").write_bytes(b"somebody's")
        first, second = await fetched(tmp_path, served.items())
        assert isinstance(first.error, ConfigError)
        assert second.error is None
        served.files["b"] = b"two again"
        _, third = await fetched(tmp_path, served.items())
    assert third.error is None
    assert there(tmp_path) == {"a": b"somebody's", "b": b"two again"}


async def test_the_server_may_name_the_file(tmp_path: Path) -> None:
    async with site({"get": b"content"}) as served:
        served.headers = {"Content-Disposition": 'attachment; filename="tool.bin"'}
        (result,) = await fetched(tmp_path, served.items())
    assert result.fetched
    assert there(tmp_path) == {"tool.bin": b"content"}


async def test_the_first_of_two_files_of_one_name_gets_it(tmp_path: Path) -> None:
    async with site({"a/x": b"one", "b/x": b"two"}) as served:
        first, second = await fetched(tmp_path, served.items())
    assert first.error is None
    assert isinstance(second.error, ConfigError)
    assert there(tmp_path) == {"x": b"one"}


async def test_errors_of_many_files_hold_nothing_but_their_words(tmp_path: Path) -> None:
    """Fault: none of the 200,000 files of a list is there. dlcore keeps each error short, and the
    memory of what raised it is free again.
    """
    async with site({}) as served:
        items = [FetchItem(f"{served.url}/{number}", "0" * 64) for number in range(50)]
        results = await fetched(tmp_path, items)
        assert len(served.asked) == len(items), "asked once each"
    for result in results:
        assert isinstance(result.error, NotFoundError)
        assert result.error.__traceback__ is None
        assert result.error.__context__ is None
    assert not (tmp_path / "to").exists()
