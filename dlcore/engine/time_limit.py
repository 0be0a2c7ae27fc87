"""What a time limit for servers that bring nothing means for those who ask again.

Without one, a server that stalls is asked three times, so that silence ends within about a minute.
With one, the caller has said how long silence may last, so a second one in a row ends the patience
with a server: the first may have been a connection that was lost on the way.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from dlcore.engine.download.inquiry import InquiryPolicy
from dlcore.errors import ConfigError
from dlcore.schedule import Policy

MAX_STALLS: Final = 2
"""In a row, of a server that has a time limit."""


def checked_timeout_s(timeout_s: float | None) -> float | None:
    """The limit, if it is one.

    Raises:
        ConfigError: It is not above 0, or has no end.
    """
    if timeout_s is not None and not (timeout_s > 0 and math.isfinite(timeout_s)):
        raise ConfigError(
            f"{timeout_s:g} s is not a time limit",
            remedy="Give a number of seconds above 0, with --timeout (timeout_s).",
        )
    return timeout_s


def inquiry_policy(timeout_s: float | None, total_s: float | None) -> InquiryPolicy:
    """How patiently documents are asked for.

    Args:
        timeout_s: The time limit; None if there is none.
        total_s: Seconds for which the caller wants to go on asking; None if nothing is said.
    """
    usual = InquiryPolicy.lasting(total_s)
    if timeout_s is None or total_s is not None:
        return usual
    return msgspec.structs.replace(usual, max_stalls=MAX_STALLS)


def max_stalls(timeout_s: float | None) -> int:
    """How often in a row an endpoint may stall with content, before it is dropped."""
    return Policy().max_stalls if timeout_s is None else MAX_STALLS
