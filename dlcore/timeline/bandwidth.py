"""How many bytes came when, and from where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from dlcore.engine.events import EndpointProgress, Progress

MIN_SAMPLE_S = 0.2  # a shorter time says little about a rate: it is added to the one before


class Sample(msgspec.Struct, frozen=True):
    """What came in a time.

    Attributes:
        begin_s: Seconds into the run.
        end_s: Seconds into the run.
        by_endpoint: Payload bytes of each endpoint.
        connections: Requests in flight at each endpoint at its end.
    """

    begin_s: float
    end_s: float
    by_endpoint: dict[str, int]
    connections: dict[str, int]

    @property
    def length_s(self) -> float:
        """How long it is, in seconds."""
        return self.end_s - self.begin_s

    @property
    def bytes_per_s(self) -> float:
        """The rate of all endpoints together."""
        return sum(self.by_endpoint.values()) / self.length_s if self.length_s else 0.0

    def bytes_per_s_of(self, endpoint: str) -> float:
        """The rate of one endpoint."""
        return self.by_endpoint.get(endpoint, 0) / self.length_s if self.length_s else 0.0

    def is_busy(self, endpoint: str) -> bool:
        """Whether the endpoint was asked for anything."""
        return bool(self.by_endpoint.get(endpoint) or self.connections.get(endpoint))


class BandwidthSoFar:
    """Hears progress, which counts what has come since its process began."""

    def __init__(self) -> None:
        self._samples: list[Sample] = []
        self._counted: Mapping[str, EndpointProgress] = {}
        self._counted_s = 0.0

    def begin_process(self, now_s: float) -> None:
        """The counters are at zero."""
        self._counted, self._counted_s = {}, now_s

    def hear(self, progress: Progress, now_s: float) -> None:
        """Count what has come until now, at a time in seconds since the run began."""
        nothing = EndpointProgress(0, 0.0)
        came = {
            name: own.received_bytes - self._counted.get(name, nothing).received_bytes
            for name, own in progress.endpoints.items()
        }
        connections = {name: own.connections for name, own in progress.endpoints.items()}
        sample = Sample(self._counted_s, now_s, came, connections)
        last = self._samples[-1] if self._samples else None
        if last and last.end_s == sample.begin_s and sample.length_s < MIN_SAMPLE_S:
            together = dict(Counter(last.by_endpoint) + Counter(came))
            self._samples[-1] = msgspec.structs.replace(last, end_s=now_s, by_endpoint=together)
        else:
            self._samples.append(sample)
        self._counted, self._counted_s = progress.endpoints, now_s

    def all(self) -> tuple[Sample, ...]:
        """All samples, in order."""
        return tuple(self._samples)


def came_between(samples: Sequence[Sample], begin_s: float, end_s: float) -> dict[str, float]:
    """Endpoint -> bytes that it brought in a time; those of a sample came evenly."""
    came = dict[str, float]()
    for sample in samples:
        share_s = min(end_s, sample.end_s) - max(begin_s, sample.begin_s)
        if share_s > 0:
            for name, count in sample.by_endpoint.items():
                came[name] = came.get(name, 0.0) + count * share_s / sample.length_s
    return came


def arrived_s(samples: Sequence[Sample], count_bytes: int) -> float:
    """When ``count_bytes`` had come, in seconds since the run began; the end if they never had."""
    for sample in samples:
        came = sum(sample.by_endpoint.values())
        if came and count_bytes <= came:
            return sample.begin_s + sample.length_s * count_bytes / came
        count_bytes -= came
    return samples[-1].end_s if samples and count_bytes > 0 else 0.0


def silent_s(samples: Sequence[Sample], begin_s: float, end_s: float) -> float:
    """Seconds of a time in which nothing came at all."""
    return sum(
        max(0.0, min(end_s, sample.end_s) - max(begin_s, sample.begin_s))
        for sample in samples
        if not any(sample.by_endpoint.values())
    )


def length_s(samples: Sequence[Sample]) -> float:
    """How long samples are together, in seconds."""
    return sum(sample.length_s for sample in samples)


def mean_bytes_per_s(samples: Sequence[Sample]) -> float:
    """The rate of samples together."""
    came = sum(sum(sample.by_endpoint.values()) for sample in samples)
    return came / length_s(samples) if samples else 0.0


def best_bytes_per_s(samples: Sequence[Sample]) -> float:
    """The rate that was reached or passed for a tenth of the time in which anything came."""
    busy = sorted((s for s in samples if s.bytes_per_s), key=lambda s: -s.bytes_per_s)
    left_s = length_s(busy) / 10
    for sample in busy:
        left_s -= sample.length_s
        if left_s <= 0:
            return sample.bytes_per_s
    return 0.0


def merged(samples: Sequence[Sample], at_most: int) -> tuple[Sample, ...]:
    """The samples, neighbors put together until there are few enough."""
    few = tuple(samples)
    while len(few) > at_most:
        pairs = (few[n : n + 2] for n in range(0, len(few), 2))
        few = tuple(_together(*pair) for pair in pairs)
    return few


def _together(first: Sample, second: Sample | None = None) -> Sample:
    if second is None:
        return first
    came = dict(Counter(first.by_endpoint) + Counter(second.by_endpoint))
    return Sample(first.begin_s, second.end_s, came, second.connections)
