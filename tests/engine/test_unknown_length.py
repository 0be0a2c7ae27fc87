"""A file whose server does not say how long it is: received as one stream, verified, delivered."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from aiohttp import web

from dlcore import Access, FetchItem, Retry, fetch, fetch_many
from dlcore.engine.delivery.deliveries import Deliveries
from dlcore.engine.fetching.call import Call
from dlcore.engine.fetching.preview import preview_fetch
from dlcore.engine.fetching.site import NamedSite
from dlcore.errors import ConfigError, DiskFullError, IntegrityError, TransferError
from dlcore.store.free_space import Space
from tests.engine.answering import answering

BODY = os.urandom(3_000_000)
SHA256 = hashlib.sha256(BODY).hexdigest()


class Stream:
    """A server that knows neither lengths nor ranges.

    Attributes:
        broken: So many of the first answers break off.
        coding: Content coding of the answers.
        has_length: Whether it tells the length after all.
        asked: How often the body was asked for, the probe included.
    """

    url = ""
    broken = 0
    coding = ""
    asked = 0
    has_length = False

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.method == "HEAD":
            return web.Response(status=405)
        self.asked += 1
        response = web.StreamResponse()
        if self.has_length:
            response.content_length = len(BODY)
        else:
            response.enable_chunked_encoding()
        if self.coding:
            response.headers["Content-Encoding"] = self.coding
        await response.prepare(request)
        body = gzip.compress(BODY) if self.coding else BODY
        with contextlib.suppress(ConnectionError):
            if 1 < self.asked <= self.broken + 1:
                await response.write(body[:1_000_000])
                assert request.transport is not None
                request.transport.abort()
                return response
            await response.write(body)
            await response.write_eof()
        return response


@contextlib.asynccontextmanager
async def streaming() -> AsyncIterator[Stream]:
    stream = Stream()
    async with answering(stream.answer) as stream.url:
        yield stream


async def got(stream: Stream, to: Path, sha256: str = SHA256, max_file_bytes: int = 0) -> None:
    await fetch(
        f"{stream.url}/a.bin",
        to=to,
        sha256=sha256,
        access=Access(max_file_bytes=max_file_bytes),
        retry=Retry(0),
        deliveries=to.parent / "d",
    )


def listed(folder: Path) -> Sequence[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("coding", ["", "gzip"])
async def test_it_is_delivered_and_nothing_else_is_left(tmp_path: Path, coding: str) -> None:
    """Fault: a server says no length and sends no ranges. dlcore receives the file as a stream."""
    async with streaming() as stream:
        stream.coding = coding
        await got(stream, tmp_path / "to")
        assert listed(tmp_path / "to") == ["a.bin"]
        assert (tmp_path / "to" / "a.bin").read_bytes() == BODY
        asked = stream.asked
        await got(stream, tmp_path / "to")
        assert stream.asked == asked + 1  # the probe: it is there already


async def test_a_dry_run_does_not_receive_it(tmp_path: Path) -> None:
    """Fault: a dry run is asked about a file of unknown length. dlcore says that it cannot tell."""
    async with streaming() as stream:
        call = Call(NamedSite(()), Access(), tmp_path / "to", Deliveries(tmp_path / "d"))
        with pytest.raises(ConfigError, match="does not say how long it is"):
            await preview_fetch(FetchItem(f"{stream.url}/a.bin", SHA256), call)
        assert stream.asked == 1, "the probe only"
    assert not listed(tmp_path)


async def test_several_are_delivered(tmp_path: Path) -> None:
    async with streaming() as stream:
        items = [FetchItem(f"{stream.url}/{name}", SHA256) for name in ("a.bin", "b.bin")]
        results = await fetch_many(items, to=tmp_path / "to", deliveries=tmp_path / "d")
    assert [result.error for result in results] == [None, None]
    assert listed(tmp_path / "to") == ["a.bin", "b.bin"]


async def test_one_that_has_no_place_is_closed_too(tmp_path: Path) -> None:
    async with streaming() as stream:
        items = [FetchItem(f"{stream.url}/{folder}/a.bin", SHA256) for folder in ("x", "y")]
        results = await fetch_many(items, to=tmp_path / "to", deliveries=tmp_path / "d")
    assert [result.error is None for result in results] == [True, False]
    assert listed(tmp_path / "to") == ["a.bin"]


async def test_one_that_breaks_off_is_received_again(tmp_path: Path) -> None:
    async with streaming() as stream:
        stream.broken = 1
        await got(stream, tmp_path / "to")
    assert (tmp_path / "to" / "a.bin").read_bytes() == BODY


async def test_one_that_always_breaks_off_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    async with streaming() as stream:
        stream.broken = 99
        with pytest.raises(TransferError):
            await got(stream, tmp_path / "to")
    assert listed(tmp_path) == []


async def test_another_digest_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    async with streaming() as stream:
        with pytest.raises(IntegrityError, match="does not say how many"):
            await got(stream, tmp_path / "to", "00" * 32)
    assert listed(tmp_path) == []


@pytest.mark.parametrize("has_length", [False, True])
async def test_one_that_is_longer_than_allowed_is_refused(tmp_path: Path, has_length: bool) -> None:
    async with streaming() as stream:
        stream.has_length = has_length
        with pytest.raises(ConfigError, match="2999999 are allowed"):
            await got(stream, tmp_path / "to", max_file_bytes=len(BODY) - 1)
        await got(stream, tmp_path / "to", max_file_bytes=len(BODY))
    assert listed(tmp_path / "to") == ["a.bin"]


async def test_one_that_would_fill_the_disk_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault: a stream does not end. dlcore gives it up before the disk is full."""
    looks: list[Path] = []

    def filling(path: Path) -> Space:
        looks.append(path)
        return Space(0 if len(looks) > 1 else 1 << 40, 1 << 41)

    monkeypatch.setattr("dlcore.engine.fetching.unknown_length.space_at", filling)
    async with streaming() as stream:
        with pytest.raises(DiskFullError, match="no more room"):
            await got(stream, tmp_path / "to")
    assert listed(tmp_path) == []
