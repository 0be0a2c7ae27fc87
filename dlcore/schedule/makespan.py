"""The shortest possible makespan of a sequence: every run is measured by it.

Steps run in a fixed order and share one link, which makes the sequence a two-machine flow shop
with a given permutation: machine one is the link, machine two runs the steps. Let ``D_i`` be the
time that the link needs for the content of steps ``1..i``, and ``r_k`` the run time of step ``k``.
No schedule ends before ``max_i (D_i + sum of r_k for k >= i)``, nor before the sum of all ``r_k``.
Giving the whole link to the earliest-needed package reaches it.

Source: Johnson, "Optimal two- and three-stage production schedules with setup times included",
Naval Research Logistics Quarterly 1, 1954 (the makespan of a given permutation).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple


class StepLoad(NamedTuple):
    """One step: the bytes that must arrive for it and for no earlier step, and its run time."""

    new_bytes: int
    run_s: float


def lower_bound_s(steps: Sequence[StepLoad], link_bytes_per_s: float) -> float:
    """Seconds that no schedule can beat over a link of ``link_bytes_per_s`` bytes per second.

    A rate of 0.0 means that the link does not matter, because nothing has to be fetched.
    """
    return lower_bound_of_arrivals_s(steps, lambda count: _seconds(count, link_bytes_per_s))


def lower_bound_of_arrivals_s(
    steps: Sequence[StepLoad], arrived_s: Callable[[int], float]
) -> float:
    """Seconds that no schedule can beat over a link whose rate changes.

    Args:
        steps: All steps in order.
        arrived_s: Gives the time at which the link has brought a number of bytes, in seconds since
            the beginning.
    """
    remaining_s = sum(step.run_s for step in steps)
    bound_s = remaining_s
    arrived_bytes = 0
    for step in steps:
        arrived_bytes += step.new_bytes
        bound_s = max(bound_s, arrived_s(arrived_bytes) + remaining_s)
        remaining_s -= step.run_s
    return bound_s


def without_overlap_s(total_bytes: int, run_s: float, link_bytes_per_s: float) -> float:
    """Seconds when nothing is downloaded while a step runs.

    This is download-first with the bytes of every referenced package, and stop-at-every-step
    with the bytes of the steps that run.
    """
    return _seconds(total_bytes, link_bytes_per_s) + run_s


def _seconds(count_bytes: int, link_bytes_per_s: float) -> float:
    return count_bytes / link_bytes_per_s if link_bytes_per_s else 0.0
