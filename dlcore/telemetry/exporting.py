"""Sends spans where the environment says: the ``OTEL_*`` variables, over OTLP with HTTP.

Guarantees: what cannot be delivered is told of once and never holds the work up; the end waits a
few seconds at most for the rest. A run is one trace, however many processes it takes: its id is the
id of the trace, unless ``TRACEPARENT`` names another trace.

Source: OpenTelemetry, "Environment Variable Specification", "OTLP Exporter Configuration";
"Environment Variables as Context Propagation Carriers" (``TRACEPARENT``).
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from dlcore.errors import ConfigError

FLUSH_S: Final = 5.0  # an end that takes longer is worse than the loss of some spans
GIVE_UP_S: Final = 1.0
PROTOCOL: Final = "http/protobuf"
_PROTOCOL_VARIABLES: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


class RunIds(RandomIdGenerator):
    """The id of a run is that of its trace."""

    def __init__(self) -> None:
        self._run_id = ""

    def use(self, run_id: str) -> None:
        """The next trace is that of this run."""
        self._run_id = run_id

    def generate_trace_id(self) -> int:
        """The id of the next trace."""
        run_id, self._run_id = self._run_id, ""
        return int(run_id, 16) if run_id else super().generate_trace_id()


class TellingExporter(SpanExporter):
    """Tells once if spans cannot be delivered.

    Args:
        exporter: Delivers them.
        tell: Is told.
    """

    def __init__(self, exporter: SpanExporter, tell: Callable[[str], None]) -> None:
        self._exporter = exporter
        self._tell = tell
        self._has_told = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Deliver spans."""
        try:
            result = self._exporter.export(spans)
        except Exception:  # of a foreign library: spans are never worth a failure
            result = SpanExportResult.FAILURE
        if result is not SpanExportResult.SUCCESS:
            self.lost()
        return result

    def lost(self) -> None:
        """Spans are lost."""
        if not self._has_told:
            self._has_told = True
            self._tell(
                "warning: --otel: spans could not be delivered; check OTEL_EXPORTER_OTLP_ENDPOINT "
                "and that the collector takes OTLP over HTTP there"
            )

    def shutdown(self) -> None:
        """Deliver nothing more, and try nothing again."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing is held back here."""
        return self._exporter.force_flush(timeout_millis)


@contextlib.contextmanager
def exported(
    tell: Callable[[str], None], environment: Mapping[str, str] = os.environ, *, version: str = ""
) -> Iterator[tuple[TracerProvider, RunIds]]:
    """A provider whose spans are delivered while the body runs, and the rest at its end.

    Args:
        tell: Is told if they cannot be delivered.
        environment: Says where. The SDK reads the same variables from the process itself.
        version: Of dlcore.

    Raises:
        ConfigError: The environment asks for what dlcore does not have.
    """
    ids = RunIds()
    _silence_libraries()
    exporter = TellingExporter(_exporter(environment), tell)
    provider = TracerProvider(resource=_resource(version), id_generator=ids, shutdown_on_exit=False)
    if environment.get("OTEL_TRACES_EXPORTER", "").strip().lower() != "none":
        provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield provider, ids
    finally:
        _shut_down(provider, exporter)


def parent_of_environment(environment: Mapping[str, str] = os.environ) -> Context | None:
    """The span of the program that started this one, if it told; else None."""
    carrier = {
        name: environment[name.upper()]
        for name in ("traceparent", "tracestate")
        if name.upper() in environment
    }
    return TraceContextTextMapPropagator().extract(carrier) if carrier else None


def _exporter(environment: Mapping[str, str]) -> SpanExporter:
    kind = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower() or "otlp"
    if kind == "console":
        return ConsoleSpanExporter(out=sys.stderr)
    if kind not in {"otlp", "none"}:
        raise ConfigError(
            f"OTEL_TRACES_EXPORTER is {kind}, and dlcore knows otlp, console and none",
            remedy="Send OTLP to a collector; it can pass spans on in other formats.",
        )
    for name in _PROTOCOL_VARIABLES:
        protocol = environment.get(name, "").strip().lower()
        if protocol not in {"", PROTOCOL}:
            raise ConfigError(
                f"{name} is {protocol}, and dlcore sends {PROTOCOL} only",
                remedy=f"Set it to {PROTOCOL}; collectors listen for that at port 4318.",
            )
    return OTLPSpanExporter()


def _resource(version: str) -> Resource:
    own = Resource.create({"service.name": "dlcore", "service.version": version})
    return own.merge(OTELResourceDetector().detect())  # OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES


def _shut_down(provider: TracerProvider, exporter: TellingExporter) -> None:
    ending = threading.Thread(target=provider.shutdown, daemon=True)
    ending.start()
    ending.join(FLUSH_S)
    if ending.is_alive():
        exporter.lost()
        exporter.shutdown()
        ending.join(GIVE_UP_S)


def _silence_libraries() -> None:
    """Keep the logs of its libraries back: they may name headers; `TellingExporter` says enough."""
    for name in ("opentelemetry", "urllib3"):
        logger = logging.getLogger(name)
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
