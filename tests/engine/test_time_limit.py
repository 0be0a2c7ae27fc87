"""A time limit for servers that bring nothing: an error, and no hang."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from dlcore import Access, Client, FetchItem, Retry, fetch, fetch_many
from dlcore.deployment import parse_deployment
from dlcore.engine.time_limit import MAX_STALLS, inquiry_policy, max_stalls
from dlcore.errors import ConfigError, DlcoreError, ExhaustedError, Fault, TransferError
from dlcore.schedule import Policy
from dlcore.schedule.circuit_breaker import CircuitBreaker
from dlcore.transfer.policy import TransferPolicy
from tests.engine.answering import answering
from tests.engine.virtual_time import in_virtual_time

BODY = bytes(range(256)) * 1024
SHA256 = hashlib.sha256(BODY).hexdigest()
LIMIT_S = 0.25
HANGS_S = 3600.0


class Silent:
    """A server that says nothing any more at some point.

    Attributes:
        url: Where it is.
        at: ``head``, ``get`` or ``body``: where it hangs.
        asked: How often, by method.
        has_length: Whether it says how long the file is.
    """

    def __init__(self, at: str, *, has_length: bool) -> None:
        self.url = ""
        self.at = at
        self.has_length = has_length
        self.asked: Counter[str] = Counter()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked[request.method] += 1
        if self.at == "head" or (self.at == "get" and request.method == "GET"):
            await asyncio.sleep(HANGS_S)
        response = web.StreamResponse()
        body = BODY[request.http_range]
        if self.has_length:
            response.content_length = len(body)
            response.headers["Accept-Ranges"] = "bytes"
            if "Range" in request.headers:
                start = request.http_range.start
                response.set_status(206)
                last = start + len(body) - 1
                response.headers["Content-Range"] = f"bytes {start}-{last}/{len(BODY)}"
        else:
            response.enable_chunked_encoding()
        await response.prepare(request)
        if request.method == "GET":
            await response.write(body[: len(body) // 2])
            with contextlib.suppress(ConnectionError):
                await asyncio.sleep(HANGS_S)
        return response


@contextlib.asynccontextmanager
async def silent(at: str, *, has_length: bool = True) -> AsyncIterator[Silent]:
    server = Silent(at, has_length=has_length)
    async with answering(server.answer, ends_answers=True) as server.url:
        yield server


async def fault_of(server: Silent, to: Path) -> DlcoreError:
    with pytest.raises(DlcoreError) as raised:
        await fetch(
            f"{server.url}/a.bin",
            to=to,
            sha256=SHA256,
            access=Access(timeout_s=LIMIT_S),
            retry=Retry(0),
            deliveries=to.parent / "d",
        )
    return raised.value


@pytest.mark.parametrize("at", ["get", "body"])
@in_virtual_time
async def test_content_that_stalls_ends_the_fetch(
    tmp_path: Path, at: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault: a server stalls in the middle. dlcore gives it up after the time that a user set."""
    async with silent(at) as server:
        error = await fault_of(server, tmp_path / "to")
        assert isinstance(error, ExhaustedError)
        assert f"{LIMIT_S:g} s" in error.message
    assert f"{MAX_STALLS} times in a row" in caplog.text
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize(("at", "has_length"), [("head", True), ("body", False)])
@in_virtual_time
async def test_a_probe_or_a_stream_that_stalls_ends_the_fetch(
    tmp_path: Path, at: str, has_length: bool
) -> None:
    async with silent(at, has_length=has_length) as server:
        error = await fault_of(server, tmp_path / "to")
        assert isinstance(error, TransferError)
        assert error.fault is Fault.STALL
        assert server.asked["HEAD"] == (MAX_STALLS if at == "head" else 1)


@in_virtual_time
async def test_a_list_and_the_catalog_that_stall_end_the_fetch(tmp_path: Path) -> None:
    async with silent("get") as server:
        for items, checksums in (([], f"{server.url}/SHA256SUMS"), ([FetchItem("ABC00012")], "")):
            server.asked.clear()
            try:
                results = await fetch_many(
                    items,
                    checksums=checksums,
                    to=tmp_path / "to",
                    endpoints=[server.url] if items else [],
                    access=Access(timeout_s=LIMIT_S),
                    deliveries=tmp_path / "d",
                )
                error = results[0].error
            except DlcoreError as raised:
                error = raised
            assert isinstance(error, TransferError)
            assert error.fault is Fault.STALL
            assert server.asked["GET"] >= MAX_STALLS


@in_virtual_time
async def test_of_several_things_only_those_fail_whose_server_stalls(tmp_path: Path) -> None:
    other = tmp_path / "b.bin"
    other.write_bytes(BODY[1:])  # what is equal would be copied
    digest = hashlib.sha256(BODY[1:]).hexdigest()
    async with silent("body") as server:
        items = [FetchItem(f"{server.url}/a.bin", SHA256), FetchItem(other.as_uri(), digest)]
        bad, good = await fetch_many(
            items,
            to=tmp_path / "to",
            access=Access(timeout_s=LIMIT_S),
            retry=Retry(0),
            deliveries=tmp_path / "d",
        )
    assert isinstance(bad.error, ExhaustedError)
    assert good.error is None
    assert (tmp_path / "to" / "b.bin").read_bytes() == BODY[1:]


@pytest.mark.parametrize("timeout_s", [0.0, -1.0, math.inf, math.nan])
@in_virtual_time
async def test_a_limit_that_is_none_is_refused(tmp_path: Path, timeout_s: float) -> None:
    with pytest.raises(ConfigError, match="time limit"):
        await fetch("http://127.0.0.1:9/a", to=tmp_path, access=Access(timeout_s=timeout_s))


def test_without_a_limit_everything_is_as_patient_as_ever() -> None:
    assert max_stalls(None) == inquiry_policy(None, None).max_stalls > MAX_STALLS
    assert inquiry_policy(1.0, None).max_stalls == MAX_STALLS
    assert inquiry_policy(1.0, 60.0).max_stalls > 1000, "the user says for how long"


@in_virtual_time
async def test_the_setting_of_a_deployment_counts_for_all_its_connections(tmp_path: Path) -> None:
    async with silent("get") as server:
        text = (
            "[client]\non_internet = false\n"
            f"[transfer]\ntimeout_s = {LIMIT_S}\n"
            "[catalog]\nendpoint = 'web'\n"
            f"sha256 = '{SHA256}'\n"
            f"[[endpoint]]\nname = 'web'\nkind = 'http'\nurl = '{server.url}'\n"
        )
        deployment = parse_deployment(text.encode(), tmp_path / "d.toml")
        async with Client(deployment, tmp_path / "state") as client:
            with pytest.raises(TransferError) as raised:
                await client.package_index()
        assert raised.value.fault is Fault.STALL
        assert f"{LIMIT_S:g} s" in raised.value.message
        assert server.asked["GET"] == MAX_STALLS


def test_a_silent_server_ends_a_command_within_a_minute_without_a_limit() -> None:
    """Fault: a server drips, or says nothing any more, and nobody has set a time limit. dlcore
    gives it up after a bounded time.
    """
    policy = Policy()
    breaker = CircuitBreaker(policy, lambda *_: None)
    now_s = 0.0
    while not breaker.dropped_for:
        now_s = max(now_s, breaker.resume_at_s) + TransferPolicy().stall_s
        breaker.failed(Fault.STALL, now_s, jitter=0.999)
    assert now_s < 70
