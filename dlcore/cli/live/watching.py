"""The options by which other programs watch a run: ``--live`` and ``--metrics-port``.

What they need is imported only if they are given.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import click
import msgspec

from dlcore.engine.listeners.bus import EventBus
from dlcore.extras import require

F = TypeVar("F", bound=Callable[..., Any])


class Watching(msgspec.Struct, frozen=True):
    """What was asked for.

    Attributes:
        live: Whether to serve the page of the run.
        metrics_port: Where to serve metrics; None: nowhere.
    """

    live: bool = False
    metrics_port: int | None = None


def watching_options(command: F) -> F:
    """Give a command both options; they come as ``live`` and ``metrics_port``."""
    live = click.option(
        "--live",
        is_flag=True,
        help="Show the run in a browser on this computer while it goes on: prints the address of "
        "the page, which nobody else can read.",
    )
    metrics = click.option(
        "--metrics-port",
        type=click.IntRange(0, 65535),
        metavar="PORT",
        help="Serve figures of the run for Prometheus at this port of the loopback address; 0: a "
        "free one.",
    )
    return live(metrics(command))


@contextlib.asynccontextmanager
async def watched(
    watching: Watching, bus: EventBus, tell: Callable[[str], None]
) -> AsyncIterator[None]:
    """Let others watch while the body runs.

    Args:
        watching: What was asked for.
        bus: Tells the events.
        tell: Is told the addresses.

    Raises:
        ConfigError: It cannot be served, or the extra for metrics is not installed.
    """
    async with contextlib.AsyncExitStack() as stack:
        if watching.live:
            from dlcore.cli.live.page import shown_live

            await stack.enter_async_context(shown_live(bus, tell))
        if watching.metrics_port is not None:
            require("metrics")
            from dlcore.cli.live.metrics import served_metrics

            stack.enter_context(served_metrics(bus, watching.metrics_port, tell))
        yield
