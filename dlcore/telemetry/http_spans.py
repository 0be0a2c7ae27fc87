"""A span for each HTTP request, to find a slow server. Off by default: there are many requests.

Source: OpenTelemetry, "Semantic Conventions for HTTP Spans" (client).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer

from dlcore.telemetry.spans import NS_PER_S, RunSpans
from dlcore.transfer import Exchange

MAX_EARLY: Final = 1000  # of the checks before a run, which belong to its trace


class HttpSpans:
    """Hears of exchanges, and makes a span of each.

    Args:
        tracer: Makes the spans.
        run: Knows where they belong.
        now_ns: Tells nanoseconds since 1970.
    """

    def __init__(
        self, tracer: Tracer, run: RunSpans, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._tracer = tracer
        self._run = run
        self._now_ns = now_ns
        self._early: list[tuple[Exchange, int]] = []

    def hear(self, exchange: Exchange) -> None:
        """An exchange has ended now."""
        if not self._run.has_parent and len(self._early) < MAX_EARLY:
            self._early.append((exchange, self._now_ns()))
            return
        self.close()
        self._add(exchange, self._now_ns())

    def close(self) -> None:
        """Make spans of what is held back until the run begins. Idempotent."""
        early, self._early = self._early, []
        for exchange, ended_ns in early:
            self._add(exchange, ended_ns)

    def _add(self, exchange: Exchange, ended_ns: int) -> None:
        took_ns = round((exchange.ended_s - exchange.began_s) * NS_PER_S)
        span = self._tracer.start_span(
            exchange.method,
            self._run.parent_of(exchange.package),
            kind=SpanKind.CLIENT,
            attributes=attributes_of(exchange),
            start_time=ended_ns - took_ns,
        )
        error_type = error_type_of(exchange)
        if error_type:
            span.set_attribute("error.type", error_type)
            span.set_status(Status(StatusCode.ERROR))
        span.end(ended_ns)


def attributes_of(exchange: Exchange) -> dict[str, str | int]:
    """What is told of an exchange, by the names of the conventions."""
    address, port = exchange.server
    attributes: dict[str, str | int] = {
        "http.request.method": exchange.method,
        "url.full": exchange.url,
        "server.address": address,
        "http.response.body.size": exchange.received_bytes,
        "dlcore.endpoint": exchange.endpoint,
    }
    if port is not None:
        attributes["server.port"] = port
    if exchange.status is not None:
        attributes["http.response.status_code"] = exchange.status
    if exchange.package:
        attributes["dlcore.package.id"] = exchange.package
    return attributes


def error_type_of(exchange: Exchange) -> str:
    """The status if it is an error, else the fault; empty if all went well."""
    if exchange.status is not None and exchange.status >= 400:
        return str(exchange.status)
    return exchange.fault.value if exchange.fault else ""
