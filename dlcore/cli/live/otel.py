"""``--otel``: spans of a run or a fetch, sent where the ``OTEL_*`` variables say.

Off unless it is asked for, whatever the variables say: they may be there for another program.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dlcore import __version__
from dlcore.engine.listeners.bus import EventBus
from dlcore.extras import require

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from dlcore.engine.client import Client  # a fetch needs none, and it imports what a run needs

F = TypeVar("F", bound=Callable[..., Any])

Trace = Callable[["Client | EventBus"], "AbstractContextManager[None]"]
"""Makes spans of what a client does, or of a fetch whose events a bus tells, in its context."""


def otel_option(command: F) -> F:
    """Give a command the option; it comes as ``otel``."""
    return click.option(
        "--otel",
        type=click.Choice(["run", "requests"]),
        help="Send OpenTelemetry spans of the run or fetch, its steps, waits and packages; with "
        "'requests' also of each HTTP request. The OTEL_* variables say where.",
    )(command)


@contextlib.contextmanager
def opened_otel(otel: str | None, tell: Callable[[str], None]) -> Iterator[Trace]:
    """What makes spans while the body runs, and delivers the last ones at its end.

    Args:
        otel: What was asked for; None: nothing is made, and nothing is imported.
        tell: Is told if spans cannot be delivered.

    Raises:
        ConfigError: The extra is not installed, or the variables ask for what dlcore does not have.
    """
    if otel is None:
        yield lambda _: contextlib.nullcontext()
        return
    require("otel")
    from dlcore.telemetry.exporting import exported, parent_of_environment
    from dlcore.telemetry.tracing import traced

    with exported(tell, version=__version__) as (provider, ids):
        options: dict[str, Any] = {
            "provider": provider,
            "requests": otel == "requests",
            "parent": parent_of_environment(),
            "on_run": ids.use,
        }

        @contextlib.contextmanager
        def trace(what: Client | EventBus) -> Iterator[None]:
            if not isinstance(what, EventBus):
                with traced(what, **options):
                    yield
                return
            with traced(**options) as spans:
                what.subscribe(spans.hear)
                try:
                    yield
                finally:
                    what.unsubscribe(spans.hear)

        yield trace
