"""What an agent attaches: spans of a real client, and of real requests."""

from __future__ import annotations

import functools
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.trace import SpanKind, StatusCode

import dlcore
from dlcore.errors import Fault
from dlcore.steps.interface import Outcome
from dlcore.telemetry.http_spans import HttpSpans, attributes_of
from dlcore.transfer import Exchange, observed
from dlcore.transfer.http.exchanges import OpenExchange
from tests.engine.machine import OS, TREES, Acting, Machine, parsed
from tests.engine.scene import deployment, publish_packages, step
from tests.telemetry.memory import Memory, is_below, told

CANARY = "canary"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A web server without ranges, as the standard library has one."""
    publish_packages(tmp_path, TREES, block_bytes=4096)

    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: object) -> None:
            """Nothing."""

    handler = functools.partial(Handler, directory=str(tmp_path / "published"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


async def test_a_fetch_goes_on_though_its_observers_fail(
    address: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault P7: the program's own code fails as it hears of each request. dlcore goes on."""
    told: list[Exchange] = []

    def fails(exchange: Exchange) -> None:
        told.append(exchange)
        raise RuntimeError(CANARY)

    with observed(fails):
        await dlcore.fetch(OS, to=tmp_path / "to", endpoints=[address])
    assert len(told) > len(TREES[OS])
    assert caplog.text.count("a callback failed: RuntimeError") == 1
    assert CANARY not in caplog.text


async def test_each_request_of_a_fetch_is_below_its_package(address: str, tmp_path: Path) -> None:
    memory = Memory()
    with dlcore.traced(provider=memory.provider, requests=True) as spans:
        fetched = await dlcore.fetch(
            OS, to=tmp_path / "to", endpoints=[address], on_event=spans.hear
        )
    fetch, package = memory.one("fetch"), memory.one("download package")
    assert told(fetch)["dlcore.bytes_fetched"] == fetched.bytes_fetched
    requests = memory.named("GET")
    documents = [span for span in requests if is_below(span, fetch)]
    objects = [span for span in requests if is_below(span, package)]
    assert len(documents) + len(objects) == len(requests)
    assert {str(told(span)["url.full"]) for span in documents} >= {f"{address}/catalog.json"}
    assert all(span.kind is SpanKind.CLIENT for span in requests)
    for span in objects:
        assert told(span)["server.address"] == "127.0.0.1"
        assert told(span)["server.port"] == int(address.rpartition(":")[2])
        assert told(span)["http.response.status_code"] == 200
        assert told(span)["dlcore.package.id"] == OS
    assert fetch.status.status_code is StatusCode.UNSET


async def test_a_client_is_traced_while_the_body_runs(address: str, tmp_path: Path) -> None:
    memory = Memory()
    settings = deployment(tmp_path)
    client = dlcore.Client(settings, tmp_path / "state")
    with dlcore.traced(client, provider=memory.provider):
        async with client:
            await client.fetch(OS)
    assert told(memory.one("download package"))["dlcore.package.id"] == OS
    assert memory.named("GET") == []


def test_the_processes_of_a_run_have_one_id(tmp_path: Path) -> None:
    publish_packages(tmp_path, TREES, block_bytes=4096)
    machine, ids = Machine(tmp_path, tmp_path / "state"), list[str]()
    asks = Acting(lambda step, variables, content: Outcome(restart=len(ids) == 0))
    for _ in range(3):
        machine.run(parsed(step("one")), asks)
        ids += [event.run_id for event in machine.events if isinstance(event, dlcore.RunBegan)]
    assert ids[0] == ids[1] != ids[2]
    assert all(re.fullmatch("[0-9a-f]{32}", run_id) for run_id in ids)


def test_requests_before_the_run_belong_to_its_trace() -> None:
    memory = Memory()
    tracer = memory.provider.get_tracer("test")
    spans = dlcore.RunSpans(tracer)
    http = HttpSpans(tracer, spans)
    http.hear(an_exchange("https://edge.example/catalog.json", 200, None))
    assert memory.all() == ()
    spans.hear(dlcore.RunBegan("", 0, 0, ()))
    http.close()
    spans.close()
    http.hear(an_exchange("https://edge.example/late", 200, None))
    run = memory.one("run task sequence")
    assert all(is_below(span, run) for span in memory.named("GET"))
    assert len(memory.named("GET")) == 2


def heard(exchange: Exchange) -> Memory:
    memory = Memory()
    tracer = memory.provider.get_tracer("test")
    http = HttpSpans(tracer, dlcore.RunSpans(tracer))
    http.hear(exchange)
    http.close()
    return memory


def an_exchange(url: str, status: int | None, fault: Fault | None) -> Exchange:
    ended: list[Exchange] = []
    exchange = OpenExchange(ended.append, "edge", "GET", url, iter((1.0, 3.0)).__next__)
    exchange.end(status, fault)
    exchange.end(status, fault)
    return ended[0]


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{CANARY}@edge.example/objects/a",
        f"https://edge.example/objects/a?sig={CANARY}&se=2026",
        f"https://edge.example/objects/a;token={CANARY}",
        f"https://edge.example/objects/a#{CANARY}",
        f"https://edge.example/sccm?/{CANARY}",
    ],
)
def test_no_secret_of_a_url_is_in_a_span(url: str) -> None:
    """Fault: a signed URL is sent to a collector. dlcore leaves out user, query and fragment."""
    exchange = an_exchange(url, 200, None)
    attributes = attributes_of(exchange)
    assert CANARY not in str(attributes)
    assert "?" not in str(attributes["url.full"])
    assert (attributes["server.address"], attributes["server.port"]) == ("edge.example", 443)


@pytest.mark.parametrize(
    ("status", "fault", "error_type"),
    [
        (206, None, None),
        (503, Fault.BUSY, "503"),
        (404, None, "404"),
        (206, Fault.TRUNCATED, "truncated"),
        (None, Fault.CONNECT, "connect"),
    ],
)
def test_the_type_of_an_error_is_the_status_or_the_fault(
    status: int | None, fault: Fault | None, error_type: str | None
) -> None:
    (span,) = heard(an_exchange("https://edge.example/a", status, fault)).all()
    assert told(span).get("error.type") == error_type
    assert told(span).get("http.response.status_code") == status
    assert (span.status.status_code is StatusCode.ERROR) == (error_type is not None)
