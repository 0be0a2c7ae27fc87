"""``run --metrics-port``: what Prometheus reads."""

from __future__ import annotations

import contextlib
import socket
import urllib.request

import pytest

from dlcore.cli.live.metrics import MAX_CONNECTIONS, RunMetrics, served_metrics
from dlcore.engine import events
from dlcore.engine.events import EndpointProgress, Event, Progress
from dlcore.engine.listeners.bus import EventBus
from dlcore.errors import ConfigError

HAPPENED: tuple[Event, ...] = (
    Progress(3, 10, 1.0, 2, endpoints={"dp": EndpointProgress(4, 1.0, 5, 2)}),
    events.StepStarted(0, "one", 2.5),
    events.StepEnded(0, "one", "succeeded", 0, 4.0),
    events.StepStarted(1, "two", 0.5),
    events.StepEnded(1, "two", "failed", 1, 1.0),
    events.StepSkipped(2, "three", "disabled"),
    events.DownloadRetried("ABC00002", 1, 2, 15.0),
    events.PackageReady("ABC00001", "/there"),
    events.PackageFailed("ABC00002", "gone"),
)


def read(address: str) -> list[str]:
    with urllib.request.urlopen(address) as response:
        text = response.read().decode()
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_prometheus_reads_the_figures_of_the_run() -> None:
    bus, told = EventBus(), list[str]()
    with served_metrics(bus, 0, told.append):
        for event in HAPPENED:
            bus.emit(event)
        address = told[0].removeprefix("metrics: ")
        assert address.startswith("http://127.0.0.1:")
        lines = read(address)
    for line in (
        'dlcore_received_bytes_total{endpoint="dp"} 5.0',
        'dlcore_failures_total{endpoint="dp"} 2.0',
        'dlcore_connections{endpoint="dp"} 4.0',
        "dlcore_verified_bytes 3.0",
        "dlcore_wasted_bytes_total 2.0",
        "dlcore_retries_total 1.0",
        "dlcore_wanted_bytes 10.0",
        "dlcore_step_wait_seconds_total 3.0",
        "dlcore_step_run_seconds_total 5.0",
        'dlcore_steps_total{outcome="failed"} 1.0',
        'dlcore_steps_total{outcome="skipped"} 1.0',
        'dlcore_packages_total{outcome="ready"} 1.0',
        'dlcore_packages_total{outcome="failed"} 1.0',
    ):
        assert line in lines, lines
    with pytest.raises(OSError, match="refused"):
        read(address)


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        serving = served_metrics(EventBus(), port, lambda _: None)
        with pytest.raises(ConfigError, match=rf"cannot listen at 127\.0\.0\.1:{port}"), serving:
            pass


def test_a_run_that_has_not_begun_has_figures_too() -> None:
    names = {metric.name for metric in RunMetrics().collect()}
    assert {"dlcore_received_bytes", "dlcore_steps", "dlcore_verified_bytes"} <= names


def test_who_opens_many_connections_takes_few_of_the_run() -> None:
    """Fault: another user of the computer opens connections to the metrics and is silent. The
    oldest ones are cut off, so the run can still open files, and Prometheus reads.
    """
    told = list[str]()
    with served_metrics(EventBus(), 0, told.append), contextlib.ExitStack() as stack:
        address = told[0].removeprefix("metrics: ")
        port = int(address.rpartition(":")[2].partition("/")[0])
        opened: list[socket.socket] = []
        for _ in range(3 * MAX_CONNECTIONS):
            each = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            each.sendall(b"GET /")
            opened.append(each)
        assert [each.recv(1) for each in opened[: 2 * MAX_CONNECTIONS]] == [b""] * (
            2 * MAX_CONNECTIONS
        )
        assert "dlcore_verified_bytes 0.0" in read(address)
