"""Results as the laboratory would have them."""

from __future__ import annotations

from bench.cost import Cost
from bench.netlab.comparison import Entry
from bench.netlab.link import Traffic
from bench.netlab.measure import Result, Run

MIB = 1 << 20


def result(share: float, *, cut_short: bool = False) -> Result:
    run = Run(64 * MIB, 32 * MIB, Cost(10.0, 1.0, 30 * MIB), cut_short)
    return Result(run, traffic(70 * MIB), share)


def traffic(delivered_bytes: int) -> Traffic:
    return Traffic(
        delivered=1,
        delivered_bytes=delivered_bytes,
        lost=0,
        overflowed=0,
        connections=1,
        up_bytes=0,
        late_mean_us=0.0,
        late_most_us=0.0,
        cpu_s=0.0,
    )


def entry(tool: str, *shares: float, cut_short: bool = False) -> Entry:
    verified = "every block, on arrival" if tool == "dlcore" else "nothing"
    return Entry(tool, verified, [result(share, cut_short=cut_short) for share in shares])
