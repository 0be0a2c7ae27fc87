"""``--otel``: what a collector gets, by OTLP over HTTP."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcore.telemetry.exporting import exported
from tests.cli.conftest import Site
from tests.cli.helpers import Here
from tests.telemetry.collector import Collector, collecting


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        yield collector


def run(site: Site, state: Path, *more: object) -> tuple[object, ...]:
    where = ("--config", site.gateway.config, "--state", state)
    return "run", site.sequence, *where, "--simulate", "0", *more


def test_a_collector_gets_the_spans_of_a_run(
    here: Here, site: Site, tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "upgrades")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=canary")
    ended = here(*run(site, tmp_path / "state", "--otel", "requests", "--json"))
    assert ended.status == 0, ended.err
    assert "canary" not in ended.out + ended.err
    assert "canary" not in str(collector.spans)
    assert collector.services == {"upgrades"}
    assert collector.headers[0]["api-key"] == "canary"
    names = [span.name for span in collector.spans]
    assert names.count("run task sequence") == 1
    assert names.count("step") == 2
    assert sorted(set(names)) == sorted(
        {"GET", "POST", "download package", "run task sequence", "step", "wait for content"}
    )
    assert len({span.trace_id for span in collector.spans}) == 1
    (root,) = [span for span in collector.spans if not span.parent_span_id]
    told = {each.key: each.value for each in root.attributes}
    assert told["dlcore.bytes_fetched"].int_value == ended.document["bytes_fetched"]
    assert told["dlcore.run.makespan_s"].double_value == ended.document["makespan_s"]
    assert root.trace_id.hex() == told["dlcore.run.id"].string_value


def test_a_fetch_belongs_where_the_program_that_started_it_says(
    here: Here, site: Site, tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    monkeypatch.setenv("TRACEPARENT", f"00-{trace}-{parent}-01")
    source = ("--from", site.published, "-o", tmp_path / "to")
    ended = here("fetch", "ABC00002", *source, "--otel", "run")
    assert ended.status == 0, ended.err
    assert {span.trace_id.hex() for span in collector.spans} == {trace}
    (fetch,) = [span for span in collector.spans if span.name == "fetch"]
    assert fetch.parent_span_id.hex() == parent


def test_without_the_option_nothing_is_sent_and_nothing_imported(
    here: Here, site: Site, tmp_path: Path, collector: Collector
) -> None:
    code = (
        "import sys, dlcore, dlcore.cli.run, dlcore.cli.fetch, dlcore.sync\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    ended = here("fetch", "ABC00002", "--from", site.published, "-o", tmp_path / "to")
    assert (ended.status, collector.spans) == (0, [])


def test_a_collector_that_refuses_costs_a_warning(
    here: Here, site: Site, tmp_path: Path, collector: Collector
) -> None:
    """Fault: the collector does not take the spans. dlcore says so once, and the fetch is done."""
    collector.status = 403
    source = ("--from", site.published, "-o", tmp_path / "to")
    ended = here("fetch", "ABC00002", *source, "--otel", "requests")
    assert ended.status == 0
    assert [line for line in ended.err.splitlines() if "spans" in line] == [
        (
            "warning: --otel: spans could not be delivered; check OTEL_EXPORTER_OTLP_ENDPOINT and "
            "that the collector takes OTLP over HTTP there"
        )
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [("OTEL_TRACES_EXPORTER", "zipkin"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")],
)
def test_what_dlcore_cannot_send_is_refused_by_name(
    here: Here,
    site: Site,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
) -> None:
    monkeypatch.setenv(name, value)
    ended = here("fetch", "ABC00002", "--from", site.published, "-o", tmp_path, "--otel", "run")
    assert ended.status == 2
    assert f"{name} is {value}" in ended.err


def test_no_exporter_is_none() -> None:
    told: list[str] = []
    with exported(told.append, {"OTEL_TRACES_EXPORTER": "none"}) as (provider, _):
        provider.get_tracer("test").start_span("one").end()
    assert told == []
