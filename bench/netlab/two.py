"""Two endpoints on paths of their own, used together; then the faster one fails half-way."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from bench.netlab import experiment
from bench.netlab.laboratory import Laboratory, laboratory
from bench.netlab.link import Link
from bench.netlab.outcome import Outcome, Verdict
from bench.netlab.supplies import Supply, one_object

LINKS = (Link(200, 40), Link(50, 60))
MIB = 256
SHARE = 0.93


class Failure:
    """Makes the faster endpoint fail once half of the content has arrived.

    Attributes:
        at_s: When that was; 0.0 before.
    """

    def __init__(self, lab: Laboratory, supply: Supply, fail: Callable[[], None]) -> None:
        self._sides, self._fail = lab.sides, fail
        self._wanted_bytes = supply.length_bytes
        self._left_bytes = self._from_failed_bytes = 0
        self.at_s = 0.0

    def watch(self) -> None:
        """Look how far it is."""
        if self.at_s:
            return
        got_bytes = experiment.carried_bytes(self._sides)
        if got_bytes >= self._wanted_bytes // 2:
            self._from_failed_bytes = experiment.carried_bytes(self._sides[:1])
            self._fail()
            self.at_s = time.monotonic()
            self._left_bytes = self._wanted_bytes - got_bytes

    def left_bytes(self) -> int:
        """What was left to the slower link: a server that has ended had sent more before."""
        late_bytes = experiment.carried_bytes(self._sides[:1]) - self._from_failed_bytes
        return self._left_bytes - late_bytes


def run(folder: Path) -> Outcome:
    """Measure all three: together, the faster one unplugged, the faster one's server gone."""
    supply = one_object(folder, MIB)
    share, notes = _together(folder, supply)
    verdicts = [Verdict("share of both links' sum", share, SHARE)]
    for how in ("unplugged", "server stopped"):
        left, note = _failing(folder, supply, how)
        verdicts.append(Verdict(f"share of the slower link, the faster {how}", left, SHARE))
        notes.append(note)
    return Outcome("two", "; ".join(map(str, LINKS)), [], verdicts, [], notes)


def _together(folder: Path, supply: Supply) -> tuple[float, list[str]]:
    with laboratory(folder, LINKS) as lab:
        done = experiment.fetch(folder, supply, experiment.named_urls(lab, folder, supply))
    share = done.run.rate_bytes_per_s / sum(link.payload_bytes_per_s for link in LINKS)
    told = experiment.by_endpoint(done.report)
    return share, [f"together {done.run.cost.wall_s:.2f} s; {told}"]


def _failing(folder: Path, supply: Supply, how: str) -> tuple[float, str]:
    with laboratory(folder, LINKS) as lab:
        faster = lab.sides[0]
        fail = faster.wire.cut if how == "unplugged" else faster.server.stop
        failure = Failure(lab, supply, fail)
        sources = experiment.named_urls(lab, folder, supply)
        done = experiment.fetch(folder, supply, sources, watch=failure.watch)
        left_bytes = failure.left_bytes()
    rest_s = done.ended_s - failure.at_s
    share = left_bytes / rest_s / LINKS[1].payload_bytes_per_s
    told = experiment.by_endpoint(done.report)
    return share, f"{how}: {left_bytes / 1e6:.1f} MB left, {rest_s:.2f} s; {told}"
