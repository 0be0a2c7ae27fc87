"""What an endpoint cost, in words: waits, failed requests, wrong content, renewals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dlcore.engine.numbers_for_people import amount, counted, duration
from dlcore.timeline.endpoints import EndpointTimes

MIN_COST_S: Final = 0.05  # below, it is the time that any request takes


def costs(own: EndpointTimes) -> Iterator[str]:
    """What an endpoint cost, in words, without what took hardly any time."""
    cost = own.cost
    if cost.backed_off_s >= MIN_COST_S:
        yield f"not asked for {duration(cost.backed_off_s)} after failures"
    if cost.asked_later_s >= MIN_COST_S:
        yield f"asked for {duration(cost.asked_later_s)} of patience before it told what it holds"
    if cost.failed_s >= MIN_COST_S:
        yield f"failed requests took {duration(cost.failed_s)}"
    if cost.rejected_bytes:
        took = f", {duration(cost.rejected_bytes / own.bytes_per_s)}" if own.bytes_per_s else ""
        yield f"{amount(cost.rejected_bytes)} of wrong content{took}"
    if cost.renewals:
        took = f", {duration(cost.renewed_s)}" if cost.renewed_s >= MIN_COST_S else ""
        yield f"{counted(cost.renewals, 'renewal')} of its token, signature or locations{took}"


def cost_told(own: EndpointTimes) -> Iterator[str]:
    """One sentence with all that it cost; none if it cost nothing."""
    told = "; ".join(costs(own))
    if told:
        yield f"What that cost: {told}."
