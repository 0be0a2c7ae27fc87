"""Small objects and long ones in step: neither the link nor the round trips wait for the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from dlcore.model import BlockExtent, Manifest, ObjectIndex
from dlcore.schedule import Policy, RequestNumber
from dlcore.schedule.block_map import BlockMap
from tests.schedule.packages import LAW, sized

POLICY = Policy()
SMALL_BYTES = POLICY.small_object_bytes
BLOCK_BYTES = 256 << 10
MAX_BYTES = 16 << 20
SLACK = 1.3  # a few connections that wait by turns neither fill a link nor are all at work


class Path(NamedTuple):
    """Some connections, the link that they share, and what each request costs besides.

    Attributes:
        connections: Number of them.
        link_bytes_per_s: Of all together.
        connection_bytes_per_s: The most of one.
        overhead_s: Before the first byte of each range.
    """

    connections: int
    link_bytes_per_s: float
    connection_bytes_per_s: float
    overhead_s: float

    def makespan_s(self, lengths: Callable[[], int | None]) -> float:
        """Time until all has arrived; each free connection takes the next request."""
        now_s = 0.0
        waits: list[float] = []
        rests: list[float] = []
        while True:
            while len(waits) < self.connections and (length_bytes := lengths()):
                waits.append(self.overhead_s)
                rests.append(length_bytes)
            if not waits:
                return now_s
            flowing = sum(not wait_s for wait_s in waits)
            rate_bytes_per_s = min(
                self.connection_bytes_per_s, self.link_bytes_per_s / max(1, flowing)
            )
            pairs = list(zip(waits, rests, strict=True))
            step_s = min(wait_s or rest / rate_bytes_per_s for wait_s, rest in pairs)
            now_s += step_s
            rests = [rest if w else rest - step_s * rate_bytes_per_s for w, rest in pairs]
            waits = [max(0.0, w - step_s) if w - step_s > 1e-9 else 0.0 for w in waits]
            there = [at for at, rest in enumerate(rests) if rest < 1e-3]
            waits = [w for at, w in enumerate(waits) if at not in there]
            rests = [rest for at, rest in enumerate(rests) if at not in there]

    def bound_s(self, lengths: list[int]) -> float:
        """No order is quicker: the link is full all the time, or each connection is at work."""
        all_bytes = sum(lengths)
        requests = sum(-(-length // BLOCK_BYTES) for length in lengths)
        work_s = requests * self.overhead_s + all_bytes / self.connection_bytes_per_s
        return max(all_bytes / self.link_bytes_per_s, work_s / self.connections)

    @property
    def range_s(self) -> float:
        """The longest that one range may take."""
        share_bytes_per_s = min(
            self.connection_bytes_per_s, self.link_bytes_per_s / self.connections
        )
        return self.overhead_s + BLOCK_BYTES / share_bytes_per_s


def package(lengths: list[int]) -> Manifest:
    return sized(lengths, block_bytes=BLOCK_BYTES)


def taken(lengths: list[int]) -> Callable[[], int | None]:
    """Lengths of the requests, one block each, as a block map gives them out."""
    manifest = package(lengths)
    block_map = BlockMap("p", manifest, bytes(manifest.first_blocks[-1]), POLICY)

    def ranges() -> Iterator[int]:
        owner = 0
        while blocks := take(block_map, owner):
            start, end = manifest.extent_span(blocks)
            yield end - start
            owner += 1

    each = ranges()
    return lambda: next(each, None)


@LAW
@given(
    small=st.lists(st.integers(1, SMALL_BYTES), min_size=1, max_size=20),
    times=st.integers(20, 40),
    long=st.lists(st.integers(SMALL_BYTES + 1, MAX_BYTES), min_size=1, max_size=20),
    order=st.sampled_from([1, -1]),
    connections=st.sampled_from([4, 8, 16, 32]),
    overhead_s=st.sampled_from([0.005, 0.02, 0.08]),
    full_for=st.sampled_from([0.5, 0.7, 1.0, 1.4, 2.0]),
)
def test_whatever_is_the_bottleneck_it_is_busy_all_the_time(
    small: list[int],
    times: int,
    long: list[int],
    order: int,
    connections: int,
    overhead_s: float,
    full_for: float,
) -> None:
    """The link is full for that share of the time for which all connections are at work."""
    lengths = [*(small * times), *long][::order]
    path = Path(connections, 1e12, 1e8, overhead_s)
    path = path._replace(link_bytes_per_s=sum(lengths) / (path.bound_s(lengths) * full_for))
    alone_s = max(path.makespan_s(taken(sort)) for sort in (small * times, long))
    min_s = max(alone_s, path.bound_s(lengths))
    assert path.makespan_s(taken(lengths)) <= SLACK * min_s + 2 * path.range_s


def test_one_after_the_other_takes_as_long_as_both_together() -> None:
    path = Path(connections=16, link_bytes_per_s=1e7, connection_bytes_per_s=1e7, overhead_s=0.08)
    small, long = [4000] * 2000, [BLOCK_BYTES] * 400
    apart_s = path.makespan_s(taken(small)) + path.makespan_s(taken(long))
    for lengths in (small + long, long + small):
        assert path.makespan_s(taken(lengths)) < 0.6 * apart_s


def test_small_objects_are_not_all_left_for_the_end_nor_long_ones() -> None:
    manifest = package([*([1000] * 100), *([BLOCK_BYTES] * 100)])
    block_map = BlockMap("p", manifest, bytes(200), POLICY)
    taken = [take(block_map, owner) for owner in range(200)]
    kinds = [blocks.object >= 100 for blocks in taken if blocks]
    assert all(abs(sum(kinds[:at]) - at / 2) <= 1 for at in range(200))


def test_an_endpoint_that_holds_only_one_sort_is_given_that() -> None:
    block_map = BlockMap("p", package([1000] * 10 + [BLOCK_BYTES] * 10), bytes(20), POLICY)
    for owner in range(10):
        blocks = take(block_map, owner, lambda index: index >= 10)
        assert blocks
        assert blocks.object == 10 + owner
    assert take(block_map, 10, lambda index: index >= 10) is None
    assert block_map.is_servable(lambda index: index < 10)
    assert not block_map.is_servable(lambda index: index >= 10)


def test_what_is_missing_is_known_to_the_byte() -> None:
    lengths = [SMALL_BYTES, SMALL_BYTES + 1, 3 * BLOCK_BYTES + 5]
    block_map = BlockMap("p", package(lengths), bytes([0, 0, 0, 1, 0, 0]), POLICY)
    assert (block_map.missing, block_map.missing_bytes) == (5, sum(lengths) - BLOCK_BYTES)
    taken_blocks = [take(block_map, owner) for owner in range(5)]
    assert (block_map.missing, block_map.missing_bytes) == (0, 0)
    for owner, blocks in enumerate(taken_blocks):
        assert blocks
        block_map.give_back(RequestNumber(owner), blocks)
    assert (block_map.missing, block_map.missing_bytes) == (5, sum(lengths) - BLOCK_BYTES)


def take(
    block_map: BlockMap, number: int, may_serve: Callable[[ObjectIndex], bool] = lambda _: True
) -> BlockExtent | None:
    blocks = block_map.next_missing(may_serve, lambda _: False, 1)
    if blocks:
        block_map.begin(RequestNumber(number), blocks, "e")
    return blocks
