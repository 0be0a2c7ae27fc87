"""The local API over a real socket: its client, its bounds, and who is not answered."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from dlcore.agent.addresses import address_of
from dlcore.agent.client import AgentClient
from dlcore.agent.interface import API_VERSION, MAX_BODY_BYTES, AgentEvent, SequencePoint, Want
from dlcore.agent.local import connector
from dlcore.agent.policy import AgentPolicy
from dlcore.agent.run_client import RunAgentClient
from dlcore.agent.run_want import NAME as NAME_OF_RUN
from dlcore.agent.running import running_agent
from dlcore.agent.service import AgentService
from dlcore.engine.events import PackageFailed
from dlcore.errors import (
    AgentError,
    ConfigError,
    LockedError,
    NotFoundError,
    TaskSequenceError,
)
from dlcore.store.lock import RUN_LOCK, StateLock
from tests.engine.machine import EXTRA, OS, TOOLS
from tests.engine.scene import deployment

QUICK = AgentPolicy(keep_alive_s=0.05)


@asynccontextmanager
async def agent_of(
    root: Path, state: Path, policy: AgentPolicy | None = None
) -> AsyncIterator[tuple[AgentService, AgentClient]]:
    """An agent that listens, and a client of it."""
    settings = deployment(root)
    async with (
        running_agent(settings, state, version="0.0", config="c", policy=policy) as service,
        AgentClient(state, patience_s=5.0) as client,
    ):
        yield service, client


@contextlib.contextmanager
def running(state: Path) -> Iterator[None]:
    """A run goes on."""
    lock = StateLock(state, 0.0, RUN_LOCK)
    try:
        yield
    finally:
        lock.release()


class Readers:
    """Tells when clients begin and end to read an agent's events.

    Attributes:
        began: Set when a client has begun.
        ended: Set when a client has ended.
    """

    def __init__(self, service: AgentService) -> None:
        self.began = asyncio.Event()
        self.ended = asyncio.Event()
        begin, end = service.begin_reading, service.end_reading

        def begin_reading() -> bool:
            self.began.set()
            return begin()

        def end_reading() -> None:
            end()
            self.ended.set()

        service.begin_reading = begin_reading  # type: ignore[method-assign]
        service.end_reading = end_reading  # type: ignore[method-assign]


@asynccontextmanager
async def raw(state: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """What any program may send."""
    async with aiohttp.ClientSession(
        "http://dlcore", connector=connector(address_of(state))
    ) as session:
        yield session


async def test_a_client_wants_obtains_and_forgets(published: Path, tmp_path: Path) -> None:
    async with agent_of(published, tmp_path) as (service, client):
        status = await client.status()
        assert (status.api_version, status.version) == (API_VERSION, "0.0")
        assert (status.config, status.state) == ("c", str(tmp_path))
        await client.want(Want("mine", (TOOLS,), by_s=7.0))
        assert (await client.status()).wants == (Want("mine", (TOOLS,), by_s=7.0),)
        folder = await client.obtain(OS)
        assert (folder / "install.wim").stat().st_size == 50_000
        assert (await client.package(OS)).folder == str(folder)
        await client.forget("mine")
        await client.forget("mine")
        assert (await client.status()).wants == ()
        await client.stop()
        assert service.stopping.is_set()


async def test_only_a_run_tells_what_it_wants(published: Path, tmp_path: Path) -> None:
    """Fault: a program uses the name of a run's want, or has it forgotten. It is refused."""
    wanted = Want(NAME_OF_RUN, (TOOLS,), in_use=(TOOLS,))
    async with agent_of(published, tmp_path) as (_, client), RunAgentClient(tmp_path) as run:
        with pytest.raises(ConfigError, match="belongs to dlcore run"):
            await client.want(Want(NAME_OF_RUN))
        with pytest.raises(ConfigError):
            await run.want_of_run(Want("mine"))
        with running(tmp_path):
            await run.want_of_run(wanted)
            with pytest.raises(LockedError, match="a run which goes on"):
                await client.forget(NAME_OF_RUN)
            assert (await client.status()).wants == (wanted,)
            with pytest.raises(LockedError) as caught:
                await client.obtain(TOOLS)
            assert "forget" not in caught.value.remedy
            await run.forget_run()
            assert (await client.status()).wants == ()
            await run.want_of_run(wanted)
        await client.forget(NAME_OF_RUN)  # its run was killed
        assert (await client.status()).wants == ()


async def test_errors_are_those_of_the_library(published: Path, tmp_path: Path) -> None:
    async with agent_of(published, tmp_path) as (_, client):
        with pytest.raises(NotFoundError, match="ABC99999"):
            await client.obtain("ABC99999")
        with pytest.raises(TaskSequenceError):
            await client.want(Want("bad", sequence=SequencePoint("<bad")))


async def test_twenty_clients_are_served_at_once(published: Path, tmp_path: Path) -> None:
    async with agent_of(published, tmp_path) as (service, _):

        async def one() -> Path:
            async with AgentClient(tmp_path) as client:
                return await client.obtain(OS)

        assert len(set(await asyncio.gather(*(one() for _ in range(20))))) == 1
        begun = [e.line for e in service.events.since(0) if '"PackageStarted"' in e.line]
        assert len(begun) == 1


async def test_no_agent_is_an_agent_error(tmp_path: Path) -> None:
    async with AgentClient(tmp_path, patience_s=0.0) as client:
        with pytest.raises(AgentError, match=r"no agent of .* can be reached") as caught:
            await client.status()
    assert caught.value.exit_status == 20
    assert "dlcore agent run" in caught.value.remedy


async def test_a_client_that_goes_away_waits_no_longer(published: Path, tmp_path: Path) -> None:
    async with agent_of(published, tmp_path) as (service, client):
        await client.obtain(TOOLS)
        blocked = asyncio.Event()
        entered = asyncio.Event()

        async def never(package_id: str) -> object:
            entered.set()
            try:
                await asyncio.Event().wait()
            finally:
                blocked.set()
            raise AssertionError

        service.obtain = never  # type: ignore[method-assign,assignment]
        waiting = asyncio.ensure_future(client.obtain(EXTRA))
        await entered.wait()
        waiting.cancel()
        await asyncio.wait_for(blocked.wait(), 10)


# Events


async def test_events_go_on_after_the_number_that_a_client_has_seen(
    published: Path, tmp_path: Path
) -> None:
    async with agent_of(published, tmp_path) as (_, client):
        await client.obtain(OS)
        seen = [event async for event in until_ready(client, OS, after=0)]
        assert json.loads(seen[-1].line)["event"] == "PackageReady"
        again = [event async for event in until_ready(client, OS, after=seen[0].number)]
        assert again == seen[1:]


async def until_ready(
    client: AgentClient, package_id: str, after: int | None
) -> AsyncIterator[AgentEvent]:
    """Events, up to the one that tells that a package is there."""
    stream = client.events(after)
    async for event in stream:
        yield event
        told = json.loads(event.line)
        if told["event"] == "PackageReady" and told["package"] == package_id:
            break


async def test_events_from_now_on_leave_out_what_was(published: Path, tmp_path: Path) -> None:
    async with agent_of(published, tmp_path) as (service, client):
        await client.obtain(OS)
        latest = service.events.latest
        readers = Readers(service)
        listening = asyncio.ensure_future(collect(client, EXTRA))
        await asyncio.wait_for(readers.began.wait(), 10)
        await client.obtain(EXTRA)
        numbers = await asyncio.wait_for(listening, 10)
        assert numbers
        assert min(numbers) > latest


async def collect(client: AgentClient, package_id: str) -> list[int]:
    return [event.number async for event in until_ready(client, package_id, None)]


async def test_silence_is_told_so_that_either_side_notices_the_end(
    published: Path, tmp_path: Path
) -> None:
    async with agent_of(published, tmp_path, QUICK) as (service, _), raw(tmp_path) as session:
        readers = Readers(service)
        async with session.get("/v1/events") as response:
            lines = [await response.content.readline() for _ in range(4)]
        assert lines[0] == f"id: {service.events.latest}\n".encode()
        assert lines[2].startswith(b": ")
        await asyncio.wait_for(readers.ended.wait(), 10)
        assert not service.readers


async def test_more_readers_than_allowed_are_refused(published: Path, tmp_path: Path) -> None:
    policy = AgentPolicy(max_readers=1)
    async with (
        agent_of(published, tmp_path, policy) as (_, _),
        raw(tmp_path) as session,
        session.get("/v1/events"),
        session.get("/v1/events") as second,
    ):
        assert second.status == 503


async def test_a_reader_that_reads_nothing_is_cut_off(published: Path, tmp_path: Path) -> None:
    """Fault: a client asks for events and never reads. It is cut off; nothing is kept for it."""
    policy = AgentPolicy(max_write_s=0.2, kept_events=20_000)
    async with agent_of(published, tmp_path, policy) as (service, _), raw(tmp_path) as session:
        for number in range(20_000):
            service.events.hear(PackageFailed(f"P{number}", "x" * 400))
        readers = Readers(service)
        async with session.get("/v1/events", headers={"Last-Event-ID": "0"}):
            assert readers.began.is_set()
            await asyncio.wait_for(readers.ended.wait(), 20)
        assert not service.readers


# What is refused


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1"},
        {"Origin": "http://dlcore"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Referer": "http://evil.example/"},
    ],
    ids=lambda headers: next(iter(headers)),
)
async def test_no_browser_is_answered(
    published: Path, tmp_path: Path, headers: dict[str, str]
) -> None:
    async with agent_of(published, tmp_path) as (_, _), raw(tmp_path) as session:
        for path in ("/v1/status", "/v1/events", "/nothing"):
            async with session.get(path, headers=headers) as response:
                assert response.status == 403
                assert (await response.json())["code"] == "config"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/v1/wants/a", b"{}", 400),
        ("PUT", "/v1/wants/a", b'{"name":"b"}', 409),
        ("PUT", "/v1/wants/a", b"[" * 100_000, 400),
        ("PUT", "/v1/wants/a", b'{"name":"a","packages":["a/../b"]}', 400),
        ("PUT", "/v1/wants/a", b'{"name":"a","packages":["AB\\n"]}', 400),
        ("PUT", "/v1/wants/a", b'{"name":"a","more":1}', 400),
        ("PUT", "/v1/wants/a%0A", b'{"name":"a\\n"}', 400),
        ("PUT", "/v1/wants/a", b'{"name":"a","by_s":-1}', 400),
        ("GET", "/v1/packages/..%2F..%2Fetc", None, 400),
        ("POST", "/v1/packages/%00/obtain", None, 400),
        ("GET", "/v1/wants/a", None, 405),
        ("GET", "/v2/status", None, 404),
        ("POST", "/v1/packages/ABC99999/obtain", None, 404),
    ],
)
async def test_what_cannot_be_understood_is_refused(
    published: Path, tmp_path: Path, method: str, path: str, body: bytes | None, status: int
) -> None:
    headers = {"Content-Type": "application/json"} if body else {}
    async with agent_of(published, tmp_path) as (_, client):
        url = URL(f"http://dlcore{path}", encoded=True)
        async with (
            aiohttp.ClientSession(connector=connector(address_of(tmp_path))) as session,
            session.request(method, url, data=body, headers=headers) as response,
        ):
            assert response.status == status
            assert (await response.json())["message"]
        assert (await client.status()).wants == ()


async def test_bodies_have_a_bound_and_a_type(published: Path, tmp_path: Path) -> None:
    async with agent_of(published, tmp_path) as (_, _), raw(tmp_path) as session:
        long = b" " * (MAX_BODY_BYTES + 1)
        json_type = {"Content-Type": "application/json"}
        async with session.put("/v1/wants/a", data=BytesIO(long), headers=json_type) as response:
            assert response.status == 413
        plain = {"Content-Type": "text/plain"}
        async with session.put("/v1/wants/a", data=b'{"name":"a"}', headers=plain) as response:
            assert response.status == 415


@pytest.mark.parametrize("number", ["-1", "x", "1" * 17, "9" * 16])
async def test_a_number_of_an_event_is_a_number(
    published: Path, tmp_path: Path, number: str
) -> None:
    async with (
        agent_of(published, tmp_path) as (_, _),
        raw(tmp_path) as session,
        session.get("/v1/events", headers={"Last-Event-ID": number}) as response,
    ):
        assert response.status == 400


async def test_a_fault_of_dlcore_tells_nothing_of_itself(
    published: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with agent_of(published, tmp_path) as (service, _), raw(tmp_path) as session:

        def broken() -> None:
            raise ValueError("a secret")

        service.status = broken  # type: ignore[method-assign,assignment]
        async with session.get("/v1/status") as response:
            assert response.status == 500
            assert "secret" not in await response.text()
