"""Attaches spans to a client, or to a fetch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from opentelemetry.context import Context
from opentelemetry.trace import TracerProvider, get_tracer_provider

from dlcore.engine.client import Client
from dlcore.telemetry.http_spans import HttpSpans
from dlcore.telemetry.spans import RunSpans
from dlcore.transfer import observed

SCOPE = "dlcore"


@contextlib.contextmanager
def traced(
    client: Client | None = None,
    *,
    provider: TracerProvider | None = None,
    requests: bool = False,
    parent: Context | None = None,
    on_run: Callable[[str], None] | None = None,
) -> Iterator[RunSpans]:
    """Make spans of what happens in the body.

    Args:
        client: Whose runs and fetches. None: the body calls `dlcore.fetch` or `dlcore.fetch_many`
            with ``on_event=spans.hear``, and one span stands for all of it.
        provider: Makes the spans; None: the global one of OpenTelemetry.
        requests: Whether each HTTP request becomes a span, too.
        parent: Where the spans belong; None: in the span that is current now, if there is one.
        on_run: Told the id of a run right before its span begins.

    Raises:
        ConfigError: The extra ``otel`` is not installed.

    Example:
        ``with dlcore.traced(client): report = await dlcore.run_sequence(client, ...)``
    """
    tracer = (provider or get_tracer_provider()).get_tracer(SCOPE)
    spans = RunSpans(tracer, parent=parent, on_run=on_run)
    with contextlib.ExitStack() as stack:
        if requests:
            http = HttpSpans(tracer, spans)
            stack.callback(http.close)
            if client:
                client.observe_exchanges(http.hear)
                stack.callback(client.observe_exchanges, None)
            stack.enter_context(observed(http.hear))
        stack.callback(spans.close)
        if client:
            client.bus.subscribe(spans.hear)
            stack.callback(client.bus.unsubscribe, spans.hear)
        else:
            spans.begin_fetch()
        yield spans
