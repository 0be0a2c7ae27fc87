"""``--metrics-port``: figures of a run for Prometheus, off unless it is asked for.

It listens at the loopback address only. Names of endpoints are the only labels: they come from the
settings, and there are few of them. Whoever opens many connections does not take the run's files
and connections away.

Source: Prometheus, "Metric and label naming" (units, ``_total``).
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from socketserver import ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dlcore.engine import events
from dlcore.engine.listeners.bus import EventBus
from dlcore.errors import ConfigError

MAX_CONNECTIONS: Final = 16
"""Prometheus uses one. Any user of this computer may connect, and each connection takes a thread,
and one of the files that this process may open.
"""


class RunMetrics(Collector):
    """Hears the events of a run, and tells the figures. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._progress = events.Progress(0, 0, 0.0)
        self._steps: Counter[str] = Counter()
        self._packages: Counter[str] = Counter()
        self._waited_s = 0.0
        self._ran_s = 0.0
        self._retries = 0

    def hear(self, event: events.Event) -> None:
        """Take note of an event."""
        with self._lock:
            match event:
                case events.Progress():
                    self._progress = event
                case events.StepStarted():
                    self._waited_s += event.stall_s
                case events.StepEnded():
                    self._ran_s += event.run_s
                    self._steps[event.outcome] += 1
                case events.StepSkipped():
                    self._steps["skipped"] += 1
                case events.DownloadRetried():
                    self._retries += 1
                case events.PackageReady():
                    self._packages["ready"] += 1
                case events.PackageFailed():
                    self._packages["failed"] += 1

    def collect(self) -> Iterator[Metric]:
        """The figures now."""
        with self._lock:
            told = [*self._of_endpoints(), *self._of_the_run()]
        yield from told

    def _of_endpoints(self) -> Iterator[Metric]:
        labels = ["endpoint"]
        received = CounterMetricFamily(
            "dlcore_received_bytes", "Payload bytes received.", labels=labels
        )
        failures = CounterMetricFamily(
            "dlcore_failures", "Failed requests and bad blocks.", labels=labels
        )
        connections = GaugeMetricFamily("dlcore_connections", "Requests in flight.", labels=labels)
        for name, own in self._progress.endpoints.items():
            received.add_metric([name], own.received_bytes)
            failures.add_metric([name], own.failures)
            connections.add_metric([name], own.connections)
        yield from (received, failures, connections)

    def _of_the_run(self) -> Iterator[Metric]:
        now = self._progress
        yield GaugeMetricFamily(
            "dlcore_verified_bytes", "Bytes on disk and verified.", now.verified_bytes
        )
        yield GaugeMetricFamily(
            "dlcore_wanted_bytes", "Length of all packages begun.", now.wanted_bytes
        )
        yield CounterMetricFamily(
            "dlcore_wasted_bytes", "Bytes received twice, or not used.", now.wasted_bytes
        )
        yield CounterMetricFamily(
            "dlcore_retries", "How often all endpoints were asked again.", self._retries
        )
        yield CounterMetricFamily(
            "dlcore_step_wait_seconds", "Time that steps waited for content.", self._waited_s
        )
        yield CounterMetricFamily("dlcore_step_run_seconds", "Time that steps ran.", self._ran_s)
        for thing, counts in (("steps", self._steps), ("packages", self._packages)):
            ended = CounterMetricFamily(
                f"dlcore_{thing}", f"What {thing} came to.", labels=["outcome"]
            )
            for outcome, count in counts.items():
                ended.add_metric([outcome], count)
            yield ended


class _Handler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None: ...


class _Server(ThreadingMixIn, WSGIServer):
    """Has a thread for each connection; if there are too many, the oldest one is cut off."""

    daemon_threads = True
    request_queue_size = MAX_CONNECTIONS

    def __init__(self, *args: Any) -> None:
        self._lock = threading.Lock()
        self._inside: dict[int, socket.socket] = {}  # by identity, the oldest first
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._inside[id(request)] = request
            if len(self._inside) > MAX_CONNECTIONS:
                oldest = self._inside.pop(next(iter(self._inside)))
                with contextlib.suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)  # its thread closes it
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._inside.pop(id(request), None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: the reader has gone."""


@contextlib.contextmanager
def served_metrics(bus: EventBus, port: int, tell: Callable[[str], None]) -> Iterator[None]:
    """Serve the figures while the body runs.

    Args:
        bus: Tells the events.
        port: TCP port to listen on; 0: a free one.
        tell: Is told the address.

    Raises:
        ConfigError: The port cannot be listened at.
    """
    metrics, registry = RunMetrics(), CollectorRegistry()
    registry.register(metrics)
    try:
        server = make_server("127.0.0.1", port, make_wsgi_app(registry), _Server, _Handler)
    except OSError as error:
        raise ConfigError(
            f"--metrics-port: cannot listen at 127.0.0.1:{port}: {error.strerror}",
            remedy="Choose another port; 0 takes a free one.",
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    bus.subscribe(metrics.hear)
    try:
        tell(f"metrics: http://127.0.0.1:{server.server_port}/metrics")
        yield
    finally:
        bus.unsubscribe(metrics.hear)
        server.shutdown()
        server.server_close()
        thread.join()
