"""Who sent which portion of a block wrong: those are named, and no honest endpoint ever is."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dlcore.model import BlockInObject, ObjectIndex
from dlcore.schedule import ChecksumOf, Culprit, MixedBlocks, Portion, RejectedBlock, Span
from tests.schedule.packages import LAW

RIGHT = bytes(range(100))
HALVES = (Portion(Span(0, 50), "a"), Portion(Span(50, 100), "b"))
ENDPOINTS = "abcd"


def a_block(number: int = 0, digest: bytes = b"right") -> RejectedBlock:
    return RejectedBlock("p", ObjectIndex(0), BlockInObject(number), digest)


def checksum_of(content: bytes) -> ChecksumOf:
    return lambda span: content[span.start : span.end]


@st.composite
def divided(draw: st.DrawFn) -> tuple[Portion, ...]:
    """A block in portions of several endpoints."""
    inner = draw(st.sets(st.integers(1, len(RIGHT) - 1), max_size=8))
    spans = [Span(*ends) for ends in pairwise([0, *sorted(inner), len(RIGHT)])]
    return tuple(Portion(span, draw(st.sampled_from(ENDPOINTS))) for span in spans)


@LAW
@given(portions=divided(), wrong=st.sets(st.integers(0, len(RIGHT) - 1)))
def test_whichever_bytes_are_wrong_those_who_sent_them_are_named(
    portions: tuple[Portion, ...], wrong: set[int]
) -> None:
    arrived = bytes(byte ^ (at in wrong) for at, byte in enumerate(RIGHT))
    blocks = MixedBlocks(max_blocks=1)
    blocks.rejected(a_block(), portions, checksum_of(arrived))
    named = blocks.verified(a_block(), checksum_of(RIGHT))
    of_each_byte = [p.endpoint for p in portions for _ in range(p.span.length_bytes)]
    liars = sorted({of_each_byte[at] for at in wrong})
    assert sorted(culprit.endpoint for culprit in named) == liars
    for endpoint, wrong_bytes in named:
        assert sum(of_each_byte[at] == endpoint for at in wrong) <= wrong_bytes
        assert wrong_bytes <= of_each_byte.count(endpoint)


def test_each_rejection_is_judged_once() -> None:
    blocks = MixedBlocks(max_blocks=1)
    blocks.rejected(a_block(), HALVES, checksum_of(bytes(100)))
    assert a_block() in blocks
    assert blocks.verified(a_block(), checksum_of(RIGHT)) == [Culprit("a", 50), Culprit("b", 50)]
    assert a_block() not in blocks
    assert blocks.verified(a_block(), checksum_of(RIGHT)) == []


def test_other_content_in_the_place_of_a_block_says_nothing_about_it() -> None:
    """A package may be wanted again in another version."""
    blocks = MixedBlocks(max_blocks=1)
    blocks.rejected(a_block(), HALVES, checksum_of(RIGHT[:50] + bytes(50)))
    assert blocks.verified(a_block(digest=b"other"), checksum_of(bytes(100))) == []
    assert blocks.verified(a_block(), checksum_of(RIGHT)) == [Culprit("b", 50)]


@LAW
@given(rejected=st.lists(st.integers(0, 9)), max_blocks=st.integers(1, 4))
def test_only_the_latest_blocks_are_remembered(rejected: list[int], max_blocks: int) -> None:
    blocks = MixedBlocks(max_blocks)
    for number in rejected:
        blocks.rejected(a_block(number), HALVES, checksum_of(RIGHT))
        assert len(blocks) <= max_blocks
    latest = list(dict.fromkeys(reversed(rejected)))[:max_blocks]
    assert {number for number in range(10) if a_block(number) in blocks} == set(latest)
