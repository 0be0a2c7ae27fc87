"""Options whose values are checked when they are read, and not only when they are used.

So every command refuses a value before it does anything, and `dlcore config show` tells what its
command would refuse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

T = TypeVar("T", bound=str | tuple[str, ...])


def checked_by(
    check: Callable[[str], None],
) -> Callable[[click.Context, click.Parameter, T], T]:
    """The callback of an option with one value or several, each of which must pass a check.

    Args:
        check: Raises `ConfigError` if a value cannot be used.
    """

    def checked(ctx: click.Context, param: click.Parameter, value: T) -> T:
        for each in [value] if isinstance(value, str) else value:
            check(each)
        return value

    return checked
