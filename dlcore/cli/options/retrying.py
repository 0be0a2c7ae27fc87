"""The options that say how long endpoints are waited for, and how often they are asked again."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from dlcore.cli.options.numbers import NumberRange
from dlcore.engine.download.retry import UNLIMITED, Retry
from dlcore.transfer import TransferPolicy

Command = TypeVar("Command", bound=Callable[..., Any])

timeout_option = click.option(
    "--timeout",
    "timeout_s",
    type=NumberRange(min=0, min_open=True, max=86400),
    default=None,
    metavar="SECONDS",
    help="Give up a request (its connection attempt included) that brings nothing for this time. "
    "A server with two such requests in a row is not asked again before the next retry.  [default: "
    f"{TransferPolicy().stall_s:g}, and six times in a row]",
)

_OPTIONS = (
    click.option(
        "--retries",
        type=click.IntRange(0, UNLIMITED),
        default=None,
        help="How many times to ask all endpoints again when none is left that serves the "
        f"content, each time after a random wait that grows.  [default: {Retry().count}, or as "
        "often as --retry-time allows]",
    ),
    click.option(
        "--retry-time",
        "retry_time_s",
        type=NumberRange(min=0),
        default=None,
        metavar="SECONDS",
        help="How long to go on asking, since anything last arrived; also when no server answers "
        "at the beginning.",
    ),
)


def retry_options(command: Command) -> Command:
    """Give a command these options; it gets them as one argument, ``retry``."""

    @functools.wraps(command)
    def packed(
        *arguments: Any, retries: int | None, retry_time_s: float | None, **options: Any
    ) -> Any:
        if retries is None:
            retries = Retry().count if retry_time_s is None else UNLIMITED
        return command(*arguments, retry=Retry(retries, total_s=retry_time_s), **options)

    for option in reversed(_OPTIONS):
        packed = option(packed)
    return packed  # type: ignore[return-value]  # it takes the same arguments but for these
