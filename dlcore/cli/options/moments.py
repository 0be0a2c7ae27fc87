"""Moments to come, as people write them on a command line."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

import click

from dlcore.printable import quoted

_CLOCK: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_AFTER: Final = re.compile(r"\+([0-9]{1,6})([smhd])", re.ASCII)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
HOW_TO_WRITE: Final = "Write it as 06:00, 2026-12-01T06:00, or +8h (s, m, h, d)."


def parse_moment(text: str, now: datetime) -> datetime:
    """The moment that a text means, with its offset from UTC.

    Args:
        text: A time of day (the next one), a date and a time (local unless it has an offset), or
            how long from now.
        now: The machine's wall clock, without an offset.

    Raises:
        ValueError: It is not a time, or the time has passed.
    """
    text = text.strip()
    if found := _AFTER.fullmatch(text):
        return now.astimezone() + timedelta(**{_UNITS[found[2]]: int(found[1])})
    if found := _CLOCK.fullmatch(text):
        clock = now.replace(hour=int(found[1]), minute=int(found[2]), second=0, microsecond=0)
        return (clock if clock > now else clock + timedelta(days=1)).astimezone()
    try:
        moment = datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise ValueError("not a time") from None
    if moment <= now.astimezone():
        raise ValueError("has already passed")
    return moment


def moment_of(ctx: click.Context, param: click.Parameter, text: str | None) -> datetime | None:
    """The callback of an option that is a moment; None if it was not given.

    Raises:
        BadParameter: It is not a time, or the time has passed.
    """
    if text is None:
        return None
    try:
        return parse_moment(text, datetime.now())  # noqa: DTZ005  # what people mean
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(f"{quoted(text)}: {error}. {HOW_TO_WRITE}") from None
