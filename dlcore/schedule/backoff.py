"""How long to wait before something that failed is tried again: exponential, with full jitter.

Guarantees: pure. A wait is never longer than its ceiling; the ceiling doubles with each failure in
a row, up to a bound. The wait itself is a random share of it, so that clients that failed together
do not come back together.

Source: AWS Architecture Blog, "Exponential Backoff And Jitter", 2015.
"""

from __future__ import annotations


def ceiling_s(failures: int, first_s: float, max_s: float) -> float:
    """The longest wait, in seconds, after a number of failures in a row.

    Args:
        failures: 1 or more.
        first_s: The ceiling after the first failure.
        max_s: The highest ceiling.
    """
    doublings = min(max(0, failures - 1), 64)  # more would leave the range of numbers
    return min(max_s, first_s * 2.0**doublings)


def backoff_s(failures: int, share: float, *, first_s: float, max_s: float) -> float:
    """The wait, in seconds.

    Args:
        failures: As for `ceiling_s`.
        share: Of the ceiling: random, in ``[0, 1)``.
        first_s: As for `ceiling_s`.
        max_s: As for `ceiling_s`.
    """
    return share * ceiling_s(failures, first_s, max_s)
